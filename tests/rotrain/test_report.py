"""The report: charts, tables, and a page that says what its files say. Ranks are tested in test_seeds.py."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import rotrain

from conftest import fit_config
from rotrain.errors import RotrainError
from rotrain.evaluation.grammar import pairs
from rotrain.files import read_record, write_record
from rotrain.progress import Progress
from rotrain.report.charts import front
from rotrain.report.groups import compare_models, left_out, models_of
from rotrain.report.latex import as_latex
from rotrain.report.page import page
from rotrain.report.results import read_runs
from rotrain.report.table import NONE, WHY_NONE, Row, as_text, columns, rows_of
from rotrain.report.write import render
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")


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
    shown = out.read_text(encoding="utf-8")
    parser = _Strict()
    parser.feed(shown)
    assert not parser.open and parser.seen.count("figure") >= 5
    assert "Mic &amp; &lt;iute&gt;" in shown
    assert "default-src &#39;none&#39;" in shown, "nothing is loaded from anywhere"
    assert "On this machine, for text like web, use " in shown
    for path in runs:
        value = json.loads((path / "evaluation.json").read_bytes())["text"]["web"]["bits_per_byte"]["value"]
        assert f"{value:.3f} [" in shown
    assert "q4_k_m" in shown and "subject-verb-number" in shown
    assert "12 steps, optimizer adamw, learning rate " in shown
    assert rotrain("report", *runs, "--out", out, "--title", "Mic & <iute>", "--quiet").stdout == ""
    assert out.read_text(encoding="utf-8") == shown, "the same files, the same bytes"


def test_tables_hold_the_same_rows(runs: list[Path], tmp_path: Path) -> None:
    ended = rotrain("report", *runs, "--out", tmp_path / "t.csv", "--json")
    rows = json.loads(ended.stdout)["rows"]
    assert list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text()))) == rows
    assert [row["variant"] for row in rows] == ["fp32", "fp32", "q4_k_m"]
    assert (rows[2]["bits"], rows[2]["MiB"]) == ("4.80", "3.0")
    assert "web rank" not in rows[0], "one seed is not ranked"
    found = read_runs(runs)
    text = as_text(columns(found), rows_of(found)).splitlines()
    assert text[0].split()[:3] == ["model", "variant", "MiB"] and len(text) == 4
    assert all(len(line) <= len(text[0]) and len(line) < 100 for line in text), "in line, and on a screen"
    tex = as_latex(columns(found), rows_of(found))
    # Two domains over the seeds, quality and cost: each has a head and a line for each row.
    assert tex.count(r"\\") == 4 * 4 == 4 * tex.count(r"\label{tab:") and r"q4\_k\_m" in tex


def test_no_form_leaves_a_cell_empty_without_a_word(runs: list[Path]) -> None:
    """A model before its quantization has no KL; each form for readers has a sign there, and says what it means."""
    found = read_runs(runs)
    found[1].cells[1] = dataclasses.replace(found[1].cells[1], evaluation=None)
    heads, rows = columns(found), rows_of(found)
    assert any(not head.text(row) for head in heads for row in rows)
    markdown, tex, page = (render(found, "t", suffix) for suffix in (".md", ".tex", ".html"))
    assert "|  |" not in markdown and f"\n{NONE}: {WHY_NONE}.\n" in markdown
    for line in tex.splitlines():
        if line.endswith(r"\\") and " & " in line:
            assert all(cell.strip() for cell in line.removesuffix(r"\\").split(" & ")), line
    assert f"{NONE}: not measured, or there is none." in tex
    assert f"“{NONE}”: {WHY_NONE}." in page
    brief = sum(head.brief for head in heads)
    assert {len(re.split(r"\s{2,}", line.strip())) for line in as_text(heads, rows).splitlines()} == {brief}
    # Where nothing is missing, nothing is said.
    whole = [head for head in heads if all(head.text(row) for row in rows)]
    assert NONE not in as_latex(whole, rows).split(r"\label{tab:quality}")[0].rsplit(r"\begin{table}", 1)[1]


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


def seeds_of(runs: list[Path], folder: Path) -> list[Path]:
    """Three seeds of each run, without variants: llama-gqa far better than mamba2."""
    copies = []
    for run in runs:
        for seed in (0, 1, 2):
            copy = Path(shutil.copytree(run, folder / f"{run.name}-s{seed}"))
            config = read_record(copy / "config.json")
            config["config"] |= {"seed": seed, "out": str(copy)}
            write_record(copy / "config.json", config)
            scale(copy / "evaluation.json", (1 + 0.002 * seed) * (1.5 if run.name == "mamba2" else 0.5))
            shutil.rmtree(copy / "variants", ignore_errors=True)
            copies.append(copy)
    return copies


def scale(file: Path, factor: float) -> None:
    """Multiply the bits of all texts."""
    found = read_record(file)
    for score in found["text"].values():
        score["by_unit"]["nats"] = [nats * factor for nats in score["by_unit"]["nats"]]
        score["bits_per_byte"]["value"] *= factor
    write_record(file, found)


def page_of(paths: list[Path]) -> str:
    return html.unescape(page(read_runs(paths), "title"))


def test_seeds_are_one_model_and_a_baseline_is_a_row(runs: list[Path], tmp_path: Path) -> None:
    copies = seeds_of(runs, tmp_path)
    baseline = tmp_path / "other.json"
    record = read_record(runs[0] / "evaluation.json")
    write_record(baseline, record | {"model": record["model"] | {"arch": "gpt2", "parameters": 5_000_000}})
    ended = rotrain("report", *copies, baseline, "--out", tmp_path / "r.html", "--json")
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)["rows"]
    assert [row["web rank"] for row in rows] == ["1"] * 3 + ["2"] * 3 + [""]
    assert (rows[-1]["model"], rows[-1]["variant"], rows[-1]["parameters"]) == ("other", "baseline", "5.0 M")
    shown = (tmp_path / "r.html").read_text("utf-8")
    assert "with another seed differs by a standard deviation of" in shown
    assert "the mean of 3 seeds" in shown and "in 8 of 10 studies" in shown
    alone = rotrain("report", copies[0], copies[3], "--out", tmp_path / "one.html", "--json")
    assert "web rank" not in json.loads(alone.stdout)["rows"][0]
    assert "a rank needs 3 seeds of each, and there is 1" in (tmp_path / "one.html").read_text("utf-8")
    (tmp_path / "bad.json").write_text("{}")
    assert (
        "not the result of" in rotrain("report", tmp_path / "bad.json", "--out", tmp_path / "b.html").stderr
    )


def test_differences_are_from_the_best_ranked_model(runs: list[Path], tmp_path: Path) -> None:
    copies = seeds_of(runs, tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(runs[0] / "evaluation.json", tmp_path / name / "smollm.json")
        scale(tmp_path / name / "smollm.json", 0.1 if name == "a" else 0.2)
    baselines = [tmp_path / "a" / "smollm.json", tmp_path / "b" / "smollm.json"]
    shown = page_of([*copies, *baselines])
    table = shown.split("from the best ranked model", 1)[1].split("</table>", 1)[0]
    assert "mamba2 fp32" in table and "llama-gqa fp32" in table and "< 0.001" in table
    found = rows_of(read_runs([*copies, *baselines]))
    assert [row.cell.name for row in found[-2:]] == [f"{file} baseline" for file in baselines]
    models = models_of([(row.run, row.cell) for row in found])
    assert len(compare_models(models, "web", "PyTorch").groups) == 4, "two files of one name are two models"


def test_one_seed_with_variants_has_no_ranks_to_explain(runs: list[Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs[1], tmp_path / "mamba2"))
    scale(run / "variants" / "q4_k_m" / "evaluation.json", 1.1)
    shown = page_of([run])
    assert "Two variants of the same run differ where" in shown
    assert "A rank differs" not in shown and "in 8 of 10 studies" not in shown


def test_a_model_with_few_seeds_is_named(runs: list[Path], tmp_path: Path) -> None:
    copies = seeds_of(runs, tmp_path)
    shown = page_of(copies[:4])
    assert "mamba2-s0 fp32 has no rank: a rank needs 3 seeds, and there is 1." in shown
    assert "There are no ranks" not in shown


def test_windows_of_different_lengths_are_named(runs: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    record = read_record(runs[0] / "evaluation.json")
    own = record["conventions"]["context"]
    shutil.copy(runs[0] / "evaluation.json", other)
    assert "windows of different lengths" not in page_of([runs[0], other])
    record["conventions"]["context"] = 2_048
    write_record(other, record)
    shown = page_of([runs[0], other])
    assert f"({own} tokens: llama-gqa fp32; 2,048 tokens: other baseline)" in shown


def test_a_seed_of_other_documents_is_left_out_and_named(runs: list[Path], tmp_path: Path) -> None:
    copies = seeds_of(runs, tmp_path)
    # The first seed is the odd one: the commonest documents count, not those of the first.
    record = read_record(copies[0] / "evaluation.json")
    for score in record["text"].values():
        score["by_unit"] = {key: values[:-1] for key, values in score["by_unit"].items()}
    write_record(copies[0] / "evaluation.json", record)
    found = read_runs(copies)
    models = models_of([(run, cell) for run in found for cell in run.cells])
    groups = {group.name: group.seeds for group in compare_models(models, "web", "PyTorch").groups}
    assert groups == {"llama-gqa": (1, 2), "mamba2": (0, 1, 2)}
    assert left_out(models, "web") == ["llama-gqa-s0 fp32"]
    assert "were scored for llama-gqa-s0 fp32: left out of the means" in page_of(copies)


def test_a_disturbed_speed_is_marked_and_takes_no_part(runs: list[Path]) -> None:
    found = read_runs(runs)
    row = {
        "engine": "torch",
        "contended": True,
        "decode": {"0": {"tokens_per_s": {"median": 123.4}}},
        "ttft_warm_s": {"median": 0.0355},
        "ttft_prompt_tokens": 9,
        "memory": {"peak_bytes": 1 << 30},
    }
    for contended, mark in ((True, "~"), (False, "")):
        cell = dataclasses.replace(found[0].cells[0], bench=[row | {"contended": contended}])
        shown = Row(found[0], cell, {})
        assert (shown.speed_text, shown.first_token_text) == (f"{mark}123", f"{mark}35.5 (9 tokens)")
        assert shown.speed == (None if contended else 123.4)
    cell = dataclasses.replace(found[0].cells[0], bench=[row | {"contended": True, "model": "runs/a b"}])
    disturbed = [dataclasses.replace(found[0], cells=[cell])]
    command = "rotrain bench 'runs/a b' --wait 60 --out "
    assert command in render(disturbed, "t", ".md") and command in html.unescape(
        render(disturbed, "t", ".html")
    )
    assert "disturbed by other programs" in render(disturbed, "t", ".tex")
    quiet = dataclasses.replace(found[0].cells[0], bench=[row | {"contended": False}])
    both = html.unescape(render([dataclasses.replace(found[0], cells=[quiet, cell])], "t", ".html"))
    assert "1 of 2 rows have a time that no other program disturbed: a model without one" in both
    assert both.count("Rows whose timing other programs disturbed (~) are left out of the charts") >= 1
    assert (
        "<code>rotrain bench 'runs/a b' --wait 60 --out " in both
        and "`" not in both.split("</nav>")[1].split("<table")[0]
    )


def test_a_timed_run_is_found_from_another_folder(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(runs[1], tmp_path / "work" / "runs" / "mamba2"))
    file = "runs/mamba2/variants/q4_k_m/model.gguf"
    rows = [{"model": "runs/mamba2", "variant": "fp32"}, {"model": file, "variant": "model"}]
    write_record(run / "bench.json", {"format": "rotrain-bench", "version": 1, "rows": rows})
    monkeypatch.chdir(tmp_path)
    (found,) = read_runs([run])
    assert [[row["model"] for row in cell.bench] for cell in found.cells] == [["runs/mamba2"], [file]]
