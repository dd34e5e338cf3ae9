"""Checkpoints: written beside the training, whole or absent, kept as asked, averaged, branched from."""

from __future__ import annotations

import json
import resource
import shutil
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from program import rotrain
from runs import content, metrics_without_time
from safetensors.torch import load_file

from conftest import fit_config, shape
from rotrain.config import Checkpoint
from rotrain.errors import RotrainError
from rotrain.files import read_record, sha256_file
from rotrain.progress import Progress
from rotrain.run import checkpoint
from rotrain.run.load import load_run
from rotrain.train.loop import run_training
from rotrain.train.writer import CheckpointWriter

pytestmark = pytest.mark.usefixtures("tiny_nano")


def test_a_checkpoint_is_the_state_at_the_call_whatever_comes_after(tmp_path: Path) -> None:
    gate = threading.Event()
    config = Checkpoint(every=1, keep=9)
    writer = CheckpointWriter(
        tmp_path, shape("llama-mha"), config, before=lambda: bool(gate.wait(30)) or None
    )
    weights = {"x": torch.zeros(1000)}
    writer.save(1, weights.items(), weights.items(), {})
    weights["x"] += 1  # training goes on while nothing of it is on the disk
    assert checkpoint.list_steps(tmp_path) == []
    gate.set()
    writer.wait()
    assert not checkpoint.open_step(tmp_path, 1).weights()["x"].any()
    writer.save(2, weights.items(), weights.items(), {"losses": [0.1]})
    writer.wait()
    saved = checkpoint.open_step(tmp_path, 2)
    assert saved.weights()["x"].eq(1).all() and saved.spikes == {"losses": [0.1]}


def test_a_checkpoint_of_shards_holds_one_gathered_tensor_at_a_time(tmp_path: Path) -> None:
    """Every process gathers each tensor. The copy is made before the next one is gathered."""
    alive = 0

    def gathered() -> Iterator[tuple[str, torch.Tensor]]:
        nonlocal alive
        before: weakref.ref[torch.Tensor] | None = None
        for index in range(5):
            tensor = torch.full((1000,), float(index))
            alive = max(alive, 1 + (before is not None and before() is not None))
            before = weakref.ref(tensor)
            yield f"x{index}", tensor
            del tensor

    writer = CheckpointWriter(tmp_path, shape("llama-mha"), Checkpoint(every=1, keep=9), before=lambda: None)
    writer.save(1, gathered(), gathered(), {})
    writer.wait()
    saved = checkpoint.open_step(tmp_path, 1).weights()
    # The one that was just yielded is still the caller's while the next is made.
    assert alive <= 2 and [float(saved[f"x{index}"][0]) for index in range(5)] == [0, 1, 2, 3, 4]


def old_names(run: Path, step: int) -> None:
    """Rewrite a checkpoint as versions before `in_proj` and `out_proj` wrote it."""
    folder = run / "checkpoints" / f"step-{step:06d}"
    state = json.loads((folder / checkpoint.STATE).read_bytes())
    del state["seal"]  # those versions had none
    for name, entry in state["files"].items():
        tensors = {
            key.replace(".in_proj.", ".into.").replace(".out_proj.", ".out."): tensor
            for key, tensor in load_file(folder / name).items()
        }
        assert any(".mixer.out." in key for key in tensors)
        checkpoint.write_tensors(folder / name, tensors)
        entry["sha256"] = sha256_file(folder / name)
    (folder / checkpoint.STATE).write_text(json.dumps(state))


@pytest.mark.parametrize("arch", ["falcon-mqa", "mamba2"])
def test_a_run_with_the_old_names_of_tensors_is_read_and_goes_on(
    pack: Path, tmp_path: Path, arch: str
) -> None:
    run_training(fit_config(pack, tmp_path / "whole", arch=arch, steps=4), Progress())
    run_training(fit_config(pack, tmp_path / "old", "checkpoint.keep=9", arch=arch, steps=4), Progress())
    truth = load_run(tmp_path / "old").model.state_dict()
    old_names(tmp_path / "old", 4)
    loaded = load_run(tmp_path / "old").model.state_dict()
    assert loaded.keys() == truth.keys() and all(torch.equal(loaded[key], truth[key]) for key in truth)
    lazy = load_run(tmp_path / "old", meta=True).weights()
    assert set(lazy) == set(dict(load_run(tmp_path / "old").model.named_parameters()))
    assert all(torch.equal(lazy[key], truth[key]) for key in lazy)

    # A run that was stopped at step 2 continues from the old names to the same bytes.
    old_names(tmp_path / "old", 2)
    shutil.rmtree(tmp_path / "old" / "checkpoints" / "step-000004")
    (tmp_path / "old" / "summary.json").unlink()
    run_training(fit_config(pack, tmp_path / "old", "checkpoint.keep=9", arch=arch, steps=4), Progress())
    paths = [tmp_path / name / "checkpoints" / "step-000004" / checkpoint.MODEL for name in ("old", "whole")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert metrics_without_time(tmp_path / "old") == metrics_without_time(tmp_path / "whole")


def test_who_reads_weights_needs_no_whole_optimizer_and_who_trains_on_does(tmp_path: Path) -> None:
    tensors = {"x": torch.zeros(8)}
    for step in (10, 20):
        checkpoint.save(tmp_path, step, shape("llama-mha"), tensors, tensors)
    optimizer = tmp_path / "step-000020" / checkpoint.OPTIMIZER
    optimizer.write_bytes(optimizer.read_bytes()[:-1])
    saved, damaged = checkpoint.find_newest(tmp_path)
    assert saved is not None and saved.step == 10 and "hash differs" in damaged[0]
    saved, damaged = checkpoint.find_newest(tmp_path, weights_only=True)
    assert saved is not None and saved.step == 20 and not damaged
    weights = tmp_path / "step-000020" / checkpoint.MODEL
    weights.write_bytes(weights.read_bytes()[:-1])
    saved, damaged = checkpoint.find_newest(tmp_path, weights_only=True)
    assert saved is not None and saved.step == 10 and "hash differs" in damaged[0]


def test_retention_keeps_the_newest_the_scheduled_and_the_lasting(tmp_path: Path) -> None:
    tensors = {"x": torch.zeros(1)}
    for step in (10, 20, 30, 40, 43, 47):
        checkpoint.save(tmp_path, step, shape("llama-mha"), tensors, tensors)
    checkpoint.remove_old(tmp_path, Checkpoint(every=10, keep=2, keep_every=20))
    assert checkpoint.list_steps(tmp_path) == [47, 43, 40, 20]
    assert checkpoint.find_newest(tmp_path, every=10)[0] == checkpoint.open_step(tmp_path, 40)
    with pytest.raises(RotrainError) as caught:
        checkpoint.open_step(tmp_path, 30)
    assert "no checkpoint of step 30" in str(caught.value) and "47, 43, 40, 20" in str(caught.value.hint)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to write a file beyond `size` bytes, as a full disk does in the middle of one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_is_one_sentence_and_the_checkpoint_before_stays(
    pack: Path, tmp_path: Path
) -> None:
    run_training(fit_config(pack, tmp_path / "whole"), Progress())
    words = ("checkpoint.keep=9",)
    config = fit_config(pack, tmp_path / "run", *words)
    folder = tmp_path / "run" / "checkpoints"

    class Filling(Progress):
        """The disk fills up when step 5 is logged; the checkpoints of 2 and 4 are there by then."""

        def metrics(self, line: dict[str, object], seconds_left: float) -> None:
            if line["step"] == 5:
                while checkpoint.list_steps(folder) != [4, 2]:
                    pass
                _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))

    with (
        files_of_at_most(resource.getrlimit(resource.RLIMIT_FSIZE)[0]),
        pytest.raises(RotrainError) as caught,
    ):
        run_training(config, Filling())
    assert "checkpoint of step 6 could not be written: " in str(caught.value)
    assert "File too large" in str(caught.value)  # on a full disk: No space left on device
    assert "free disk space" in str(caught.value.hint)
    assert sorted(path.name for path in folder.iterdir()) == ["step-000002", "step-000004"]
    # With room again the same command comes to the same bytes.
    run_training(config, Progress())
    assert metrics_without_time(tmp_path / "run") == metrics_without_time(tmp_path / "whole")


def test_an_average_is_the_mean_and_a_run_of_its_own(pack: Path, tmp_path: Path) -> None:
    config = fit_config(pack, tmp_path / "run", "checkpoint.average=3", "checkpoint.keep=1")
    summary = run_training(config, Progress())
    steps = [8, 6, 4]
    assert checkpoint.list_steps(tmp_path / "run" / "checkpoints") == steps
    weights = [checkpoint.open_step(tmp_path / "run" / "checkpoints", step).weights() for step in steps]
    found, _ = checkpoint.find_newest(tmp_path / "run" / "average" / "checkpoints")
    assert found is not None and found.step == 8
    for name, tensor in found.weights().items():
        mean = sum(w[name].double() for w in weights) / 3
        assert torch.allclose(tensor.double(), mean, rtol=1e-6, atol=1e-9)
    told = read_record(tmp_path / "run" / "average" / "summary.json")
    assert told["averaged"] == [4, 6, 8] and told["eval"] == summary["average"]["eval"]
    assert told["eval"]["web"]["bpb"] != summary["eval"]["web"]["bpb"]

    done = rotrain("average", tmp_path / "run", "--last", 2, "--out", tmp_path / "two", "--json")
    assert json.loads(done.stdout)["averaged"] == [6, 8]
    assert rotrain("generate", tmp_path / "two", "--max-tokens", 4).returncode == 0
    again = rotrain("average", tmp_path / "run", "--last", 2, "--out", tmp_path / "two")
    assert again.returncode == 1 and "this exists already" in again.stderr
    few = rotrain("average", tmp_path / "run", "--last", 9, "--out", tmp_path / "nine")
    assert few.returncode == 1 and "has 3 checkpoints" in few.stderr


def test_a_branch_goes_on_from_a_checkpoint(pack: Path, tmp_path: Path) -> None:
    base = ["--set", "checkpoint.keep=9", "--set", "checkpoint.every=2", "--set", "runtime.threads=1"]
    base += ["--set", "context=32", "--set", "batch.sequences=4", "--set", "evaluation.every=50"]
    base += ["--set", "schedule.shape=constant"]
    trunk, end = tmp_path / "trunk", tmp_path / "end"
    words = ["fit", "--arch", "llama-gqa", "--size", "nano", "--data", pack, "--out", trunk, "--steps", 10]
    assert rotrain(*words, *base).returncode == 0
    branch = ["fit", "--from", f"{trunk}@6", "--steps", 4, "--out", end, "--set", "phase_fractions.web=0"]
    branch += ["--set", "phase_fractions.books=1", "--set", "runtime.threads=1"]
    done = rotrain(*branch, "--set", "schedule.shape=wsd", "--set", "schedule.decay_fraction=1")
    assert done.returncode == 0, done.stderr
    record = read_record(end / "config.json")
    assert record["config"]["arch"] == "llama-gqa" and record["config"]["optim"]["lr"] == 3e-3
    start = checkpoint.open_step(trunk / "checkpoints", 6)
    assert record["from"] | {"run": ""} == {
        "run": "",
        "step": 6,
        "model_sha256": start.sha256["model.safetensors"],
        "tokens": 6 * 4 * 32,
        "drawn": [24, 0],
        "context": 32,
        "optimizer": "adamw",
    }
    lines = [line for line in metrics_without_time(end) if "loss" in line]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["mix"] == {"books": 4} and lines[0]["lr"] < 3e-3 and lines[3]["lr"] == pytest.approx(3e-4)

    # Its plan counts what the branch reads, not what its trunk did.
    planned = rotrain("plan", "--from", f"{trunk}@6", "--steps", 4, "--json", "--force")
    assert planned.returncode == 0, planned.stderr
    facts = json.loads(planned.stdout)
    assert sum(text["tokens"] for text in facts["texts"]) == facts["tokens"] == 4 * 4 * 32

    # Begun at the same place with the same words it is the trunk going on: the loss of its step 7.
    same = rotrain("fit", "--from", f"{trunk}@6", "--steps", 4, "--out", tmp_path / "same", *base)
    assert same.returncode == 0, same.stderr
    trunk_line = next(line for line in metrics_without_time(trunk) if line["step"] == 7)
    first = metrics_without_time(tmp_path / "same")[0]
    assert (first["mix"], first["loss"]) == (trunk_line["mix"], trunk_line["loss"])

    # A branch needs its trunk no more, and resumes as any run does.
    whole = content(end)
    import shutil

    (end / "summary.json").unlink()
    shutil.rmtree(end / "checkpoints" / "step-000004")
    (trunk / "checkpoints").rename(tmp_path / "gone")
    assert (
        rotrain(*branch, "--set", "schedule.shape=wsd", "--set", "schedule.decay_fraction=1").returncode == 0
    )
    assert content(end) == whole


def test_a_branch_of_nothing_or_of_another_model_is_refused(pack: Path, tmp_path: Path) -> None:
    run_training(fit_config(pack, tmp_path / "trunk"), Progress())
    cases = [
        (f"{tmp_path}/none", (), "no run here to start from"),
        (f"{tmp_path}/trunk@3", (), "no checkpoint of step 3"),
        (f"{tmp_path}/trunk", ("--arch", "llama-gqa"), "another model"),
        (f"{tmp_path}/trunk", ("--set", "optim.name=muon"), "another optim.name"),
    ]
    for trunk, more, says in cases:
        done = rotrain("fit", "--from", trunk, "--steps", 4, "--out", tmp_path / "new", *more)
        assert done.returncode == 1 and says in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "new" / "config.json").exists()
    # What lies in the new directory is somebody's.
    thesis = tmp_path / "new" / "checkpoints" / "thesis.tex"
    thesis.parent.mkdir(exist_ok=True)
    thesis.write_text("x")
    done = rotrain("fit", "--from", tmp_path / "trunk", "--steps", 4, "--out", tmp_path / "new")
    assert done.returncode == 1 and "there is checkpoints/thesis.tex" in done.stderr
    assert thesis.read_text() == "x"
