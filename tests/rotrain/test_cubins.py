"""Our Triton kernels as machine code of GPUs, which Triton makes without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

triton = pytest.importorskip("triton", reason="triton has no build for this system")

from cuobjdump import resources  # noqa: E402
from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from rotrain.models.softmax_kernel import BLOCK, WARPS, softmax_gradient_kernel  # noqa: E402

# Bytes of shared memory that a block may have, by compute capability (CUDA C++ Programming Guide, table of capabilities).
SHARED = {80: 163 * 1024, 89: 99 * 1024, 90: 227 * 1024}


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_loss_kernel_fits_a_gpu(capability: int, dtype: torch.dtype, tmp_path: Path) -> None:
    logits = {torch.bfloat16: "*bf16", torch.float32: "*fp32"}[dtype]
    source = ASTSource(
        fn=softmax_gradient_kernel,
        signature={
            "logits": logits,
            "labels": "*i64",
            "losses": "*fp32",
            "row_stride": "i64",
            "vocab": "i32",
            "GRADIENT": "constexpr",
            "BLOCK": "constexpr",
        },
        constexprs={"GRADIENT": True, "BLOCK": BLOCK},
        # Tensors start at multiples of 16, and so does every row of a vocabulary that is one.
        attrs={(argument,): [["tt.divisibility", 16]] for argument in (0, 1, 2, 3, 4)},
    )
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": WARPS})
    assert compiled.metadata.shared <= SHARED[capability]
    found = resources(compiled.asm["cubin"], tmp_path)
    # A multiprocessor has 65,536 registers. At 64 a thread four blocks fit, which hide the latency of memory.
    assert 0 < found["REG"] <= 64
    # Every thread moves 16 bytes at a time.
    code = compiled.asm["ptx"]
    assert "ld.global.v4" in code and "st.global.v4" in code
    # Nothing is spilled to memory.
    assert found["STACK"] == found["LOCAL"] == 0
