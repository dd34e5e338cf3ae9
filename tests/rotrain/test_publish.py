"""Model cards, and a push to a stand-in for the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import Hub, running_hub
from program import rotrain

from conftest import fit_config
from rotrain.progress import Progress
from rotrain.train.loop import run_training

pytest.importorskip("huggingface_hub")
pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("tiny_nano")


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    out = tmp_path_factory.mktemp("publish") / "run"
    run_training(fit_config(pack, out, arch="llama-gqa", steps=6), Progress())
    return out


def push(hub: Hub, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: the address of the hub is read when its package is loaded."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_TOKEN": "hf_test",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-m", "rotrain", "push", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_card_says_what_the_files_say(run: Path, tmp_path: Path) -> None:
    assert rotrain("export", run, "--to", "hf", "--out", tmp_path / "before").returncode == 0
    card = (tmp_path / "before" / "README.md").read_text("utf-8")
    assert "Not measured." in card and "Unknown: ask" in card and "license:" not in card
    assert "steps: 6, with 4 sequences of 32 tokens" in card and "phase web: " in card
    assert rotrain("evaluate", run, "--probes", "none", "--quiet").returncode == 0
    done = rotrain("export", run, "--to", "hf", "--out", tmp_path / "after", "--license", "apache-2.0")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "after" / "README.md").read_text("utf-8")
    value = json.loads((run / "evaluation.json").read_bytes())["text"]["web"]["bits_per_byte"]["value"]
    assert f"| web | {value:.3f} [" in card and "license: apache-2.0" in card
    again = rotrain("export", tmp_path / "after", "--to", "hf", "--out", tmp_path / "again")
    assert again.returncode == 0 and "came from another program" in (tmp_path / "again/README.md").read_text()


def test_the_licence_is_in_the_metadata_of_a_file(run: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    done = rotrain("export", run, "--to", "gguf", "--out", tmp_path / "a.gguf", "--license", "mit")
    assert done.returncode == 0, done.stderr
    assert gguf.GGUFReader(tmp_path / "a.gguf").get_field("general.license").contents() == "mit"


def test_a_run_is_pushed_with_its_card(run: Path, tmp_path: Path) -> None:
    with running_hub() as hub:
        done = push(hub, run, "hub:me/model", "--license", "apache-2.0")
        assert done.returncode == 0, done.stderr
        assert "private" in done.stdout and hub.private is True
        assert hub.tokens == {"Bearer hf_test"}
        assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= set(hub.files)
        assert rotrain("export", run, "--to", "hf", "--out", tmp_path / "hf").returncode == 0
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            assert hub.files[name] == (tmp_path / "hf" / name).read_bytes()
        assert push(hub, tmp_path / "hf", "hub:me/model", "--public").returncode == 0
        assert hub.private is False
        hub.refuses = True
        refused = push(hub, tmp_path / "hf", "hub:me/model")
        assert refused.returncode == 1 and "the hub refuses the model" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_wrong_name_or_folder_is_told(run: Path, tmp_path: Path) -> None:
    assert "hub:OWNER/NAME" in rotrain("push", run, "me/model").stderr
    assert "hub:OWNER/NAME" in rotrain("push", run, "hub:model").stderr
    assert "no exported folder" in rotrain("push", tmp_path, "hub:me/model").stderr
