"""Blocks are compiled one by one, as on a GPU: equal blocks share a program, and nothing changes. No C++ compiler is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from conftest import shape
from rotrain.config import Optim
from rotrain.models.activations import activations_kept, activations_recomputed
from rotrain.models.decoder import Decoder
from rotrain.models.kernels import choose
from rotrain.runtime.device import Hardware, resolve_machine
from rotrain.runtime.distributed import Distributed
from rotrain.train import learner as module
from rotrain.train.learner import Learner


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace forward and backward pass as for a GPU, and run what was traced operation by operation."""
    compile_module = nn.Module.compile

    def compile_traced(self: nn.Module, **options: Any) -> None:
        compile_module(self, backend="aot_eager", **options)

    monkeypatch.setattr(nn.Module, "compile", compile_traced)
    torch._dynamo.reset()
    counters.clear()


def learner_of(arch: str, strategy: str = "none", **ops: Any) -> Learner:
    from rotrain.config import Runtime

    model = Decoder(shape(arch, layers=6), replace(choose(300), **ops))
    model.init_weights(0)
    hardware = Hardware(None, False, False, False, False)
    machine = resolve_machine(Runtime(device="cpu", precision="fp32", compile="on"), hardware, 0.0, threads=1)
    return Learner(model, Optim(lr=1e-3), machine, Distributed(), strategy)


@pytest.mark.parametrize(
    ("arch", "kinds", "activations"),
    [
        ("llama-gqa", 1, activations_kept),
        ("mamba2-hybrid", 2, activations_kept),
        ("mamba2-hybrid", 2, activations_recomputed),
    ],
)
def test_equal_blocks_share_a_program(arch: str, kinds: int, activations: Callable[..., Any]) -> None:
    plain, compiled = learner_of(arch), learner_of(arch, activations=activations)
    module._compile_blocks(compiled.model)
    batch = torch.randint(0, 300, (4, 49), generator=torch.Generator().manual_seed(1))
    losses = [one.compute_gradients(batch, micro=2, tokens=192) for one in (plain, compiled)]
    assert counters["stats"]["unique_graphs"] == kinds
    assert not counters["graph_break"]
    assert float(losses[1]) == pytest.approx(float(losses[0]), rel=1e-6)
    for a, b in zip(plain.optimizer.parameters, compiled.optimizer.parameters, strict=True):
        assert a.grad is not None and b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-6)


def test_gradients_are_exchanged_while_the_blocks_before_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.broadcast", lambda tensor, src: None)
    one = learner_of("llama-gqa", "ddp")
    module._compile_blocks(one.model)
    first, *_ = one.model.blocks[0].parameters()
    computing: list[bool] = []

    def all_reduce(gradient: torch.Tensor, async_op: bool) -> SimpleNamespace:
        computing.append(first.grad is None)
        return SimpleNamespace(wait=lambda: None)

    monkeypatch.setattr("torch.distributed.all_reduce", all_reduce)
    batch = torch.randint(0, 300, (4, 49), generator=torch.Generator().manual_seed(1))
    one.compute_gradients(batch, micro=4, tokens=192)
    assert not one.finish_gradients(failed=False)
    parameters = list(one.model.parameters())
    before = len(list(one.model.blocks[0].parameters())) + 1  # those of the first block, and the embedding
    assert len(computing) == len(parameters)
    assert computing.count(True) >= len(parameters) - before
    assert not counters["graph_break"] and counters["stats"]["unique_graphs"] == 1


def test_other_lengths_compile_nothing() -> None:
    one = learner_of("llama-gqa")
    module._compile_blocks(one.model)
    with torch.inference_mode():
        one.loss(torch.zeros(1, 7, dtype=torch.long), torch.zeros(1, 7, dtype=torch.long))
    model = one.unsharded_model()
    assert model is not None
    with torch.inference_mode():
        model(torch.zeros(1, 5, dtype=torch.long))
    assert counters["stats"]["unique_graphs"] == 0
