"""Model cards, and a push to a stand-in for the hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hub_server import Hub, running_hub
from program import rotrain

from conftest import fit_config
from rotrain.exporters.card import model_card
from rotrain.progress import Progress
from rotrain.run.load import load_run
from rotrain.train.loop import run_training

pytest.importorskip("huggingface_hub")
pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("tiny_nano")


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    out = tmp_path_factory.mktemp("publish") / "run"
    run_training(fit_config(pack, out, arch="llama-gqa", steps=6), Progress())
    return out


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of this test. What its package reads from the environment when it is loaded is set where it keeps it."""
    from huggingface_hub import constants

    with running_hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "hf"
    assert rotrain("export", run, "--to", "hf", "--out", folder).returncode == 0
    return folder


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


def test_a_run_is_pushed_with_its_card(run: Path, exported: Path, hub: Hub) -> None:
    done = rotrain("push", run, "hub:me/model", "--license", "apache-2.0")
    assert done.returncode == 0, done.stderr
    assert f"{hub.address}/me/model: " in done.stdout and "private" in done.stdout and hub.private is True
    assert hub.tokens == {"Bearer hf_test"}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= set(hub.files)
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert hub.files[name] == (exported / name).read_bytes()
    assert 'model="me/model"' in hub.files["README.md"].decode()
    again = rotrain("push", exported, "hub:me/model", "--public", "--json")
    assert json.loads(again.stdout)["private"] is True, "a push does not change who sees a repository"
    assert 'model="me/model"' in hub.files["README.md"].decode()
    hub.refuses = True
    refused = rotrain("push", exported, "hub:me/model")
    assert refused.returncode == 1 and "the hub refuses the model" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_public_repository_gets_nothing_that_was_meant_to_be_private(exported: Path, hub: Hub) -> None:
    hub.private = False
    refused = rotrain("push", exported, "hub:me/model")
    assert refused.returncode == 1 and "the repository is already public" in refused.stderr
    assert "add --public" in refused.stderr and hub.files == {}
    done = rotrain("push", exported, "hub:me/model", "--public")
    assert done.returncode == 0 and "public" in done.stdout and hub.files


def test_only_the_files_of_a_model_leave_the_machine(exported: Path, tmp_path: Path, hub: Hub) -> None:
    folder = tmp_path / "hf"
    shutil.copytree(exported, folder)
    for name in (".env", "optimizer.pt", "data.jsonl"):
        (folder / name).write_text("secret")
    (folder / "checkpoints-old").mkdir()
    (folder / "checkpoints-old" / "config.json").write_text("{}")
    done = rotrain("push", folder, "hub:me/model", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["left_out"] == [".env", "checkpoints-old", "data.jsonl", "optimizer.pt"]
    assert "left out" in done.stderr and ".env" in done.stderr
    assert sorted(hub.files) == found["files"]
    assert not [name for name in hub.files if "/" in name or name in found["left_out"]]


def test_a_wrong_name_or_folder_is_told(run: Path, tmp_path: Path) -> None:
    assert "hub:OWNER/NAME" in rotrain("push", run, "me/model").stderr
    assert "hub:OWNER/NAME" in rotrain("push", run, "hub:model").stderr
    assert "no exported folder" in rotrain("push", tmp_path, "hub:me/model").stderr
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert "no weights" in rotrain("push", tmp_path, "hub:me/model").stderr
    # The config.json of a run is no model: it has paths of this machine.
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    assert "no exported folder" in rotrain("push", tmp_path, "hub:me/model").stderr


def test_a_licence_is_for_the_card_of_a_run(exported: Path) -> None:
    done = rotrain("push", exported, "hub:me/model", "--license", "mit")
    assert done.returncode == 2 and "edit README.md" in done.stderr


def test_a_card_says_nothing_of_another_pack(run: Path) -> None:
    trained = load_run(run)
    assert "phase web: " in model_card(trained, "LlamaForCausalLM", "x")
    manifest = Path(trained.run.read_config()["config"]["data"]) / "manifest.json"
    content = manifest.read_bytes()
    try:
        manifest.write_bytes(content + b"\n")
        assert "phase web: " not in model_card(trained, "LlamaForCausalLM", "x")
    finally:
        manifest.write_bytes(content)


def test_a_card_knows_a_chat_template_and_the_unit_of_an_interval(run: Path, tmp_path: Path) -> None:
    trained = load_run(run)
    assert "not taught to follow instructions" in model_card(trained, "LlamaForCausalLM", "x")
    taught = replace(trained, chat_template="{{ messages }}")
    assert "not taught to follow instructions" not in model_card(taught, "LlamaForCausalLM", "x")
    text = tmp_path / "novel.txt"
    text.write_text("A fost odată un împărat. " * 20, "utf-8")
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    assert rotrain("evaluate", copied, "--text", text, "--probes", "none", "--quiet").returncode == 0
    card = model_card(load_run(copied), "LlamaForCausalLM", "x")
    assert "over documents; where there is one document, over its windows" in card
