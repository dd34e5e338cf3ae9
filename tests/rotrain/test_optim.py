"""Muon beside AdamW: which parameters are whose, the update written out, and its state."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from runs import content
from torch import nn

from conftest import fit_config
from rotrain.config import Optim, Runtime
from rotrain.errors import Stopped
from rotrain.models.decoder import Decoder
from rotrain.progress import Progress
from rotrain.run import checkpoint
from rotrain.runtime.device import choose_machine
from rotrain.runtime.distributed import Distributed
from rotrain.train import loop
from rotrain.train.learner import Learner
from rotrain.train.loop import run_training
from rotrain.train.muon import Muon
from rotrain.train.optim import Optimizer
from rotrain.train.plan import make_plan

pytestmark = pytest.mark.usefixtures("tiny_nano")


def model_of(pack: Path) -> Decoder:
    model = Decoder(make_plan(fit_config(pack, Path("x"))).model)
    model.init_weights(0)
    return model


def test_muon_has_the_matrices_of_the_blocks_and_adamw_all_else(pack: Path) -> None:
    model = model_of(pack)
    optimizer = Optimizer(model, Optim(name="muon", lr=1e-3))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    muon, adamw = (
        [names[id(p)] for group in part.param_groups for p in group["params"]] for part, _ in optimizer.parts
    )
    assert sorted(muon + adamw) == sorted(names.values())
    assert all(name.startswith("blocks.") and "norm" not in name for name in muon)
    assert all(name == "embed.weight" or "norm" in name for name in adamw)


def test_a_muon_update_is_the_polar_factor_with_the_size_of_adamw_s(pack: Path) -> None:
    model = model_of(pack)
    config = Optim(name="muon", lr=1e-2, weight_decay=0.0, clip_norm=1e9)
    optimizer = Optimizer(model, config)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
        if parameter.ndim == 2:  # five iterations do not lift singular values near 0: have none
            left, values, right = torch.linalg.svd(parameter.grad, full_matrices=False)
            parameter.grad = left @ torch.linspace(0.2, 1, len(values)).diag() @ right
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    optimizer.clip_gradients()
    optimizer.update(1e-2)
    for name, parameter in model.named_parameters():
        step = (before[name] - parameter.detach()) / 1e-2
        if name.startswith("blocks.") and parameter.ndim == 2:
            # The first step of a momentum is along the gradient; Newton-Schulz brings every singular
            # value near 1 (0.7 to 1.2 by design), and the factor is 0.2 sqrt(max(rows, columns)).
            scale = 0.2 * max(parameter.shape) ** 0.5
            left, _, right = torch.linalg.svd(gradients[name], full_matrices=False)
            inner = left.T @ (step / scale) @ right.T
            assert inner.diagonal().sub(1).abs().max() < 0.45, name
            assert (inner - inner.diagonal().diag()).abs().max() < 0.1, name
            assert 0.1 < step.square().mean().sqrt() < 0.3, name
        else:
            assert torch.allclose(step.abs(), torch.ones_like(step), atol=1e-2), name  # AdamW's first


@pytest.mark.parametrize("products", [torch.bfloat16, torch.float32])
def test_muon_is_pytorch_s_muon_in_the_type_of_the_run(products: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = (24, 64), (64, 24), (32, 32)
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    ours, theirs = ([nn.Parameter(tensor.clone()) for tensor in start] for _ in range(2))
    words: dict[str, Any] = {"lr": 1e-2, "weight_decay": 0.1, "momentum": 0.9}
    sides = (
        (ours, Muon(ours, **words, products=products)),
        (theirs, torch.optim.Muon(theirs, **words, adjust_lr_fn="match_rms_adamw")),
    )
    for _ in range(4):
        gradients = [torch.randn(shape, generator=generator) for shape in shapes]
        for parameters, optimizer in sides:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient.clone()
            optimizer.step()

    moved = max((a - b).abs().max().item() for a, b in zip(ours, start, strict=True))
    differ = max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True))
    assert differ <= 0.02 * moved
    if products is torch.float32:
        assert differ > 1e-4 * moved  # PyTorch's rounds to bf16


def test_a_stack_of_equal_matrices_gives_the_updates_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = (24, 64), (64, 24), (24, 64), (32, 32), (24, 64)
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    alone, together = ([nn.Parameter(tensor.clone()) for tensor in start] for _ in range(2))
    words: dict[str, Any] = {"lr": 1e-2, "weight_decay": 0.1, "momentum": 0.9, "products": torch.float32}
    optimizers = Muon(alone, **words), Muon(together, **words, batched=True)
    for step in range(4):
        gradients = [torch.randn(shape, generator=generator) for shape in shapes]
        for parameters, optimizer in zip((alone, together), optimizers, strict=True):
            for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
                parameter.grad = None if (step, index) == (1, 2) else gradient.clone()
            optimizer.step()
    for one, other in zip(alone, together, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-6)


def test_a_run_in_fp32_orthogonalizes_in_fp32(pack: Path) -> None:
    for precision, products in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        machine = choose_machine(Runtime.model_validate({"device": "cpu", "precision": precision}))
        learner = Learner(model_of(pack), Optim(name="muon", lr=1e-3), machine, Distributed(), "none")
        (muon, _), _ = learner.optimizer.parts
        assert isinstance(muon, Muon) and muon.products is products


def test_a_stopped_muon_run_comes_to_the_same_bytes(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("optim.name=muon", "checkpoint.keep=1")
    summary = run_training(fit_config(pack, tmp_path / "whole", *words, steps=20), Progress())
    assert summary["loss"] < summary["first_loss"] - 1
    saved, _ = checkpoint.find_newest(tmp_path / "whole" / "checkpoints")
    assert saved is not None
    keys = {name.rsplit(".", 1)[1] for name in saved.optimizer() if name.startswith("blocks.0.mlp.down")}
    assert keys == {"momentum_buffer"}

    true = loop._Training._gradients

    def ask(training: loop._Training, signal: int) -> tuple[float, float, int]:
        return true(training, 15 if training.step == 8 else signal)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(loop._Training, "_gradients", ask)
        run_training(fit_config(pack, tmp_path / "run", *words, steps=20), Progress())
    run_training(fit_config(pack, tmp_path / "run", *words, steps=20), Progress())
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_each_of_several_processes_orthogonalizes_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [torch.nn.Parameter(torch.eye(3) * (n + 1)) for n in range(5)]
    for n, weight in enumerate(weights):
        weight.grad = torch.full((3, 3), float(n))
    before = [weight.detach().clone() for weight in weights]
    computed, senders = list[float](), list[int]()

    def orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
        computed.append(float(matrix[0, 0]))
        return torch.ones_like(matrix)

    def broadcast(tensor: torch.Tensor, src: int, async_op: bool) -> SimpleNamespace:
        senders.append(src)
        if src == 0:
            tensor.fill_(2)  # what the other process computed
        return SimpleNamespace(wait=lambda: None)

    monkeypatch.setattr("rotrain.train.muon.orthogonalize", orthogonalized)
    monkeypatch.setattr("torch.distributed.broadcast", broadcast)
    Muon(
        weights,
        lr=1.0,
        weight_decay=0.0,
        momentum=0.0,
        products=torch.float32,
        distributed=Distributed(1, 2),
    ).step()
    assert computed == [1, 3] and senders == [0, 1, 0, 1, 0]
    for n, (old, new) in enumerate(zip(before, weights, strict=True)):
        assert torch.allclose(old - new, torch.full((3, 3), 0.2 * 3**0.5 * (1 if n % 2 else 2)))
