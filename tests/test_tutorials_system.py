"""Each tutorial of the site is executed: each `bash` block runs, and the `text` block after it is the promised output.

A line `...` in the promise stands for any lines, `...` inside a line for any characters. Blocks of one page run in one folder.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES, LINES = 12, 14


def _steps(page: str) -> Iterator[tuple[str, str | None]]:
    """(commands, promised output or None) of each `bash` block."""
    blocks = BLOCK.findall(page)
    for place, (kind, body) in enumerate(blocks):
        if kind == "bash":
            after = blocks[place + 1] if place + 1 < len(blocks) else ("", "")
            yield body, after[1] if after[0] == "text" else None


def _pattern(promise: str) -> re.Pattern[str]:
    """The promise as an expression: `...` alone on a line is any lines, inside a line any characters."""
    parts = []
    for line in promise.strip().splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*")
        else:
            parts.append(r".*".join(re.escape(part) for part in line.strip().split("...")) + r"\s*\n")
    return re.compile(r"\s*".join(parts))


def _font() -> Path:
    names = ("truetype/dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans.ttf")
    for path in (Path("/usr/share/fonts") / name for name in names):
        if path.exists():
            return path
    pytest.skip("needs a font: apt-get install fonts-dejavu-core")


def _shelf(folder: Path, environment: dict[str, str]) -> None:
    """Two books, typeset from real sentences, and a damaged file."""
    from fpdf import FPDF

    sample = folder.with_name("sample.jsonl")
    subprocess.run(["rotools", "sample", "--out", str(sample), "--quiet"], env=environment, check=True)
    texts = [json.loads(line)["text"] for line in sample.open(encoding="utf-8")]
    sentences = [line for text in texts for line in text.splitlines() if 60 < len(line) < 300]
    sample.unlink()
    folder.mkdir()
    for place, name in enumerate(("definitions-a.pdf", "definitions-b.pdf")):
        book = FPDF()
        book.add_font("text", fname=str(_font()))
        book.set_font("text", size=11)
        for page in range(PAGES):
            book.add_page()
            start = (place * PAGES + page) * LINES
            for line in sentences[start : start + LINES]:
                book.multi_cell(0, 7, line, new_x="LMARGIN", new_y="NEXT")
        book.output(str(folder / name))
    (folder / "damaged.pdf").write_bytes((folder / "definitions-a.pdf").read_bytes()[:900])


@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("*.md")), ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_WAIT_POLICY": "passive",  # other tests share the cores
        "COLUMNS": "200",
    }
    if page.stem == "books":
        _shelf(tmp_path / "shelf", environment)
    steps = list(_steps(page.read_text(encoding="utf-8")))
    assert steps
    for commands, promise in steps:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}"
        if promise is not None:
            assert _pattern(promise).search(done.stdout + "\n"), (
                f"{commands}\n{done.stdout}\npromised:\n{promise}"
            )
