"""What a compiled kernel of a GPU uses, by the tool that comes with Triton."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from triton.backends.nvidia import driver


def resources(cubin: bytes, folder: Path) -> dict[str, int]:
    """Registers, stack and local memory of a kernel."""
    file = folder / "kernel.cubin"
    file.write_bytes(cubin)
    tool = Path(driver.__file__).parent / "bin" / "cuobjdump"
    said = subprocess.run(
        [str(tool), "--dump-resource-usage", str(file)], capture_output=True, text=True, check=True
    ).stdout
    return {name: int(number) for name, number in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", said)}
