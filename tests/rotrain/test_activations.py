"""What a Mamba-2 layer computes again for its gradients: the same bits, and no scan kernel twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from conftest import shape
from rotrain.models import scan_mamba_ssm
from rotrain.models.activations import activations_kept, activations_recomputed
from rotrain.models.decoder import Decoder
from rotrain.models.kernels import choose

TOKENS = torch.randint(300, (2, 49), generator=torch.Generator().manual_seed(1))


def gradients(arch: str, document_end: int | None, *, autocast: bool, **changed: Any) -> list[Tensor]:
    model = Decoder(shape(arch, document_end=document_end), replace(choose(300), **changed))
    model.init_weights(0)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = model.loss(TOKENS[:, :-1], TOKENS[:, 1:])
    return [loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("arch", "document_end"), [("mamba2", None), ("mamba2", 0), ("mamba2-hybrid", None)])
def test_computing_again_gives_the_same_bits(arch: str, document_end: int | None, autocast: bool) -> None:
    kept, again = (
        gradients(arch, document_end, autocast=autocast, activations=function)
        for function in (activations_kept, activations_recomputed)
    )
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


def test_a_scan_kernel_runs_once_and_its_output_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def forward(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, chunk: int, **words: Any) -> Any:
        calls.append("forward")
        # What a second call gave would differ.
        return x * len(calls), x.new_zeros(*x.shape[:1], *x.shape[2:], b.shape[3])

    def backward(dy: Tensor, x: Tensor, dt: Tensor, a: Tensor, *others: Any, **words: Any) -> Any:
        calls.append("backward")
        for name in ("dx", "ddt", "dB", "dC"):
            words[name].fill_(1)
        return words["dx"], words["ddt"], torch.ones_like(a), words["dB"], words["dC"]

    monkeypatch.setattr(scan_mamba_ssm, "passes", lambda: (forward, backward))
    found = []
    for function in (activations_kept, activations_recomputed):
        calls.clear()
        found.append(
            gradients(
                "mamba2", None, autocast=False, activations=function, scan=scan_mamba_ssm.scan_mamba_ssm
            )
        )
        layers = shape("mamba2").layers
        assert calls == ["forward"] * layers + ["backward"] * layers
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_nothing_is_kept_without_gradients() -> None:
    with torch.no_grad():
        assert not activations_recomputed(torch.exp, torch.ones(2, requires_grad=True)).requires_grad
