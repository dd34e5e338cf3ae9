"""Every architecture down the whole road: plan, fit, resume, generate, export, and back in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import rotrain

from rotrain.models.presets import ARCHS

pytestmark = pytest.mark.usefixtures("tiny_nano")


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_the_whole_road(arch: str, pack: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    words = [
        "--arch",
        arch,
        "--size",
        "nano",
        "--data",
        pack,
        "--set",
        "context=32",
        "--set",
        "batch.sequences=4",
    ]
    words += ["--set", "runtime.threads=1", "--set", "optim.lr=0.01", "--steps", 40]
    plan = json.loads(rotrain("plan", *words, "--json").stdout)
    assert plan["arch"] == arch and plan["memory_bytes"]["activations"] > 0
    run = tmp_path / "run"
    done = rotrain("fit", *words, "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["parameters"] == plan["parameters"]
    # Six sentences in random order: from ln V + 0.2 to near nothing, whatever the mixer.
    assert summary["first_loss"] > 5.5 and summary["loss"] < 3.2
    exported = rotrain("export", run, "--to", "hf", "--out", tmp_path / "hf", "--json")
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["max_logit_difference"] < 1e-4

    def text(folder: Path) -> list[int]:
        told = rotrain("generate", folder, "--temperature", 0, "--max-tokens", 20, "--json")
        assert told.returncode == 0, told.stderr
        tokens: list[int] = json.loads(told.stdout)["tokens"]
        return tokens

    ours = text(run)
    assert text(tmp_path / "hf") == ours and ours
    # Their cache, and for a window their ring, decode to the same words.
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    prompt = tokenizer("A fost odată", return_tensors="pt", add_special_tokens=False)
    found = model.generate(**prompt, max_new_tokens=len(ours), do_sample=False)
    assert found[0, prompt.input_ids.shape[1] :].tolist() == ours


def test_document_masks_and_the_window_are_words_of_a_run(pack: Path, tmp_path: Path) -> None:
    words = [
        "fit",
        "--arch",
        "mistral-swa",
        "--size",
        "nano",
        "--data",
        pack,
        "--steps",
        4,
        "--set",
        "context=32",
    ]
    run = tmp_path / "run"
    done = rotrain(*words, "--set", "window=9", "--set", "document_mask=true", "--out", run)
    assert done.returncode == 0, done.stderr
    assert "window 9" in done.stderr and "documents apart" in done.stderr
    model = json.loads((run / "config.json").read_text())["model"]
    assert (model["window"], model["document_end"]) == (9, 0)
    wide = rotrain(*words, "--set", "window=32", "--out", tmp_path / "wide")
    assert wide.returncode == 2 and "masks nothing in a context of 32" in wide.stderr
    assert not (tmp_path / "wide").exists()
