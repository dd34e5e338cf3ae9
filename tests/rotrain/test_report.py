"""The report: ranks against brute force, charts, and a page that says what its files say."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import rotrain

from conftest import fit_config
from rotrain.errors import RotrainError
from rotrain.evaluation.grammar import pairs
from rotrain.progress import Progress
from rotrain.report.page import front
from rotrain.report.rank import better, difference, rank
from rotrain.report.results import read_runs
from rotrain.report.table import as_latex, as_text, columns, rows_of
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")


def score(nats: np.ndarray[Any, Any]) -> dict[str, Any]:
    """A text score of documents of 100 bytes."""
    value = float(nats.mean()) / math.log(2) / 100
    return {
        "bits_per_byte": {"value": value, "low": value - 0.1, "high": value + 0.1},
        "by_unit": {
            "id": [str(i) for i in range(len(nats))],
            "nats": nats.tolist(),
            "bytes": [100] * len(nats),
        },
    }


def test_equals_share_a_rank_and_others_do_not() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(150, 40, size=60)  # how hard a document is: larger than what tells models apart
    same, worse = hard + random.normal(0, 3, size=60), hard + 5 + random.normal(0, 3, size=60)
    scores = [score(worse), score(hard), score(same)]
    assert {found.index: found.rank for found in rank(scores)} == {0: 3, 1: 1, 2: 1}
    assert better(scores[1], scores[0]) and not better(scores[0], scores[1])
    assert not better(scores[1], scores[2]) and not better(scores[2], scores[1])
    value, low, high = difference(scores[0], scores[1])
    assert low < value < high and value == pytest.approx((worse.mean() - hard.mean()) / math.log(2) / 100)


def test_other_texts_are_compared_by_their_intervals_alone() -> None:
    left, right = score(np.full(40, 150.0)), score(np.full(40, 155.0))
    right["by_unit"]["id"][0] = "another"
    assert difference(left, right)[2] > 0, "0.1 on both sides: they overlap"
    assert [found.rank for found in rank([left, right])] == [1, 1]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12), st.booleans())
def test_the_front_is_of_those_none_beats(values: list[tuple[int, int]], more: bool) -> None:
    sign = -1 if more else 1

    def beaten(p: tuple[int, int]) -> bool:
        return any(q[0] * sign <= p[0] * sign and q[1] <= p[1] and q != p for q in values)

    assert set(front(values, more_x=more)) == {p for p in values if not beaten(p)}


@pytest.fixture(scope="module")
def runs(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> list[Path]:
    """Two evaluated runs, one with a variant."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "MAX_PAIRS", 5)
        for arch in ("llama-gqa", "mamba2"):
            run_training(fit_config(pack, folder / arch, arch=arch, steps=12), Progress())
            assert rotrain("evaluate", folder / arch, "--quiet", "--probes", "grammar").returncode == 0
    variant = folder / "mamba2" / "variants" / "q4_k_m"
    variant.mkdir(parents=True)
    shutil.copy(folder / "mamba2" / "evaluation.json", variant)
    (variant / "artifact.json").write_text(
        json.dumps(
            {"format": "rotrain-quantized", "version": 1, "file_bytes": 3 << 20, "bits_per_weight": 4.8}
        )
    )
    return [folder / "llama-gqa", folder / "mamba2"]


class _Strict(HTMLParser):
    """Every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_holds_what_the_files_say(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    ended = rotrain("report", *runs, "--out", out, "--title", "Mic & <iute>")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{out}: 2 runs, 3 variants\n"
    html = out.read_text(encoding="utf-8")
    parser = _Strict()
    parser.feed(html)
    assert not parser.open and parser.seen.count("figure") >= 5
    assert "Mic &amp; &lt;iute&gt;" in html
    assert "default-src &#39;none&#39;" in html, "nothing is loaded from anywhere"
    assert "On this machine, for text like web, use " in html
    for path in runs:
        value = json.loads((path / "evaluation.json").read_bytes())["text"]["web"]["bits_per_byte"]["value"]
        assert f"{value:.3f} [" in html
    assert "q4_k_m" in html and "subject-verb-number" in html
    assert rotrain("report", *runs, "--out", out, "--title", "Mic & <iute>", "--quiet").stdout == ""
    assert out.read_text(encoding="utf-8") == html, "the same files, the same bytes"


def test_tables_hold_the_same_rows(runs: list[Path], tmp_path: Path) -> None:
    ended = rotrain("report", *runs, "--out", tmp_path / "t.csv", "--json")
    rows = json.loads(ended.stdout)["rows"]
    assert list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text()))) == rows
    assert [row["variant"] for row in rows] == ["fp32", "fp32", "q4_k_m"]
    assert (rows[2]["bits"], rows[2]["MiB"]) == ("4.80", "3.0")
    assert rows[1]["web rank"] == rows[2]["web rank"], "a copy cannot be told from its model"
    found = read_runs(runs)
    text = as_text(columns(found), rows_of(found)).splitlines()
    assert text[0].split()[:3] == ["model", "variant", "MiB"] and len(text) == 4
    assert all(len(line) <= len(text[0]) and len(line) < 100 for line in text), "in line, and on a screen"
    tex = as_latex(columns(found), rows_of(found))
    assert tex.count(r"\\") == 4 and r"q4\_k\_m" in tex


def test_what_cannot_be_reported_is_told(runs: list[Path], tmp_path: Path) -> None:
    assert rotrain("report", runs[0], "--out", tmp_path / "r.pdf").returncode == 2
    ended = rotrain("report", tmp_path, "--out", tmp_path / "r.html")
    assert ended.returncode == 1 and "there is no run here" in ended.stderr
    copy = tmp_path / "run"
    shutil.copytree(runs[0], copy)
    (copy / "evaluation.json").write_text('{"format": "rotrain-evaluation", "version": 99}')
    with pytest.raises(RotrainError, match="version 99"):
        read_runs([copy])
    (copy / "evaluation.json").write_text("{")
    with pytest.raises(RotrainError, match="damaged"):
        read_runs([copy])
