"""The training scripts in `examples/` run as their docstrings say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rotrain.llamacpp import find_library

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(folder: Path, name: str, *arguments: object) -> str:
    """Run an example in a folder; what it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_corpus_is_packed_and_trained(tmp_path: Path) -> None:
    shown = run(tmp_path, "pack_and_train.py", "--steps", 6)
    bits = re.search(r"web: (\d\.\d{3}) bits per byte of held-out text after 6 steps", shown)
    assert bits is not None and 0 < float(bits[1]) < 8
    assert shown.splitlines()[-1].startswith("A fost odată")
    assert (tmp_path / "example" / "run" / "summary.json").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_own_loop_learns(pack: Path, tmp_path: Path, workers: int) -> None:
    shown = run(tmp_path, "own_loop.py", pack, "--steps", 10, "--workers", workers)
    losses = [float(loss) for loss in re.findall(r"loss (\d+\.\d{3}) nats", shown)]
    assert len(losses) == 2 and losses[1] < losses[0] - 0.5


def test_a_gguf_is_scored(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="pip install 'rotext[gguf]'")
    if find_library() is None:
        pytest.skip("llama.cpp is not installed")
    shown = run(tmp_path, "score_gguf.py")
    bits = re.search(r"sentences: (\d+\.\d{3}) bits per byte", shown)
    assert bits is not None and 0 < float(bits[1]) < 16 and "engine: " in shown
    text = tmp_path / "novel.txt"
    text.write_text("Ședința a început la ora zece dimineața.", encoding="utf-8")
    again = run(tmp_path, "score_gguf.py", tmp_path / "example" / "model.gguf", text)
    assert again.startswith("novel: ")
