"""A run: its arithmetic, its evaluation, and that it always comes to the same bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch._inductor.config
from runs import content, metrics_without_time

from conftest import fit_config
from rotrain.config import Checkpoint
from rotrain.data.pack import open_pack
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.models import kernels
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.progress import Progress
from rotrain.run import checkpoint
from rotrain.runtime.allocator import HUGE_PAGES_AFTER_STEPS
from rotrain.runtime.device import choose_machine
from rotrain.train import learner
from rotrain.train.evaluation import evaluate_stream
from rotrain.train.learner import Learner
from rotrain.train.loop import make_plan, run_training
from rotrain.train.optim import Optimizer

pytestmark = pytest.mark.usefixtures("tiny_nano")


def test_loss_falls_and_the_run_has_its_files(pack: Path, tmp_path: Path) -> None:
    summary = run_training(fit_config(pack, tmp_path / "run", steps=40), Progress())
    assert summary["loss"] < summary["first_loss"] - 1
    assert summary["steps"] == 40 and summary["tokens"] == 40 * 4 * 32
    lines = metrics_without_time(tmp_path / "run")
    training = [line for line in lines if "loss" in line]
    assert [line["step"] for line in training] == list(range(1, 41))
    assert [line["step"] for line in lines if "eval" in line] == list(range(4, 41, 4))
    assert training[0]["phase"] == "web" and training[-1]["phase"] == "books"
    assert set(lines[-1]["eval"]) == {"web", "books"}
    samples = (tmp_path / "run" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prompt"] for line in samples] == ["A fost odată"] * 2


def test_a_compiler_that_fails_leaves_the_run_uncompiled(pack: Path, tmp_path: Path) -> None:
    class Heard(Progress):
        said: ClassVar[list[str]] = []

        def message(self, text: str) -> None:
            self.said.append(text)

        note = message

    run_training(fit_config(pack, tmp_path / "plain", steps=4), Progress())
    inductor: Any = torch._inductor.config
    with inductor.patch({"cpp.cxx": (None, "/bin/false"), "fx_graph_cache": False}):
        run_training(fit_config(pack, tmp_path / "broken", "runtime.compile=on", steps=4), Heard())
    assert any("compiling failed" in text and "/bin/false" in text for text in Heard.said), Heard.said
    assert metrics_without_time(tmp_path / "broken") == metrics_without_time(tmp_path / "plain")


def test_memory_is_put_into_huge_pages_once_when_it_is_known(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    updated = Learner.update

    def update(self: Learner, lr: float) -> None:
        steps.append(len(steps) + 1)
        updated(self, lr)

    at: list[int] = []
    monkeypatch.setattr(Learner, "update", update)
    monkeypatch.setattr(learner, "use_huge_pages", lambda: at.append(len(steps)))
    run_training(fit_config(pack, tmp_path / "run", steps=6), Progress())
    assert (at, len(steps)) == ([HUGE_PAGES_AFTER_STEPS], 6)


@pytest.mark.parametrize("micro", [1, 3])
def test_accumulated_gradients_equal_the_big_batch(pack: Path, tmp_path: Path, micro: int) -> None:
    big = run_training(fit_config(pack, tmp_path / "big", "optim.clip_norm=1000"), Progress())
    small = run_training(
        fit_config(pack, tmp_path / "small", "optim.clip_norm=1000", f"batch.micro={micro}"), Progress()
    )
    assert small["loss"] == pytest.approx(big["loss"], rel=1e-4)
    pairs = zip(metrics_without_time(tmp_path / "big"), metrics_without_time(tmp_path / "small"), strict=True)
    for one, other in pairs:
        if "loss" in one:
            assert other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-3)


def test_one_step_is_adamw_written_out(pack: Path, tmp_path: Path) -> None:
    config = fit_config(
        pack,
        tmp_path / "run",
        "schedule.shape=constant",
        "schedule.warmup_fraction=0",
        "optim.clip_norm=0.1",
        steps=2,
    )
    run_training(config.model_copy(update={"steps": 2}), Progress())
    plan = make_plan(config)
    model = Decoder(plan.model, kernels.REFERENCE)
    model.init_weights(0)
    moments: dict[str, list[torch.Tensor]] = {
        n: [torch.zeros_like(p), torch.zeros_like(p)] for n, p in model.named_parameters()
    }
    rows = np.empty((4, 33), dtype=np.int64)
    c = config.optim
    for step in (1, 2):
        plan.batches.read(step - 1, rows)
        batch = torch.from_numpy(rows)
        model.zero_grad()
        (model.loss(batch[:, :-1], batch[:, 1:]) / 128).backward()
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))
        assert norm > 0.1
        with torch.no_grad():
            for name, p in model.named_parameters():
                assert p.grad is not None
                gradient = p.grad * 0.1 / norm
                first, second = moments[name]
                first.mul_(c.beta1).add_(gradient, alpha=1 - c.beta1)
                second.mul_(c.beta2).add_(gradient.square(), alpha=1 - c.beta2)
                if p.ndim == 2 and name != "embed.weight":
                    p.mul_(1 - c.lr * c.weight_decay)
                update = (first / (1 - c.beta1**step)) / ((second / (1 - c.beta2**step)).sqrt() + c.eps)
                p.sub_(c.lr * update)
    saved, _ = checkpoint.find_newest(tmp_path / "run" / "checkpoints")
    assert saved is not None and saved.step == 2
    for name, weight in saved.weights().items():
        # AdamW divides by the gradient's own size: entries with almost none magnify rounding.
        difference = (weight - dict(model.named_parameters())[name]).abs()
        assert difference.max() < 2.1 * c.lr and difference.mean() < 1e-5, name


def test_decay_is_for_the_matrices_of_the_blocks_alone(pack: Path, tmp_path: Path) -> None:
    model = Decoder(make_plan(fit_config(pack, tmp_path / "run")).model)
    optimizer = Optimizer(model, fit_config(pack, tmp_path / "run").optim)
    decayed, free = optimizer.parts[0][0].param_groups
    assert decayed["weight_decay"] == 0.1 and free["weight_decay"] == 0.0
    count = len(decayed["params"])
    assert all(name.startswith("blocks.") and "norm" not in name for name in optimizer.names[:count])
    assert all(name == "embed.weight" or "norm" in name for name in optimizer.names[count:])


@pytest.mark.parametrize("limit", [31, 32, 100, 10**9])
def test_bits_per_byte_of_a_uniform_model_by_hand(pack: Path, limit: int) -> None:
    opened = open_pack(pack)
    model = Decoder(model_config("llama-mha", "nano", vocab_size=opened.vocab_size))
    torch.nn.init.zeros_(model.embed.weight)  # all logits 0: each token costs log2 V bits
    lengths = Tokenizer(pack / "tokenizer.json").byte_lengths()
    stream = opened.phases[1].valid
    machine = choose_machine(fit_config(pack, Path("x")).runtime)
    score = evaluate_stream(model, stream, lengths, machine, context=32, batch=3, max_tokens=limit)
    assert score is not None
    tokens = min(limit, stream.tokens - 1)
    ids = np.concatenate([np.fromfile(path, "<u2") for path in stream.paths])[1 : tokens + 1]
    text = b"".join(Tokenizer(pack / "tokenizer.json").token_bytes[i] for i in ids)
    assert (score["tokens"], score["bytes"]) == (tokens, len(text))
    assert score["bpb"] == pytest.approx(tokens * math.log2(opened.vocab_size) / len(text), rel=1e-5)
    assert score["ppl"] == pytest.approx(opened.vocab_size, rel=1e-4)


def test_evaluation_equals_token_by_token(pack: Path) -> None:
    opened = open_pack(pack)
    model = Decoder(model_config("llama-mha", "nano", vocab_size=opened.vocab_size))
    model.init_weights(3)
    stream = opened.phases[0].valid
    machine = choose_machine(fit_config(pack, Path("x")).runtime)
    lengths = Tokenizer(pack / "tokenizer.json").byte_lengths()
    score = evaluate_stream(model, stream, lengths, machine, context=32, batch=2, max_tokens=90)
    ids = torch.from_numpy(np.fromfile(stream.paths[0], "<u2").astype(np.int64)[:91])
    nats = 0.0
    with torch.inference_mode():
        for start in (0, 32, 64):
            window = ids[start : min(start + 32, 90)]
            chances = model.logits(model(window[None]))[0].double().log_softmax(-1)
            nats -= sum(float(chances[i, ids[start + i + 1]]) for i in range(len(window)))
    assert score is not None and score["loss"] * 90 == pytest.approx(nats, rel=1e-6)


def test_the_same_command_gives_the_same_bytes(pack: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_training(fit_config(pack, tmp_path / name, "runtime.threads=2"), Progress())
    assert content(tmp_path / "a") == content(tmp_path / "b")
    run_training(fit_config(pack, tmp_path / "c", seed=1), Progress())
    assert content(tmp_path / "a") != content(tmp_path / "c")


def test_bf16_autocast_trains_fp32_weights(pack: Path, tmp_path: Path) -> None:
    fp32 = run_training(fit_config(pack, tmp_path / "fp32"), Progress())
    bf16 = run_training(fit_config(pack, tmp_path / "bf16", "runtime.precision=bf16"), Progress())
    assert bf16["loss"] != fp32["loss"]
    assert bf16["loss"] == pytest.approx(fp32["loss"], rel=0.02)
    saved, _ = checkpoint.find_newest(tmp_path / "bf16" / "checkpoints")
    assert saved is not None
    assert {tensor.dtype for tensor in (saved.weights() | saved.optimizer()).values()} == {torch.float32}


def test_a_finished_run_is_only_reported(pack: Path, tmp_path: Path) -> None:
    config = fit_config(pack, tmp_path / "run")
    first = run_training(config, Progress())
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert run_training(config, Progress()) == first
    after = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert {f: t for f, t in after.items() if f.name != ".lock"} == {
        f: t for f, t in before.items() if f.name != ".lock"
    }


def test_another_configuration_is_refused_by_name(pack: Path, tmp_path: Path) -> None:
    run_training(fit_config(pack, tmp_path / "run"), Progress())
    with pytest.raises(RotrainError) as caught:
        run_training(fit_config(pack, tmp_path / "run", "optim.lr=0.5", seed=4), Progress())
    assert "optim.lr is 0.003 there and 0.5 here" in str(caught.value) and "seed is 0" in str(caught.value)
    # Where files lie and how many checkpoints stay may change.
    run_training(fit_config(pack, tmp_path / "run", "checkpoint.keep=5"), Progress())


def test_another_pack_is_refused(pack: Path, tmp_path: Path) -> None:
    from packs import write_pack

    run_training(fit_config(pack, tmp_path / "run"), Progress())
    other = write_pack(tmp_path / "other", train={"web": 150, "books": 60})
    with pytest.raises(RotrainError, match="another pack"):
        run_training(fit_config(other, tmp_path / "run"), Progress())


def test_nothing_to_resume_and_a_foreign_directory(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(RotrainError, match="no run here to resume"):
        run_training(fit_config(pack, tmp_path / "none"), Progress(), must_exist=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(RotrainError, match="holds no run"):
        run_training(fit_config(pack, tmp_path / "full"), Progress())
    (tmp_path / "file").write_text("x")
    with pytest.raises(RotrainError, match="cannot write the run directory"):
        run_training(fit_config(pack, tmp_path / "file"), Progress())


def test_divergence_stops_and_is_not_saved(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(RotrainError, match="training diverged"):
        run_training(
            fit_config(pack, tmp_path / "run", "optim.lr=1e30", "schedule.warmup_fraction=0"), Progress()
        )
    saved, _ = checkpoint.find_newest(tmp_path / "run" / "checkpoints")
    assert saved is None or all(bool(w.isfinite().all()) for w in saved.weights().values())


def test_a_damaged_checkpoint_is_told_and_the_one_before_serves(pack: Path, tmp_path: Path) -> None:
    class Ears(Progress):
        def __init__(self) -> None:
            self.heard: list[str] = []

        def message(self, text: str) -> None:
            self.heard.append(text)

        note = message

    run_training(fit_config(pack, tmp_path / "whole"), Progress())
    run_training(fit_config(pack, tmp_path / "run"), Progress())
    (tmp_path / "run" / "summary.json").unlink()
    model = tmp_path / "run" / "checkpoints" / "step-000008" / "model.safetensors"
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    with pytest.raises(RotrainError, match="damaged"):
        checkpoint.open_checkpoint(model.parent)
    ears = Ears()
    run_training(fit_config(pack, tmp_path / "run"), ears)
    assert any("step-000008" in text and "damaged" in text for text in ears.heard)
    assert any("resuming" in text and "step 6" in text for text in ears.heard)
    # Arrived at its step again, the run has put a whole one in the place of the damaged one.
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_checkpoints_are_whole_and_the_newest_stay(tmp_path: Path) -> None:
    from conftest import shape

    tensors: dict[str, Any] = {"x": torch.arange(4.0)}
    for step in (5, 20, 100, 1_000_000):
        checkpoint.save(tmp_path, step, shape("llama-mha"), tensors, tensors)
        checkpoint.remove_old(tmp_path, Checkpoint(every=5, keep=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000100", "step-1000000"]
    saved, damaged = checkpoint.find_newest(tmp_path)
    assert saved is not None and saved.step == 1_000_000 and damaged == []


def test_memory_of_activations_is_what_a_run_keeps() -> None:
    from rotrain.models.platform import Platform
    from rotrain.runtime.memory import Target, training_bytes

    config = model_config("llama-mha", "nano", vocab_size=500, context=32)
    kept = training_bytes(config, 4, Target(Platform("cpu"), compiled=False))
    model = Decoder(config)
    held: dict[int, tuple[int, Any]] = {}
    own = {parameter.data_ptr() for parameter in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = (storage.nbytes(), storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.zeros(4, 32, dtype=torch.long))
    real = sum(size for pointer, (size, _) in held.items() if pointer not in own)
    assert kept["activations"] == pytest.approx(real, rel=0.1)
    assert kept["states"] == 16 * sum(p.numel() for p in model.parameters())
