"""Examples in the docstrings of rotrain run in a folder with a small pack and a run that was trained on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "tests" / "rotrain"
SETTINGS = {
    "context": 32,
    "batch.sequences": 4,
    "evaluation.max_tokens": 300,
    "checkpoint.every": 2,
    "runtime.device": "cpu",
}


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pack` (web and books, blocks of 128 tokens) and `runs/llama-mha-nano` (4 steps)."""
    sys.path.insert(0, str(TESTS))
    from packs import write_pack

    import rotrain

    folder = tmp_path_factory.mktemp("examples")
    write_pack(folder / "pack")
    run = folder / "runs" / "llama-mha-nano"
    rotrain.fit(arch="llama-mha", size="nano", data=folder / "pack", out=run, steps=4, settings=SETTINGS)
    return folder


@pytest.fixture(autouse=True)
def in_example_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run an example of rotrain inside that folder."""
    if request.node.name.startswith("rotrain"):
        monkeypatch.chdir(request.getfixturevalue("example_folder"))
    yield
