"""The values that the page of a comparison shows. The template is `report.html.j2`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rotools.pages import Chart, render
from rotrain import __version__
from rotrain.evaluation.interval import Interval
from rotrain.evaluation.text import CONVENTIONS
from rotrain.report.advice import advice, heaviest
from rotrain.report.budgets import budget_sections
from rotrain.report.charts import chart_parts
from rotrain.report.conditions import conditions_section
from rotrain.report.groups import Model, compare_models, engines_of, models_of
from rotrain.report.outside import outside_section
from rotrain.report.results import Run
from rotrain.report.section import Section
from rotrain.report.seeds import MIN_DIFFERENCE, Group
from rotrain.report.table import NONE, WHY_NONE, Row, columns, domains, rows_of

Json = dict[str, Any]


def page(runs: Sequence[Run], title: str) -> str:
    """Write the page.

    Args:
        runs: The runs with their variants.
        title: The heading.

    Returns:
        One HTML file that needs no network. The same files give the same bytes.
    """
    rows, heads = rows_of(runs), columns(runs)
    models = models_of([(run, cell) for run in runs for cell in run.cells])
    grammar, samples = _grammar(rows), list(_samples(runs))
    parts = [_part(*part) for part in chart_parts(runs, rows)]
    return render(
        "rotrain.report",
        "report.html.j2",
        title=title,
        answers=[answer for domain in domains(runs) if (answer := advice(rows, models, domain))],
        comparisons=[
            _comparison(models, domain, engine)
            for domain in domains(runs)
            for engine in engines_of(models, domain)
        ],
        sections=sections_of(runs),
        columns=[
            {"name": one.name, "title": one.title, "left": place < 2} for place, one in enumerate(heads)
        ],
        rows=[
            {
                "best": bool(row.ranks) and set(row.ranks.values()) == {1},
                "cells": [column.text(row) for column in heads],
            }
            for row in rows
        ],
        parts=[
            {"id": "models", "name": "Models", "charts": [], "explain": ""},
            *(part for part in parts if part["charts"]),
            *(
                {"id": identity, "name": name, "charts": [], "explain": ""}
                for identity, name, there in (
                    ("tables", "Further tables", True),
                    ("grammar", "Grammar", grammar),
                    ("samples", "Samples", samples),
                    ("methods", "Methods", True),
                )
                if there
            ),
        ],
        grammar=grammar,
        samples=samples,
        dash=NONE,
        why_none=WHY_NONE,
        methods=list(_methods(runs)),
    )


def sections_of(runs: Sequence[Run]) -> list[Section]:
    """Return the further tables of a report: outside texts, equal compute and time, and what is needed to repeat it."""
    found = (outside_section(runs), *budget_sections(runs), conditions_section(runs))
    return [section for section in found if section is not None]


def _comparison(models: Sequence[Model], domain: str, engine: str) -> Json:
    """The table of architectures over their seeds, and their differences from the best ranked model."""
    found = compare_models(models, domain, engine)
    # A model of others has no rank, and can be the best.
    first = next((place for place, rank in enumerate(found.ranks) if rank is not None), None)
    return {
        "domain": domain,
        "engine": engine,
        "heavy": heaviest(found.groups, domain),
        "groups": [
            (
                group.name,
                group.variant,
                len(group.scores),
                f"{group.mean:.3f}" + _brackets(interval),
                "" if group.sd is None else f"{group.sd:.4f}",
                "" if group.median is None else f"{group.median:.3f}",
                group.scores[0].get("documents", ""),
                "" if rank is None else rank,
            )
            for group, interval, rank in zip(found.groups, found.intervals, found.ranks, strict=True)
        ],
        "differences": [
            (
                _label(found.groups[one.left]),
                _label(found.groups[one.right]),
                f"{one.interval.value:+.3f}" + _brackets(one.interval),
                "< 0.001" if one.p < 0.001 else f"{one.p:.3f}",
                "yes" if one.told else "no",
            )
            for one in found.differences
            if one.right == first or found.groups[one.left].key == found.groups[one.right].key
        ],
    }


def _label(group: Group) -> str:
    return f"{group.name} {group.variant}"


def _brackets(interval: Interval) -> str:
    return "" if interval.low is None else f" [{interval.low:.3f}, {interval.high:.3f}]"


def _part(name: str, identity: str, explain: str, charts: Sequence[Chart | None]) -> Json:
    return {"id": identity, "name": name, "explain": explain, "charts": [one for one in charts if one]}


def _grammar(rows: Sequence[Row]) -> Json | None:
    scored = [(row.cell.name, row.grammar["phenomena"]) for row in rows if row.grammar]
    if not scored:
        return None
    return {
        "names": [name for name, _ in scored],
        "rows": [
            (phenomenon, [_share(found.get(phenomenon)) for _, found in scored])
            for phenomenon in scored[0][1]
        ],
    }


def _share(found: Json | None) -> str:
    if found is None:
        return ""
    value = found["accuracy"]
    if value["low"] is None:
        contrasts = found.get("contrasts")
        why = (
            ""
            if contrasts is None
            else f" ({contrasts} {'word' if contrasts == 1 else 'words'}: no interval)"
        )
        return f"{100 * value['value']:.0f} %{why}"
    return f"{100 * value['value']:.0f} % [{100 * value['low']:.0f}, {100 * value['high']:.0f}]"


def _samples(runs: Sequence[Run]) -> Iterator[Json]:
    for run in runs:
        for sample in run.samples[-2:]:
            yield {"name": run.name, **{key: sample[key] for key in ("temperature", "prompt", "text")}}


def _methods(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    yield from CONVENTIONS.items()
    yield (
        "speed and memory",
        "each variant in a process and an engine of its own; figures of two engines compare the engines",
    )
    yield (
        "ranks",
        "by the mean over at least three seeds; different where the difference is significant at 5 % after Holm's correction over all pairs, "
        f"and at least {100 * MIN_DIFFERENCE:g} % of the bits",
    )
    yield "program", f"rotrain {__version__}"
    for context in sorted({context for row in rows_of(runs) if (context := row.context) is not None}):
        yield "window", f"{context:,} tokens, in the evaluation"
    trained = [run for run in runs if run.model is not None]
    if len({run.data["manifest_sha256"] for run in trained}) > 1:
        yield "warning", "these models were not trained on the same pack: compare them with care"
    for run in runs:
        if run.counts and (evaluation := run.cells[0].evaluation):
            yield (
                run.name,
                f"a baseline without a network, never ranked: {evaluation['conventions']['baseline']}",
            )
        elif run.model is None:
            yield run.name, f"{run.arch}, {run.parameters:,} parameters, trained by others on other text"
    for run in trained:
        steps, optim = run.summary["steps"] if run.summary else "unfinished", run.config["optim"]
        yield (
            run.name,
            f"{run.arch}, {run.parameters:,} parameters, {steps} steps, optimizer {optim.get('name', 'adamw')}, learning rate {optim['lr']:g}, "
            f"seed {run.config['seed']}, pack {run.data['manifest_sha256'][:12]}, "
            + ", ".join(f"{key} {value}" for key, value in run.machine.items()),
        )
