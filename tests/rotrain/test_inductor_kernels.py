"""The compiler's own Triton kernels of every architecture, as machine code of GPUs. It takes minutes: `make test-system`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rotrain.models.presets import ARCHS

# Bytes of shared memory that a block may have, by compute capability (CUDA C++ Programming Guide, table of capabilities).
SHARED = {80: 163 * 1024, 89: 99 * 1024, 90: 227 * 1024}


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton has no build for this system")
@pytest.mark.parametrize("capability", SHARED)
def test_the_kernels_of_every_architecture_fit_a_gpu(capability: int) -> None:
    models = [*sorted(ARCHS), "mamba2 without mamba-ssm"]
    program = Path(__file__).parent / "inductor_kernels.py"
    done = subprocess.run(
        [sys.executable, str(program), str(capability), *models], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert list(found) == models
    for model, passes in found.items():
        assert set(passes) == {"forward", "backward"}
        for kernels in passes.values():
            assert len(kernels) >= 4, (model, kernels)  # norms, gates, rotations, copies of weights
            for name, used in kernels.items():
                assert used["shared"] <= SHARED[capability], (model, name, used)
                # Nothing is spilled to memory in at least one of the configurations that the compiler tries.
                assert 0 < used["REG"] <= 255, (model, name, used)
                assert used["STACK"] == used["LOCAL"] == 0, (model, name, used)
