"""The charts of a comparison: quality and cost, learning, speed, and memory.

The page draws them with Plotly, and `rotrain.report.figures` as SVG and PDF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rotools.pages import Chart, Series, lines, points
from rotrain.config import ModelConfig
from rotrain.models import count
from rotrain.report.results import NO_ENGINE, Run
from rotrain.report.table import MIB, Row, domains, rows_of

Json = dict[str, Any]
Part = tuple[str, str, str, list[Chart | None]]


def charts_of(runs: Sequence[Run]) -> list[Chart]:
    """Return the charts of the page, in its order."""
    return [chart for *_, charts in chart_parts(runs, rows_of(runs)) for chart in charts if chart]


def chart_parts(runs: Sequence[Run], rows: Sequence[Row]) -> Iterator[Part]:
    """Yield the parts of the page with charts: heading, identity, explanation, charts. A chart without data is None."""
    left_out = (
        " Rows whose timing other programs disturbed (~) are left out of the charts of speed."
        if any(row.disturbed for row in rows)
        else ""
    )
    yield (
        "Quality and cost",
        "quality",
        "Down is better: fewer bits for a byte of unseen text. The bars are 95 % intervals. The dashed line connects models of one engine "
        f"that no other model of this engine beats in both directions.{left_out}",
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
        f"Compare lines of one engine.{left_out}",
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
                where = f" ({engine})"
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


def _ends(figure: Json) -> tuple[list[float], list[float]]:
    """Return the ends of an interval for a chart; a figure of one unit has none, and is drawn as a point."""
    value = figure["value"]
    low, high = figure["low"], figure["high"]
    return [value if low is None else low], [value if high is None else high]


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
