"""The values that the page of a comparison shows. The template is `report.html.j2`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rotools.pages import Chart, Series, lines, points, render
from rotrain import __version__
from rotrain.config import ModelConfig
from rotrain.evaluation.interval import Interval
from rotrain.evaluation.text import CONVENTIONS
from rotrain.models import count
from rotrain.report.advice import advice, heaviest
from rotrain.report.budgets import budget_sections
from rotrain.report.conditions import conditions_section
from rotrain.report.groups import Model, compare_models, engines_of, models_of
from rotrain.report.outside import outside_section
from rotrain.report.results import NO_ENGINE, Run
from rotrain.report.section import Section
from rotrain.report.seeds import LEAST, Group
from rotrain.report.table import MIB, Row, columns, domains, rows_of

Json = dict[str, Any]
Part = tuple[str, str, str, list[Chart | None]]


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
    parts = [_part(*part) for part in _charts(runs, rows)]
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
        methods=list(_methods(runs)),
    )


def charts_of(runs: Sequence[Run]) -> list[Chart]:
    """Return the charts of the page, in its order."""
    return [chart for *_, charts in _charts(runs, rows_of(runs)) for chart in charts if chart]


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


def _charts(runs: Sequence[Run], rows: Sequence[Row]) -> Iterator[Part]:
    yield (
        "Quality and cost",
        "quality",
        "Down is better: fewer bits for a byte of unseen text. The bars are 95 % intervals. The dashed line connects models of one engine "
        "that no other model of this engine beats in both directions.",
        list(_quality(runs, rows)),
    )
    yield (
        "Learning",
        "learning",
        "The training loss falls while a model reads. Curves against tokens compare how much a model learns from text; curves against operations or "
        "seconds compare what this costs.",
        list(_learning(runs)),
    )
    yield (
        "Speed and context",
        "speed",
        "Decoding gets slower when the context gets longer, because attention reads all of it. A window or a recurrent state does not grow. "
        "Compare lines of one engine.",
        list(_speed(runs, rows)),
    )
    yield (
        "Memory and context",
        "memory",
        "The cache of one sequence, computed from the shapes of the models and not measured: keys and values grow with the context.",
        [_cache(runs)],
    )


def _quality(runs: Sequence[Run], rows: Sequence[Row]) -> Iterator[Chart | None]:
    archs, variants = _looks(runs, rows)
    axes: tuple[tuple[str, Callable[[Row], float | None], float, bool], ...] = (
        ("size of the file, MiB", lambda row: row.file_bytes, MIB, False),
        ("decoding, tokens/s", lambda row: row.speed, 1, True),
        ("peak memory, MiB", lambda row: row.peak_bytes, MIB, False),
    )
    for domain in domains(runs):
        for label, value, unit, more in axes:
            # What one engine scored and timed is never joined with what another one did.
            for engine in sorted({row.cell.engine for row in rows if row.cell.engine not in ("", NO_ENGINE)}):
                found = [
                    (row, x / unit)
                    for row in rows
                    if domain in row.text and row.cell.engine == engine and (x := value(row))
                ]
                groups = [
                    Series(
                        row.cell.name,
                        [x],
                        [row.text[domain]["bits_per_byte"]["value"]],
                        archs.index(row.run.arch),
                        variants.index(row.cell.variant),
                        *_ends(row.text[domain]["bits_per_byte"]),
                    )
                    for row, x in found
                ]
                best = front([(group.x[0], group.y[0]) for group in groups], more_x=more)
                where = f" in {engine}"
                yield points(
                    groups,
                    label + where,
                    f"{domain}, bits/byte",
                    f"{domain}: quality against {label}{where}",
                    front=best,
                )


def front(values: Sequence[tuple[float, float]], *, more_x: bool) -> list[tuple[float, float]]:
    """The points that no other point beats in both directions.

    Args:
        values: Points (x, y); less is better in y.
        more_x: More is better in x.

    Returns:
        The front in the order of x, best x first.

    Examples:
        >>> front([(1, 5), (2, 3), (3, 4)], more_x=False)
        [(1, 5), (2, 3)]
    """
    found: list[tuple[float, float]] = []
    for x, y in sorted(values, key=lambda point: (point[0] * (-1 if more_x else 1), point[1])):
        if not found or y < found[-1][1]:
            found.append((x, y))
    return found


def _looks(runs: Sequence[Run], rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Architectures in the order of their colours, variants in the order of their marks: the same in all charts."""
    return list(dict.fromkeys(run.arch for run in runs)), list(
        dict.fromkeys(row.cell.variant for row in rows)
    )


def _learning(runs: Sequence[Run]) -> Iterator[Chart | None]:
    for label, key in (("tokens", "tokens"), ("operations (FLOPs)", "flops"), ("seconds", "seconds")):
        curves = []
        for colour, run in enumerate(runs):
            kept = [
                (line[key], line["loss"])
                for line in run.metrics
                if line.get(key) and line.get("loss") is not None
            ]
            curves.append(
                Series(run.name, [x for x, _ in kept], smoothed([loss for _, loss in kept]), colour)
            )
        yield lines(
            curves, label, "training loss, nats per token", f"Training loss against {label}, smoothed"
        )
    for domain in sorted(
        {name for run in runs for line in run.metrics if line.get("eval") for name in line["eval"]}
    ):
        curves = []
        for colour, run in enumerate(runs):
            found = [line for line in run.metrics if line.get("eval") and domain in line["eval"]]
            curves.append(
                Series(
                    run.name,
                    [line["tokens"] for line in found],
                    [line["eval"][domain]["bpb"] for line in found],
                    colour,
                )
            )
        if any(len(curve.x) > 1 for curve in curves):
            yield lines(curves, "tokens", f"{domain}, bits/byte", f"Held-out {domain} during the training")


def _speed(runs: Sequence[Run], rows: Sequence[Row]) -> Iterator[Chart | None]:
    archs, variants = _looks(runs, rows)
    for engine in sorted({row.engine for row in rows if len(row.speeds) > 1}):
        curves = [
            Series(
                row.cell.name,
                sorted(row.speeds),
                [row.speeds[depth] for depth in sorted(row.speeds)],
                archs.index(row.run.arch),
                variants.index(row.cell.variant),
            )
            for row in rows
            if len(row.speeds) > 1 and row.engine == engine
        ]
        yield lines(curves, "tokens in the context", "decoding, tokens/s", f"Measured in {engine}")


def _cache(runs: Sequence[Run]) -> Chart | None:
    shapes = {run.arch: run.model for run in runs if run.model is not None}
    lengths = [2**power for power in range(4, 15)]
    curves = [
        Series(arch, lengths, [_cache_bytes(model, length) / MIB for length in lengths], colour)
        for colour, (arch, model) in enumerate(shapes.items())
    ]
    return lines(
        curves,
        "tokens in the context",
        "cache, MiB",
        "Cache of one sequence, 16 bits for each value (states of Mamba-2: 32 bits); computed, not measured",
        log_x=True,
        log_y=True,
    )


def _cache_bytes(model: ModelConfig, length: int) -> int:
    """The cache of a model that was made for this many tokens."""
    return count.cache_bytes(model.model_copy(update={"context": length}), length)


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


def _ends(figure: Json) -> tuple[list[float], list[float]]:
    """Return the ends of an interval for a chart; a figure of one unit has none, and is drawn as a point."""
    value = figure["value"]
    low, high = figure["low"], figure["high"]
    return [value if low is None else low], [value if high is None else high]


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
        f"and at least {100 * LEAST:g} % of the bits",
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
        steps = run.summary["steps"] if run.summary else "unfinished"
        yield (
            run.name,
            f"{run.arch}, {run.parameters:,} parameters, {steps} steps, learning rate {run.config['optim']['lr']:g}, "
            f"seed {run.config['seed']}, pack {run.data['manifest_sha256'][:12]}, "
            + ", ".join(f"{key} {value}" for key, value in run.machine.items()),
        )


def smoothed(values: Sequence[float], keep: float = 0.9) -> list[float]:
    """An exponential running mean without its bias at the start.

    Args:
        values: The values, in order.
        keep: The weight of the mean so far.

    Examples:
        >>> smoothed([4.0, 4.0, 4.0])
        [4.0, 4.0, 4.0]
    """
    out, mean, weight = [], 0.0, 0.0
    for value in values:
        mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
        out.append(mean / weight)
    return out
