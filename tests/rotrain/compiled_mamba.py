"""mamba-ssm's Triton kernels as machine code: `python compiled_mamba.py FOLDER CAPABILITY...` prints their resources.

The launcher runs on tensors of a CPU with a driver that only names a GPU. Each kernel is compiled as it would be for a
launch, and not launched. FOLDER holds the installed package. MAMBA_DETERMINISTIC picks one configuration a kernel.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"MAMBA_DETERMINISTIC": "1", "TRITON_INTERPRET": "0", "TRITON_CACHE_AUTOTUNING": "0"}

import torch
import triton
from cuobjdump import resources
from interpreted import enter
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction


class NamedGpu:
    """The part of Triton's driver that compiling asks."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_device(self) -> int:
        return self.target.arch

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return self.target


def compile_for(capability: int, run: Any) -> dict[str, dict[str, int]]:
    """Compile what a forward and a backward pass at the widths of 300m would launch."""
    from rotrain.models.scan_mamba_ssm import scan_mamba_ssm

    found: dict[str, dict[str, int]] = {}

    def compile_only(self: Any, *args: Any, grid: Any, warmup: bool, **words: Any) -> Any:
        kernel = run(self, *args, grid=grid, warmup=True, **words)
        with tempfile.TemporaryDirectory() as folder:
            used = resources(kernel.asm["cubin"], Path(folder))
        found[self.fn.__name__] = used | {"shared": kernel.metadata.shared}
        return kernel

    JITFunction.run = compile_only
    triton.runtime.driver.set_active(NamedGpu(capability))
    x = torch.zeros(1, 256, 2, 64, dtype=torch.bfloat16, requires_grad=True)
    dt, rates = torch.ones(1, 256, 2, requires_grad=True), -torch.ones(2)
    b, c = (torch.zeros(1, 256, 1, 128, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    documents = torch.zeros(1, 257, dtype=torch.long)
    scan_mamba_ssm(x, dt, rates, b, c, None, documents, 128)[0].sum().backward()
    return found


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    plain = JITFunction.run
    print(json.dumps({capability: compile_for(int(capability), plain) for capability in sys.argv[2:]}))
