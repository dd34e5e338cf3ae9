"""An exported folder goes through stock software and comes back: pipeline, Trainer, LoRA, save_pretrained, rotrain again."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from program import rotrain
from safetensors.torch import load_file

from conftest import fit_config
from rotrain.data.tokenizer import NEVER_IN_TEXT, same_tokenizer
from rotrain.exporters.padding import PAD, padding_of
from rotrain.models.presets import ARCHS
from rotrain.progress import Progress
from rotrain.run.directory import RunDirectory
from rotrain.run.load import load_run
from rotrain.train.loop import run_training

pytest.importorskip("transformers")
pytest.importorskip("peft")
pytestmark = pytest.mark.usefixtures("tiny_nano")
SCRIPT = Path(__file__).with_name("stock_circle.py")
# `make test-system` makes an environment with an older transformers, which many people still have.
OLDER = os.environ.get("PYTHON_TRANSFORMERS_4")


@pytest.fixture(scope="module")
def runs(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    """A run and its folder for each architecture."""
    base = tmp_path_factory.mktemp("circle")
    for arch in ARCHS:
        run_training(fit_config(pack, base / arch, arch=arch, steps=6), Progress())
        done = rotrain("export", base / arch, "--to", "hf", "--out", base / "hf" / arch, "--quiet")
        assert done.returncode == 0, done.stderr
    return base


def test_the_pad_token_takes_no_id_of_a_text_and_changes_no_weight(runs: Path) -> None:
    for arch in ARCHS:
        run, folder = load_run(runs / arch), load_run(runs / "hf" / arch)
        assert folder.pad_id not in (None, run.eos_id) and folder.tokenizer.token(folder.pad_id) == PAD
        assert folder.tokenizer.vocab_size == run.tokenizer.vocab_size
        text = "".join(map(chr, range(1, 0x2000))) + "Ana are mere și <|pad|> pere ÿ 😀"
        ids = run.tokenizer.encode(text)
        assert folder.tokenizer.encode(text) == ids and folder.pad_id not in ids
        assert folder.tokenizer.decode(ids) == text
        assert same_tokenizer(runs / arch / "tokenizer.json", runs / "hf" / arch / "tokenizer.json")
        ours, theirs = run.model.state_dict(), folder.model.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        config = json.loads((runs / "hf" / arch / "generation_config.json").read_text())
        assert config["suppress_tokens"] == [folder.pad_id]


def test_a_pad_token_of_the_folder_is_kept(runs: Path, tmp_path: Path) -> None:
    folder = runs / "hf" / "llama-gqa"
    done = rotrain("export", folder, "--to", "hf", "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    first, again = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "again"))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_tokenizer_without_a_free_byte_gets_no_pad_token(runs: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs / "llama-gqa", tmp_path / "run"))
    record = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = record["model"]["vocab"]
    record["model"]["vocab"] = {t: i for t, i in vocabulary.items() if t not in NEVER_IN_TEXT}
    (folder / "tokenizer.json").write_text(json.dumps(record), "utf-8")
    trained = dataclasses.replace(load_run(runs / "llama-gqa"), run=RunDirectory(folder))
    found = padding_of(trained)
    assert found.token is None and found.tokenizer == (folder / "tokenizer.json").read_bytes()


def circle(python: str, runs: Path, out: Path) -> list[dict[str, Any]]:
    folders = [runs / "hf" / arch for arch in ARCHS]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [python, SCRIPT, out, *folders], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_circle(python: str, runs: Path, out: Path) -> None:
    found = circle(python, runs, out)
    assert len(found) == len(ARCHS)
    for arch, seen in zip(ARCHS, found, strict=True):
        folder = load_run(runs / "hf" / arch)
        assert seen["batch_equals_single"] and seen["stream_equals_whole"], (arch, seen)
        assert (seen["pad"], seen["eos"], seen["bos"], seen["side"]) == (folder.pad_id, 0, 0, "left"), arch
        assert seen["tokens"] == folder.tokenizer.vocab_size and not seen["pad_drawn"], (arch, seen)
        assert seen["ends_in_labels"] == 3 and seen["masked_labels"] > 0, (arch, seen)
        assert 0 < seen["loss"] < seen["lora_loss"], (arch, seen)


def test_stock_software_takes_the_folders_and_gives_them_back(runs: Path, pack: Path, tmp_path: Path) -> None:
    check_circle(sys.executable, runs, tmp_path)
    for arch in ARCHS:
        folder = tmp_path / arch
        done = rotrain("evaluate", folder, "--data", pack, "--probes", "none", "--json", "--quiet")
        assert done.returncode == 0, done.stderr
        scores = json.loads(done.stdout)["text"]
        assert all(0 < score["bits_per_byte"]["value"] < 12 for score in scores.values())
        done = rotrain("generate", folder, "--prompt", "Ana", "--max-tokens", 4, "--temperature", 0, "--json")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["tokens"]) <= 4
    # Trained further, it is still compared and calibrated with the pack of its run.
    folder = tmp_path / "llama-gqa"
    done = rotrain(
        *("evaluate", folder, "--data", pack, "--probes", "none", "--against", runs / "llama-gqa", "--json"),
        *("--quiet", "--against-tokens", 200),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["against"]["mean_kl"]["value"] > 0
    done = rotrain(
        *("quantize", folder, "--method", "gptq", "--bits", 4, "--calibrate", pack),
        *("--calibration-tokens", 1024, "--out", tmp_path / "q"),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(OLDER is None, reason="PYTHON_TRANSFORMERS_4 names no Python with transformers 4.57")
def test_an_older_transformers_takes_the_folders(runs: Path, tmp_path: Path) -> None:
    assert OLDER is not None
    check_circle(OLDER, runs, tmp_path)
    assert all(load_run(tmp_path / arch).pad_id is not None for arch in ARCHS)
