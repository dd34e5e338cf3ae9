"""Tests of bench-train: it times the step of `fit`, and its figures agree with its formulas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
import torch
from program import rotrain

from rotrain.bench.step_worker import Steps
from rotrain.config import Optim, resolve
from rotrain.files import read_record
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.train.optim import Optimizer

SMALL = ["context=32", "batch.sequences=2", "batch.micro=1", "runtime.device=cpu", "runtime.precision=fp32"]


@pytest.fixture
def tiny_in_process() -> Iterator[None]:
    """Make `nano` tiny in this process only: other tests start processes that use the real `nano`."""
    with tiny.shrunk():
        yield


def test_measured_step_equals_a_training_step(tiny_in_process: None) -> None:
    for compiled in ("off", "auto"):
        args = [*SMALL, f"runtime.compile={compiled}"]
        config = resolve({"arch": "llama-gqa", "size": "nano"}, assignments=args)
        steps = Steps(config, 300)
        assert steps.facts["machine"]["compiled"] is (
            compiled == "auto"
        )  # the step stands for a step of a long run
        if compiled == "auto":
            continue  # test_training.py tests compiling
        model = Decoder(model_config("llama-gqa", "nano", vocab_size=300, context=32))
        model.init_weights(config.seed)
        optimizer = Optimizer(model, Optim(lr=config.optim.lr))
        for _ in range(2):
            loss = model.loss(steps.batch[:, :-1], steps.batch[:, 1:]) / steps.tokens
            loss.backward()
            optimizer.clip_gradients()
            optimizer.update(config.optim.lr)
            assert steps.step()["loss"] == pytest.approx(float(loss.detach()), rel=1e-5)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(
                steps.learner.model.get_parameter(name), parameter, rtol=1e-3, atol=1e-5
            )


def test_figures_agree_with_their_formulas(tmp_path: Path) -> None:
    sets = [
        word
        for value in [*SMALL, "runtime.compile=off", "runtime.peak_tflops=2"]
        for word in ("--set", value)
    ]
    args = [
        "--arch",
        "llama-gqa,mamba2",
        "--size",
        "nano",
        "--vocab-size",
        300,
        "--steps",
        2,
        "--warm-up",
        1,
    ]
    ended = rotrain("bench-train", *args, *sets, "--out", tmp_path / "b.json", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result == read_record(tmp_path / "b.json") and not ended.stderr
    assert [row["arch"] for row in result["rows"]] == ["llama-gqa", "mamba2"]
    for row in result["rows"]:
        shape = model_config(row["arch"], "nano", vocab_size=300, context=32)
        assert row["flops_per_token"] == count.flops_per_token(shape)
        assert row["parameters"] == count.param_count(shape)
        rates = row["tokens_per_s"]
        assert row["flops_per_s"] == rates["median"] * row["flops_per_token"]
        assert row["mfu"] == row["flops_per_s"] / 2e12
        assert len(row["steps"]) == 2 and row["tokens_per_step"] == 64
        for rate in rates["samples"]:
            assert any(rate == pytest.approx(64 / turn["seconds"]) for turn in row["steps"])
        assert rates["ci"][0] <= rates["median"] <= rates["ci"][1]
        # At least weights, gradients and two moments, in addition to the memory of the imports.
        assert row["memory"]["peak_bytes"] > row["memory"]["before_bytes"] + 16 * row["parameters"]
        assert row["kernels"]["scan"] == "grouped chunks" and row["machine"]["precision"] == "fp32"
        assert row["loss"]["last"] < row["loss"]["first"]
    assert set(result["formulas"]) >= {"tokens_per_s", "flops_per_token", "mfu", "peak_bytes"}


def test_wrong_options_are_reported() -> None:
    for wrong, sentence in (
        (["--arch", "llama"], "llama"),
        (["--arch", "llama-mha", "--set", "batch.mikro=1"], "batch.mikro"),
    ):
        ended = rotrain("bench-train", "--size", "nano", *wrong)
        assert ended.returncode == 2 and sentence in ended.stderr, ended.stderr
