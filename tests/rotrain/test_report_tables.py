"""The further tables of a report, its figures, and that engines are not mixed."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packs import texts
from program import rotrain

from conftest import fit_config
from rotrain.files import read_record, write_record
from rotrain.progress import Progress
from rotrain.report.advice import advice
from rotrain.report.budgets import budget_sections, curve, read_curve
from rotrain.report.charts import charts_of
from rotrain.report.conditions import conditions_section
from rotrain.report.figures import write_figures
from rotrain.report.groups import compare_models, engines_of, models_of
from rotrain.report.outside import outside_section
from rotrain.report.page import page
from rotrain.report.results import Run, read_runs
from rotrain.report.section import Section
from rotrain.report.table import columns, rows_of
from rotrain.report.write import render, write_report
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="install it: apt install texlive-latex-recommended"
)


@pytest.fixture(scope="module")
def study(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> list[Path]:
    """Two runs with a llama.cpp variant, text from outside, and two baselines."""
    folder = tmp_path_factory.mktemp("tables")
    news = folder / "news.jsonl"
    lines = [{"id": str(at), "text": text} for at, text in enumerate(texts(4, seed=99))]
    news.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    runs = []
    for arch in ("llama-gqa", "mamba2"):
        run_training(fit_config(pack, folder / arch, arch=arch, steps=12), Progress())
        ended = rotrain("evaluate", folder / arch, "--quiet", "--probes", "none", "--outside", news)
        assert ended.returncode == 0, ended.stderr
        assert "news:" in ended.stdout and "runs of 20 tokens" in ended.stdout
        record = read_record(folder / arch / "evaluation.json")
        record["model"]["engine"] = "xllamacpp 2026.10"
        (folder / arch / "variants" / "f16").mkdir(parents=True)
        write_record(folder / arch / "variants" / "f16" / "evaluation.json", record)
        (folder / arch / "variants" / "f16" / "model.gguf").write_bytes(bytes(3 << 20))
        runs.append(folder / arch)
    for kind in ("ngram", "zstd"):
        out = folder / kind / "evaluation.json"
        out.parent.mkdir()
        assert (
            rotrain("evaluate", f"baseline:{kind}", "--data", pack, "--out", out, "--quiet").returncode == 0
        )
        runs.append(out)
    return runs


def test_engines_are_never_in_one_comparison(study: list[Path]) -> None:
    found = read_runs(study)
    models = models_of([(run, cell) for run in found for cell in run.cells])
    assert engines_of(models, "web") == ["PyTorch", "llama.cpp"]
    for engine, variant in (("PyTorch", "fp32"), ("llama.cpp", "f16")):
        compared = compare_models(models, "web", engine)
        assert {group.variant for group in compared.groups} == {variant, "baseline"}
        assert not compared.differences, "one seed, and no two variants of one engine"
    for chart in charts_of(found):
        if "quality" in chart.caption:
            names = {trace["name"].split()[-1] for trace in chart.figure["data"]}
            assert len(names & {"fp32", "f16"}) == 1, chart.caption


def test_an_exported_file_is_a_row_with_its_size(study: list[Path]) -> None:
    run = read_runs(study[:1])[0]
    assert [cell.variant for cell in run.cells] == ["fp32", "f16"]
    assert run.cells[1].artifact == {"file_bytes": 3 << 20, "bits_per_weight": None}


def test_baselines_have_no_rank_and_are_never_recommended(study: list[Path]) -> None:
    found = read_runs(study)
    shown = page(found, "t")
    assert "use ngram" not in shown and "use zstd" not in shown
    assert "Without a network, ngram needs" in shown
    assert "so counting the training text is better" in shown, "twelve steps learn little"
    models = models_of([(run, cell) for run in found for cell in run.cells])
    compared = compare_models(models, "web", "PyTorch")
    assert [
        rank
        for group, rank in zip(compared.groups, compared.ranks, strict=True)
        if group.variant == "baseline"
    ] == [
        None,
        None,
    ]


def test_the_answer_about_baselines_names_its_engine(study: list[Path]) -> None:
    found = read_runs(study)

    def said(runs: list[Run], bits: float) -> str:
        """What the answer says where the two baselines need these bits."""
        score = {"bits_per_byte": {"value": bits, "low": bits, "high": bits}}
        for run in runs[2:]:
            evaluation = run.cells[0].evaluation
            assert evaluation is not None
            evaluation["text"]["web"] |= score
        rows = rows_of(runs)
        answer = advice(rows, models_of([(row.run, row.cell) for row in rows]), "web")
        assert answer is not None
        return next(sentence for sentence in answer.cautions if sentence.startswith("Without a network"))

    assert said(found, 9.0).endswith(": every model scored in PyTorch needs fewer.")
    assert "every model scored in PyTorch needs more, so" in said(found, 0.01)
    alone = [dataclasses.replace(run, cells=run.cells[:1]) for run in found]
    assert said(alone, 9.0).endswith(": every model here needs fewer.")


@given(
    st.lists(
        st.tuples(st.floats(1, 1e6), st.floats(0.5, 9)), min_size=1, max_size=6, unique_by=lambda p: p[0]
    ),
    st.floats(0.5, 2e6),
)
def test_a_curve_is_read_between_its_points_only(points: list[tuple[float, float]], budget: float) -> None:
    points = sorted(points)
    found = read_curve(points, budget)
    inside = points[0][0] <= budget <= points[-1][0]
    if isinstance(found, str):
        assert not inside and found.startswith(("measured from", "ended at"))
    else:
        assert points[0][0] * (1 - 1e-6) <= budget <= points[-1][0] * (1 + 1e-6)
        left = max((p for p in points if p[0] <= budget), default=points[0])
        right = min((p for p in points if p[0] >= budget), default=points[-1])
        assert min(left[1], right[1]) - 1e-6 <= found <= max(left[1], right[1]) + 1e-6


def test_budgets_are_those_of_the_held_out_curves(study: list[Path]) -> None:
    found = read_runs(study)
    sections = {section.identity: section for section in budget_sections(found)}
    assert set(sections) == {
        f"equal-{axis}-{domain}" for axis in ("compute", "time") for domain in ("web", "books")
    }
    compute = sections["equal-compute-web"]
    assert [row[0] for row in compute.rows] == ["llama-gqa", "mamba2"], "baselines and variants train nothing"
    ends = {run.name: curve(run, "web", "flops")[-1] for run in found[:2]}
    first = min(ends, key=lambda name: ends[name][0])
    row = next(row for row in compute.rows if row[0] == first)
    # The whole budget of the cheaper run is its last measurement; the larger one is beyond it.
    assert row[4] == f"{ends[first][1]:.3f}" and row[5].startswith("– (ended at")
    machine = found[1].machine | {"threads": 64}
    other = dataclasses.replace(found[1], machine=machine)
    time = next(one for one in budget_sections([found[0], other]) if one.identity == "equal-time-web")
    assert all(cell == "– (other machine)" for row in time.rows for cell in row[2:])
    single = [
        dataclasses.replace(
            run, metrics=[line for line in run.metrics if not line.get("eval") or line["step"] == 12]
        )
        for run in found[:2]
    ]
    assert all(not section.rows and "Not known" in section.explain for section in budget_sections(single))


def _with_flops(run: Run, factor: float) -> Run:
    """The run with other operations."""
    lines = [line | {"flops": factor * line["flops"]} if line.get("flops") else line for line in run.metrics]
    return dataclasses.replace(run, metrics=lines)


def _compute_of(runs: list[Run]) -> Section:
    return next(one for one in budget_sections(runs) if one.identity == "equal-compute-web")


def test_a_figure_before_the_end_of_its_run_is_marked(study: list[Path]) -> None:
    first, second = read_runs(study[:2])
    end = curve(first, "web", "flops")[-1][0]
    longer = _with_flops(second, 1.5 * end / curve(second, "web", "flops")[-1][0])
    section = _compute_of([first, longer])
    *_, own, beyond = next(row for row in section.rows if row[0] == first.name)
    *_, before, last = next(row for row in section.rows if row[0] == second.name)
    assert own == f"{curve(first, 'web', 'flops')[-1][1]:.3f}" and beyond.startswith("– (ended at")
    assert last == f"{curve(second, 'web', 'flops')[-1][1]:.3f}" and before.endswith("*")
    assert "*: read before the end of its own run" in section.explain
    # A run without a summary goes on: its last point is not its end.
    section = _compute_of([dataclasses.replace(first, summary=None), longer])
    assert next(row for row in section.rows if row[0] == first.name)[-2].endswith("*")


def test_budgets_that_are_nearly_equal_are_one_column(study: list[Path]) -> None:
    first, second = read_runs(study[:2])
    factor = curve(first, "web", "flops")[-1][0] / curve(second, "web", "flops")[-1][0]
    for ratio, count in ((1.002, 3), (1.05, 4)):
        section = _compute_of([first, _with_flops(second, ratio * factor)])
        assert len(section.heads) - 2 == count == len(set(section.heads[2:]))
        # The end of the run is its end, also where the column is 0.2 % below it.
        assert section.rows[1][4].endswith("*") == (ratio > 1.01)


def test_seconds_of_a_curve_are_without_the_evaluations(study: list[Path]) -> None:
    run = read_runs(study[:1])[0]
    lines = []
    for step in (6, 12):
        # Six steps take 10 s, and an evaluation 100 s.
        end = step / 6 * 10 + (step / 6 - 1) * 100
        lines.append({"step": step, "flops": 1e9 * step, "seconds": end})
        lines.append({"step": step, "seconds": end + 100, "eval": {"web": {"bpb": 3.0 - step / 12}}})
    timed = dataclasses.replace(run, metrics=lines)
    assert curve(timed, "web", "seconds") == [(10.0, 2.5), (20.0, 2.0)]
    assert curve(timed, "web", "flops") == [(6e9, 2.5), (12e9, 2.0)]
    time = next(one for one in budget_sections(read_runs(study[:2])) if one.identity == "equal-time-web")
    assert "without the evaluations" in time.explain


def test_a_branch_has_no_equal_compute_and_the_table_says_why(study: list[Path]) -> None:
    first, second = read_runs(study[:2])
    config = first.config | {"begin_from": "runs/first@6"}
    branch = dataclasses.replace(_with_flops(first, 0.1), name="branch", config=config)
    section = _compute_of([first, second, branch])
    assert section.heads == _compute_of([first, second]).heads, "its short end is no budget"
    assert section.rows[2] == ("branch", "1", *["– (branch)"] * (len(section.heads) - 2))
    assert "A branch" in section.explain and "A branch" not in _compute_of([first, second]).explain
    section = _compute_of([first, branch])
    assert not section.rows and "fewer than two models were trained from the start" in section.explain


def test_conditions_name_machine_date_commit_and_command(study: list[Path]) -> None:
    found = read_runs(study)
    section = conditions_section(found)
    assert section is not None
    rows = {(key, run): value for key, run, value in section.rows}
    started = read_record(study[0] / "config.json")["started"]
    assert started["date"].endswith(" UTC") and started["processor"] and started["command"]
    assert started["processor"] in {value for (key, _), value in rows.items() if key == "processor"}
    assert ("batch", "all") in rows and ("pack", "all") in rows
    assert any(key == "held-out text" and "web" in value for (key, _), value in rows.items())
    [call] = read_record(study[0] / "evaluation.json")["calls"]
    assert call["parts"] == ["text", "outside"] and "--outside" in call["command"]
    assert ("scored on", "all", call["date"][:10]) in section.rows
    assert ("scored with the processor", "all", call["processor"]) in section.rows
    evaluation = found[1].cells[1].evaluation
    assert evaluation is not None
    evaluation["calls"].append({"parts": ["probes"]})
    section = conditions_section(found)
    assert section is not None
    mixed = {value for key, _, value in section.rows if key == "scored on"}
    assert f"{call['date'][:10]}; others not recorded" in mixed
    old = dataclasses.replace(found[0], started={})
    section = conditions_section([old])
    assert section is not None and ("commit of the training", "all", "not recorded") in section.rows


def test_conditions_name_what_scored_and_timed_in_each_engine(study: list[Path]) -> None:
    found = read_runs(study)
    timed = {"engine": "llama.cpp", "engine_version": "xllamacpp 2026.11", "device": "cpu, 2 threads"}
    cells = [
        dataclasses.replace(cell, bench=[timed] if cell.variant == "f16" else []) for cell in found[0].cells
    ]
    section = conditions_section([dataclasses.replace(found[0], cells=cells), *found[1:]])
    assert section is not None
    rows = set(section.rows)
    record = read_record(study[0] / "evaluation.json")
    program, engine = record["program"], record["model"]["engine"]
    assert ("scoring in PyTorch", "2 of 4 runs", f"rotrain {program}, {engine}") in rows
    assert ("scoring in llama.cpp", "2 of 4 runs", f"rotrain {program}, xllamacpp 2026.10") in rows
    zstd = read_record(study[3])["model"]["engine"]
    assert ("scoring without a network", "zstd", f"rotrain {program}, {zstd}") in rows
    own = read_record(study[2])
    assert own["model"]["engine"] == f"rotrain {program}", "rotrain counts n-grams itself, which is said once"
    assert ("scoring without a network", "ngram", f"rotrain {program}") in rows
    assert ("timing in llama.cpp", "llama-gqa", "xllamacpp 2026.11 on cpu, 2 threads") in rows
    assert ("timing", "mamba2", "not timed") in rows


def test_text_from_outside_is_a_table_apart(study: list[Path]) -> None:
    found = read_runs(study)
    section = outside_section(found)
    assert section is not None and section.heads == ("model", "variant", "engine", "news")
    assert "of its tokens" in section.explain
    scores = read_record(study[0] / "evaluation.json")["outside"]["news"]
    assert section.rows[0][3].startswith(f"{scores['bits_per_byte']['value']:.3f} [")
    assert "news" not in {
        name for run in found for cell in run.cells for name in (cell.evaluation or {"text": {}})["text"]
    }


def test_a_text_that_is_too_short_to_be_compared_is_said(study: list[Path]) -> None:
    found = read_runs(study)
    for cell in (cell for run in found for cell in run.cells):
        for score in (cell.evaluation or {}).get("outside", {}).values():
            score["contamination"] |= {"checked_tokens": 0, "share": 0.0, "unchecked_documents": 4}
    section = outside_section(found)
    assert section is not None
    assert (
        "nothing was compared with the training text: 4 documents of fewer than 20 tokens" in section.explain
    )


def test_contamination_stands_in_the_cells_where_it_differs(study: list[Path]) -> None:
    found = read_runs(study)
    evaluation = found[1].cells[0].evaluation
    assert evaluation is not None
    evaluation["outside"]["news"]["contamination"] |= {"share": 0.123}
    section = outside_section(found)
    assert section is not None and "is in the cells" in section.explain
    cells = {(row[0], row[1]): row[3] for row in section.rows}
    first = read_record(study[0] / "evaluation.json")["outside"]["news"]["contamination"]["share"]
    assert cells["mamba2", "fp32"].endswith("], 12.3 % in common")
    assert cells["llama-gqa", "fp32"].endswith(f"], {100 * first:.1f} % in common")


def test_a_dollar_in_the_name_of_a_run_is_a_dollar(study: list[Path], tmp_path: Path) -> None:
    run = read_runs(study[:1])[0]
    name = "a$x_$b"
    cells = [dataclasses.replace(cell, run=name) for cell in run.cells]
    charts = charts_of([dataclasses.replace(run, name=name, cells=cells)])
    write_figures(charts, tmp_path)
    words = ["".join(ElementTree.parse(file).getroot().itertext()) for file in tmp_path.glob("*.svg")]
    assert any(name in text for text in words)


def test_figures_are_svg_and_pdf_and_the_same_again(study: list[Path], tmp_path: Path) -> None:
    result = write_report(study, tmp_path / "report.tex")
    assert not result.notes
    folder = tmp_path / "report-figures"
    tex = (tmp_path / "report.tex").read_text(encoding="utf-8")
    pictures = sorted(folder.glob("*.svg"))
    assert len(pictures) == len(charts_of(read_runs(study))) >= 6
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file in pictures:
        root = ElementTree.fromstring(file.read_bytes())
        words = "".join(root.itertext())
        assert "llama-gqa" in words, "letters stay letters"
        assert file.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        assert f"{{report-figures/{file.stem}.pdf}}" in tex and f"\\label{{fig:{file.stem}}}" in tex
    write_report(study, tmp_path / "report.tex")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    tables = tex.count(r"\begin{table}") + tex.count(r"\begin{longtable}")
    assert tables == tex.count(r"\caption{") - len(pictures) == tex.count(r"\label{tab:")


def test_without_matplotlib_the_report_says_what_to_type(
    study: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = rotrain("report", *study, "--out", tmp_path / "r.html")
    assert ended.returncode == 0 and (tmp_path / "r.html").exists()
    assert "note: figures as SVG and PDF need the package matplotlib: " in ended.stdout
    assert "pip install" in ended.stdout


def _set_in_latex(folder: Path) -> str:
    """Return the log of LaTeX over a document with report.tex."""
    import subprocess

    (folder / "thesis.tex").write_text(
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs,graphicx,longtable}\begin{document}\input{report}\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "thesis.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@needs_latex
def test_latex_sets_the_tables(study: list[Path], tmp_path: Path) -> None:
    write_report(study, tmp_path / "report.tex")
    assert "Float too large" not in _set_in_latex(tmp_path)


@needs_latex
def test_latex_breaks_the_tables_of_many_runs_over_pages(study: list[Path], tmp_path: Path) -> None:
    (run, *_) = read_runs(study[:1])
    many = []
    for number in range(20):
        name, started = (
            f"llama-gqa-{number}",
            run.started | {"command": f"rotrain fit {'key=value ' * 20}{number}"},
        )
        cells = [dataclasses.replace(cell, run=name) for cell in run.cells]
        many.append(
            dataclasses.replace(
                run,
                name=name,
                config=run.config | {"optim": {"lr": number}},
                started=started,
                cells=cells,
            )
        )
    tex = render(many, "t", ".tex")
    (tmp_path / "report.tex").write_text(tex, encoding="utf-8")
    said = _set_in_latex(tmp_path)
    assert "Float too large" not in said
    assert r"\label{tab:quality} \\" in tex and r"\label{tab:reproducibility} \\" in tex
    assert all(f"llama-gqa-{number} & f16" in tex for number in range(20))


def _heavy(record: dict[str, Any]) -> dict[str, Any]:
    """Give the first document of the web half of the bytes, at a tenth of the bits."""
    units = record["text"]["web"]["by_unit"]
    units["bytes"][0] = sum(units["bytes"][1:])
    units["nats"][0] = 0.1 * sum(units["nats"][1:])
    score = sum(units["nats"]) / math.log(2) / sum(units["bytes"])
    record["text"]["web"]["bits_per_byte"] = {"value": score, "low": score, "high": score}
    return record


def test_one_heavy_document_is_named_where_the_figures_stand(study: list[Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(study[0], tmp_path / "run"))
    before = page(read_runs([run]), "t")
    assert "has 50 % of the bytes of web" not in before
    write_record(run / "evaluation.json", _heavy(read_record(run / "evaluation.json")))
    shown = page(read_runs([run]), "t")
    assert shown.count("has 50 % of the bytes of web") == 2, "in the answer, and at the table"


def test_windows_of_one_document_have_no_document_in_the_middle(study: list[Path]) -> None:
    found = read_runs(study[:1])
    evaluation = found[0].cells[0].evaluation
    assert evaluation is not None
    medians = next(one for one in columns(found) if one.name == "web median")
    assert medians.text(rows_of(found)[0])
    evaluation["text"]["web"]["unit"] = "window"
    assert medians.text(rows_of(found)[0]) == ""
    for suffix in (".html", ".tex"):
        assert render(found, "t", suffix)
