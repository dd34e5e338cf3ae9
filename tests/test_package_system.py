"""The wheel and the source distribution, installed as a user would install them: into an empty environment.

`make test-system` builds both first (`make wheel`).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
UV = Path(sys.executable).with_name("uv")
TEXT = "Era odată un împărat care avea trei feciori și o livadă mare cât vedeai cu ochii, lângă satul {}."
LIMIT_MB = 150


def _built(pattern: str) -> Path:
    found = sorted(DIST.glob(pattern))
    if not found:
        pytest.skip("run `make wheel` first")
    assert len(found) == 1, f"more than one {pattern} in {DIST}: run `make wheel` again"
    return found[0]


def _environment(folder: Path, distribution: Path, target: Path | None = None) -> Path:
    """An environment with `distribution` and its base dependencies alone; returns its folder of programs."""
    own = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    if target is not None:
        environment["CARGO_TARGET_DIR"] = str(target)  # the dependencies that are compiled already
    for command in (
        [UV, "venv", "-q", "--python", sys.executable, folder],
        [UV, "pip", "install", "-q", "--python", folder / "bin/python", distribution],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder.parent)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin"


def _run(*words: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _packs_a_file(programs: Path, folder: Path) -> None:
    corpus = folder / "corpus.jsonl"
    with corpus.open("w", encoding="utf-8") as file:
        for number in range(300):
            text = " ".join(TEXT.format(number * 17 + place) for place in range(6))
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
    words = ("--vocab-size", "300", "--no-dedup", "--no-filter", "--json", "--quiet")
    report = json.loads(_run(programs / "rotools", "pack", corpus, *words, cwd=folder))
    assert report["tokens"] > 10_000
    _run(programs / "rotools", "verify", "pack", "--quiet", cwd=folder)
    code = "import rotools, rotrain; print(rotools.normalize('ştiinţă'), rotrain.__version__)"
    repaired, version = _run(programs / "python", "-c", code, cwd=folder).split()
    assert repaired == "știință"
    assert version == _run(programs / "rotools", "--version", cwd=folder).split()[-1]


def test_a_wheel_installs_without_torch_and_packs(tmp_path: Path) -> None:
    wheel = _built("*.whl")
    assert "-abi3-" in wheel.name
    programs = _environment(tmp_path / "env", wheel)
    _packs_a_file(programs, tmp_path)
    packages = next((tmp_path / "env/lib").glob("python3*/site-packages"))
    names = {path.name for path in packages.iterdir()}
    assert not names & {"torch", "transformers"}
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
    assert size < LIMIT_MB * 1_000_000, f"{size / 1e6:.0f} MB"
    # The command that needs torch says in one sentence what to install.
    done = subprocess.run(
        [programs / "rotrain", "fit", "--arch", "llama-mha"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "pip install 'rotext[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_distribution_installs_and_packs(tmp_path: Path) -> None:
    programs = _environment(tmp_path / "env", _built("*.tar.gz"), ROOT / "target")
    _packs_a_file(programs, tmp_path)
