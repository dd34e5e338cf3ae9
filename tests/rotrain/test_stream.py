"""The residual stream in bf16, as on a GPU, against the stream in fp32, on a CPU."""

from __future__ import annotations

import pytest
import torch
from test_models import fresh, tokens
from torch import Tensor

from conftest import shape
from rotrain.models import decoder
from rotrain.models.precision import product_dtype, stream_dtype
from rotrain.models.presets import ARCHS


def losses_and_gradients(arch: str) -> tuple[float, list[Tensor], set[torch.dtype]]:
    """The loss of a model under autocast, its gradients, and the types of the stream between its blocks."""
    config = shape(arch)
    model, batch = fresh(config), tokens(config, 2, 48)
    seen: set[torch.dtype] = set()
    for block in model.blocks:
        block.register_forward_hook(
            lambda module, inputs, output: seen.update({inputs[0].dtype, output.dtype})
        )
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.loss(batch[:, :-1], batch[:, 1:]) / batch[:, 1:].numel()
    loss.backward()
    return loss.item(), [p.grad for p in model.parameters() if p.grad is not None], seen


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_a_narrow_stream_gives_the_loss_and_gradients_of_a_wide_one(
    arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, truth, types = losses_and_gradients(arch)
    assert types == {torch.float32}  # a CPU keeps fp32
    monkeypatch.setattr(decoder, "stream_dtype", product_dtype)
    narrow, found, types = losses_and_gradients(arch)
    # Nothing widens the stream again, block after block.
    assert types == {torch.bfloat16}
    assert narrow == pytest.approx(wide, rel=5e-3)
    for a, b in zip(found, truth, strict=True):
        assert a.dtype == torch.float32
        assert torch.cosine_similarity(a.flatten(), b.flatten(), 0) > 0.99


def test_the_stream_is_narrow_on_cuda_under_autocast_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        here, there = torch.empty(2), torch.empty(2, device="cuda")
    assert stream_dtype(here) == stream_dtype(there) == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert stream_dtype(here) == stream_dtype(there) == torch.float32
    monkeypatch.setattr("rotrain.models.precision.product_dtype", lambda x: torch.bfloat16)
    assert stream_dtype(there) == torch.bfloat16
    assert stream_dtype(here) == torch.float32
