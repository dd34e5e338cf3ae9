"""The report of a pack: its figures are those of the ledger, its texts those of the sources, redacted."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from browser import PROGRAM
from hypothesis import given
from hypothesis import strategies as st
from rotools_program import rotools

from rotools.report.gather import gather
from rotools.report.side_by_side import side_by_side

PROSE = (
    "Satul de pe malul râului era liniștit în dimineața aceea, iar oamenii plecaseră de mult la câmp, "
    "fiecare cu treaba lui, când pe drumul dinspre oraș s-a ivit o căruță încărcată cu lucruri vechi. "
)
PARTS = ("ma", "re", "ți", "lu", "so", "că", "ne", "pi", "do", "ste", "bă", "gu", "ri", "te")
WORDS = ["".join(parts) for parts in itertools.product(PARTS, repeat=3)]
SMALL = ("și", "cu", "pe", "la", "din", "care", "nu", "mai", "este", "un")


def documents() -> list[dict[str, str]]:
    """Prose of its own for each document, with near-duplicates, English, and an e-mail address."""
    random = np.random.default_rng(0)
    found = []
    for number in range(60):
        own = " ".join(random.choice(WORDS, size=12))
        found.append(
            {"id": f"d{number}", "text": f"{PROSE} Atunci {own} s-au văzut. Nimeni n-a știut {own[::-1]}."}
        )
    base = " ".join(
        " ".join(f"{random.choice(WORDS)} {random.choice(SMALL)}" for _ in range(5)).capitalize() + "."
        for _ in range(25)
    )
    found.append({"id": "kept", "text": f"{base} Acesta este sfârșitul <cel> lung."})
    found.append({"id": "gone", "text": f"{base} Acesta este finalul."})
    found.append({"id": "english", "text": "The quick brown fox jumps over the lazy dog and runs away. " * 5})
    found.append({"id": "mail", "text": f"{PROSE} Scrie la ion.popescu@exemplu.ro până mâine."})
    return found


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    corpus = folder / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in documents()), encoding="utf-8")
    rotools("pack", corpus, "--vocab-size", 400, "--out", folder / "pack", "--quiet")
    return folder / "pack"


class _Strict(HTMLParser):
    """Every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_says_what_the_ledger_says(pack: Path) -> None:
    rotools("report", pack)
    html = (pack / "report.html").read_text(encoding="utf-8")
    parser = _Strict()
    parser.feed(html)
    assert not parser.open
    rows = pyarrow.parquet.read_table(pack / "ledger.parquet").to_pylist()
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row["stage"], row["rule"]] = counts.get((row["stage"], row["rule"]), 0) + 1
    assert ("filter", "language") in counts and any(rule.startswith("near") for _, rule in counts)
    for (stage, rule), count in counts.items():
        assert re.search(rf"{stage}: {rule}, {count:,} (dropped|changed|flagged|kept)", html)
    assert "kept is kept for 1" in html
    assert "sfârșitul &lt;cel&gt; lung" in html and "<ins>finalul.</ins>" in html
    assert "popescu@" not in html, "personal data is not in the pack, and not in its report"
    rotools("verify", pack)
    assert rotools("report", pack, "--quiet").stderr == ""
    assert (pack / "report.html").read_text(encoding="utf-8") == html


def test_without_the_sources_the_figures_stay(pack: Path, tmp_path: Path) -> None:
    copy, corpus = tmp_path / "pack", pack.parent / "corpus.jsonl"
    shutil.copytree(pack, copy)
    away = corpus.rename(tmp_path / "away.jsonl")
    try:
        ended = rotools("report", copy, "--json")
        assert json.loads(ended.stdout)["texts"] == 0
        assert "is not there any more" in (copy / "report.html").read_text(encoding="utf-8")
    finally:
        away.rename(corpus)
    assert gather(copy, texts=False).texts == {}


def test_errors_of_the_report_name_the_cause(pack: Path, tmp_path: Path) -> None:
    rotools("report", tmp_path / "nowhere", code=1)
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    (copy / "ledger.parquet").write_bytes(b"no")
    ended = rotools("report", copy, code=1)
    assert "ledger" in ended.stderr and "hint:" in ended.stderr
    (copy / "report.json").unlink()
    assert "report.json" in rotools("report", copy, code=1).stderr


text = st.text(alphabet="ab <&\n", max_size=60)


@given(text, text)
def test_both_texts_are_whole_beside_each_other(kept: str, gone: str) -> None:
    left, right = side_by_side(kept, gone)
    for html, source in ((left, kept), (right, gone)):
        plain = re.sub(r"</?(ins|del)>", "", html).replace("&lt;", "<").replace("&amp;", "&")
        assert plain.split() == source.split()
    if kept == gone:
        assert "<del>" not in left and "<ins>" not in right


@pytest.mark.skipif(PROGRAM is None, reason="install it: apt install chromium")
def test_a_browser_draws_it(pack: Path, tmp_path: Path) -> None:
    rotools("report", pack, "--out", tmp_path / "r.html", "--quiet")
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=10000",
        "--dump-dom",
    ]
    ended = subprocess.run(
        [str(PROGRAM), *words, (tmp_path / "r.html").as_uri()], capture_output=True, text=True
    )
    assert ended.returncode == 0 and ended.stdout.count("main-svg") >= 2
    assert not re.search(r"CONSOLE|ERR_", ended.stderr), ended.stderr
