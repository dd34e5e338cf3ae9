"""Our scan against mamba-ssm's Triton kernels, forward and backward, without a GPU.

`make test-system` puts the package into target/mamba-ssm, where this looks for it; an installed
one serves too.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def package() -> Path | None:
    """The folder that holds the package."""
    spec = importlib.util.find_spec("mamba_ssm")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parents[1]
    built = HERE.parents[1] / "target" / "mamba-ssm"
    return built if (built / "mamba_ssm").is_dir() else None


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton has no build for this system")
def test_the_kernels_of_mamba_ssm_agree_with_ours() -> None:
    folder = package()
    if folder is None:
        pytest.skip("mamba-ssm is not here: `make test-system` fetches it")
    done = subprocess.run(
        [sys.executable, str(HERE / "interpreted.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["calls"] == ["forward", "backward"] * 4
    for case, distances in found["distances"].items():
        # fp32 with differences of cumulative sums on both sides; bf16 rounds by 2^-9 at each product.
        assert max(distances.values()) < (2e-2 if case == "bf16" else 2e-5), (case, distances)


# Bytes of shared memory that a block may have, by compute capability (CUDA C++ Programming Guide).
SHARED = {"80": 163 * 1024, "89": 99 * 1024, "90": 227 * 1024}


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton has no build for this system")
def test_the_kernels_of_mamba_ssm_compile_for_gpus() -> None:
    folder = package()
    if folder is None:
        pytest.skip("mamba-ssm is not here: `make test-system` fetches it")
    done = subprocess.run(
        [sys.executable, str(HERE / "compiled_mamba.py"), str(folder), *SHARED],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for capability, kernels in json.loads(done.stdout).items():
        assert len(kernels) == 14, kernels.keys()
        for name, used in kernels.items():
            assert used["shared"] <= SHARED[capability], (capability, name, used)
            # More registers than 255 a thread there are not; what does not fit is on the stack.
            assert used["REG"] < 255 and used["STACK"] == used["LOCAL"] == 0, (capability, name, used)
