"""Muon beside AdamW: which parameters are whose, the update written out, and its state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import fit_config
from runs import content

from rotrain.config import Optim
from rotrain.errors import Stopped
from rotrain.models.decoder import Decoder
from rotrain.train import checkpoint, loop
from rotrain.train.loop import fit
from rotrain.train.optim import Optimizer
from rotrain.train.plan import make_plan
from rotrain.train.screen import Quiet

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
    optimizer.clip()
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


def test_a_stopped_muon_run_comes_to_the_same_bytes(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("optim.name=muon", "checkpoint.keep=1")
    summary = fit(fit_config(pack, tmp_path / "whole", *words, steps=20), Quiet())
    assert summary["loss"] < summary["first_loss"] - 1
    saved, _ = checkpoint.newest(tmp_path / "whole" / "checkpoints")
    assert saved is not None
    keys = {name.rsplit(".", 1)[1] for name in saved.optimizer() if name.startswith("blocks.0.mlp.down")}
    assert keys == {"momentum_buffer"}

    true = loop._Training._gradients

    def ask(training: loop._Training, signal: int) -> tuple[float, int]:
        return true(training, 15 if training.step == 8 else signal)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(loop._Training, "_gradients", ask)
        fit(fit_config(pack, tmp_path / "run", *words, steps=20), Quiet())
    fit(fit_config(pack, tmp_path / "run", *words, steps=20), Quiet())
    assert content(tmp_path / "run") == content(tmp_path / "whole")
