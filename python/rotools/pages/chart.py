"""Charts as Plotly figures: lines, points with intervals, histograms and the flow of documents.

A figure is data (JSON). `charts.js` draws it with the Plotly library that the page contains, and adapts colours and labels
to light and dark mode and to narrow screens. Values appear under the pointer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from rotools.pages.embed import embedded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Okabe and Ito (2008): distinguishable with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A")
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "pentagon")
MOST_POINTS = 400
"""A longer line is thinned: a chart has fewer pixels."""
HEIGHT = 360
"""Pixels of a chart. `_apart` needs it to move labels apart."""
LABEL_PIXELS = 15
BINS = 40


@dataclass(frozen=True)
class Chart:
    """A figure that a page can show.

    Args:
        figure: The Plotly figure as JSON: `data` and `layout`.
        caption: One sentence that says how to read it.
    """

    figure: dict[str, Any]
    caption: str

    def to_json(self) -> str:
        """The figure for a `<script type="application/json">`: no text in it can close the element."""
        return embedded(self.figure)


@dataclass(frozen=True)
class Series:
    """Values with a name.

    Args:
        name: Shown at the line, in the legend and under the pointer.
        x: Horizontal values.
        y: Vertical values, as many as `x`. Values that are not finite are left out.
        colour: Index of the colour; equal indices have equal colours.
        mark: Index of the mark of each point, or None for a line without marks.
        low: Lower ends of the intervals of `y`, or None.
        high: Upper ends.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int
    mark: int | None = None
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def lines(
    series: Sequence[Series], x: str, y: str, caption: str, *, log_x: bool = False, log_y: bool = False
) -> Chart | None:
    """Draw lines. Each has its name at its end; lines with marks have a legend instead.

    Args:
        series: The lines.
        x: Title of the horizontal axis, with its unit.
        y: Title of the vertical axis, with its unit.
        caption: One sentence that says how to read the chart.
        log_x: Logarithmic horizontal axis.
        log_y: Logarithmic vertical axis.

    Returns:
        The chart, or None if there is nothing to draw.

    Examples:
        >>> chart = lines([Series("run", [1, 2], [3.0, 2.5], 0)], "tokens", "loss, nats", "Lower is better.")
        >>> [trace["name"] for trace in chart.figure["data"]]
        ['run']
    """
    kept = [(one, _thinned(_drawable(one, log_x=log_x, log_y=log_y))) for one in series]
    kept = [(one, places) for one, places in kept if places]
    if not kept:
        return None
    traces = []
    for one, places in kept:
        colour = COLOURS[one.colour % len(COLOURS)]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines" if one.mark is None else "lines+markers",
                "name": _plain(one.name),
                "x": [one.x[place] for place in places],
                "y": [one.y[place] for place in places],
                "line": {"color": colour, "width": 2},
                "marker": {"symbol": MARKS[(one.mark or 0) % len(MARKS)], "size": 8, "color": colour},
                "hovertemplate": "%{y:.4~g} at %{x:.4~s}<extra>%{fullData.name}</extra>",
            }
        )
    layout = _layout(x, y, log_x=log_x, log_y=log_y)
    layout["showlegend"] = any(one.mark is not None for one, _ in kept)
    if not layout["showlegend"]:
        ends = [(one, one.x[places[-1]], one.y[places[-1]]) for one, places in kept]
        values = [one.y[place] for one, places in kept for place in places]
        layout["annotations"] = _end_labels(ends, values, log_x=log_x, log_y=log_y)
    return Chart({"data": traces, "layout": layout}, caption)


def points(
    series: Sequence[Series],
    x: str,
    y: str,
    caption: str,
    *,
    front: Sequence[tuple[float, float]] = (),
    log_x: bool = True,
) -> Chart | None:
    """Draw points with the intervals of `y`, and a dashed line through the points of a front.

    Args:
        series: Each is one group of points with one colour and one mark.
        x: Title of the horizontal axis, with its unit.
        y: Title of the vertical axis, with its unit.
        caption: One sentence that says how to read the chart.
        front: Points that no other point beats in both directions.
        log_x: Logarithmic horizontal axis; used only if all values are positive and span a factor of four.

    Returns:
        The chart, or None if there is nothing to draw.
    """
    kept = [one for one in series if len(one.x)]
    if not kept:
        return None
    values = [value for one in kept for value in one.x]
    log_x = log_x and min(values) > 0 and max(values) / min(values) >= 4
    traces: list[dict[str, Any]] = []
    if len(front) > 1:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "not beaten in both",
                "x": [at for at, _ in front],
                "y": [at for _, at in front],
                "line": {"dash": "dash", "width": 1, "color": "#888888"},
                "hoverinfo": "skip",
            }
        )
    for one in kept:
        colour = COLOURS[one.colour % len(COLOURS)]
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "markers",
            "name": _plain(one.name),
            "x": list(one.x),
            "y": list(one.y),
            "marker": {"symbol": MARKS[(one.mark or 0) % len(MARKS)], "size": 10, "color": colour},
            "hovertemplate": "%{y:.4~g} at %{x:.4~g}<extra>%{fullData.name}</extra>",
        }
        if one.low is not None and one.high is not None:
            trace["error_y"] = {
                "type": "data",
                "symmetric": False,
                "array": [high - value for high, value in zip(one.high, one.y, strict=True)],
                "arrayminus": [value - low for low, value in zip(one.low, one.y, strict=True)],
                "thickness": 1,
                "width": 3,
                "color": colour,
            }
        traces.append(trace)
    layout = _layout(x, y, log_x=log_x, log_y=False)
    layout["showlegend"] = True
    return Chart({"data": traces, "layout": layout}, caption)


def histogram(
    values: NDArray[np.float64], x: str, caption: str, *, log: bool = False, limit: float | None = None
) -> Chart | None:
    """Draw how many values fall into each of 40 bins, with a vertical line at `limit`.

    Args:
        values: The values, shape (n,). Values that are not finite, and with `log` those that are not positive, are left out.
        x: Title of the horizontal axis, with its unit.
        caption: One sentence that says how to read the chart.
        log: Logarithmic bins and axis.
        limit: A threshold to mark.

    Returns:
        The chart, or None if there is no value.
    """
    import numpy as np

    values = values[np.isfinite(values)]
    if log:
        values = values[values > 0]
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    shown_limit = limit if limit is not None and (not log or limit > 0) else None
    if shown_limit is not None:
        low, high = min(low, shown_limit), max(high, shown_limit)
    if high <= low:
        high = low * 1.01 + 1e-9 if low > 0 else low + 1
    edges = np.geomspace(low, high, BINS + 1) if log else np.linspace(low, high, BINS + 1)
    counts, _ = np.histogram(values, edges)
    centres = np.sqrt(edges[:-1]) * np.sqrt(edges[1:]) if log else (edges[:-1] + edges[1:]) / 2
    layout = _layout(x, "documents", log_x=log, log_y=False)
    layout["bargap"] = 0.05
    if counts.max() < 6:
        layout["yaxis"]["dtick"] = 1
    layout["showlegend"] = False
    if shown_limit is not None:
        place = math.log10(shown_limit) if log else shown_limit
        layout["shapes"] = [
            {
                "type": "line",
                "x0": shown_limit,
                "x1": shown_limit,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": "#c0392b", "width": 2, "dash": "dash"},
            }
        ]
        layout["annotations"] = [
            {
                "x": place,
                "y": 1,
                "yref": "paper",
                "text": f"threshold {figure(shown_limit)}",
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "bottom",
                "font": {"color": "#c0392b"},
            }
        ]
    bars = {
        "type": "bar",
        "x": [float(value) for value in centres],
        "y": [int(count) for count in counts],
        "customdata": [
            [figure(float(start)), figure(float(end))] for start, end in itertools.pairwise(edges)
        ],
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}: %{y:,}<extra></extra>",
    }
    return Chart({"data": [bars], "layout": layout}, caption)


def flow(names: Sequence[str], counts: Sequence[int], removed: Sequence[str], caption: str) -> Chart | None:
    """Draw how many documents pass each stage, and how many each stage removes (a Sankey diagram).

    Args:
        names: The stages, at least two.
        counts: Documents that enter each stage; a stage has at most as many as the one before.
        removed: What the stage between two names removes, one fewer than `names`.
        caption: One sentence that says how to read the chart.

    Returns:
        The chart, or None if nothing enters.
    """
    if len(names) < 2 or not counts[0]:
        return None
    labels = [_plain(f"{name}: {count:,}") for name, count in zip(names, counts, strict=True)]
    source, target, value, colours = [], [], [], []
    for place, what in enumerate(removed):
        lost = counts[place] - counts[place + 1]
        if counts[place + 1]:
            source.append(place)
            target.append(place + 1)
            value.append(counts[place + 1])
            colours.append("rgba(0, 114, 178, 0.45)")
        if lost > 0:
            source.append(place)
            target.append(len(labels))
            value.append(lost)
            colours.append("rgba(213, 94, 0, 0.55)")
            labels.append(_plain(f"{what}: {lost:,}"))
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "node": {"label": labels, "pad": 18, "thickness": 14, "color": "#7A7A7A"},
        "link": {"source": source, "target": target, "value": value, "color": colours},
        "valueformat": ",",
    }
    return Chart(
        {"data": [trace], "layout": {"height": 280, "margin": {"l": 8, "r": 8, "t": 12, "b": 12}}}, caption
    )


def figure(value: float) -> str:
    """A number with about three or four digits.

    Examples:
        >>> figure(1234567.0), figure(0.12345), figure(0)
        ('1.23M', '0.1235', '0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 10_000:
        exponent = min(4, int(math.log10(abs(value)) // 3))
        return f"{value / 1000**exponent:.3g}{' kMGT'[exponent]}"
    return f"{value:.4g}"


def _plain(text: str) -> str:
    """Plotly reads a small part of HTML (`<b>`, `<a href>`) in names and titles: a name is text."""
    return escape(text, quote=False)


def _drawable(series: Series, *, log_x: bool, log_y: bool) -> list[int]:
    """Places of the values that an axis can show."""
    return [
        place
        for place, (x, y) in enumerate(zip(series.x, series.y, strict=True))
        if math.isfinite(x) and math.isfinite(y) and (x > 0 or not log_x) and (y > 0 or not log_y)
    ]


def _thinned(places: list[int]) -> list[int]:
    step = max(1, len(places) // MOST_POINTS)
    kept = places[::step]
    return kept if not places or kept[-1] == places[-1] else [*kept, places[-1]]


def _layout(x: str, y: str, *, log_x: bool, log_y: bool) -> dict[str, Any]:
    return {
        "height": HEIGHT,
        "margin": {"l": 60, "r": 16, "t": 24, "b": 48},
        "xaxis": {"title": {"text": _plain(x)}, "type": "log" if log_x else "linear"},
        "yaxis": {"title": {"text": _plain(y)}, "type": "log" if log_y else "linear"},
        "hovermode": "closest",
    }


def _end_labels(
    ends: Sequence[tuple[Series, float, float]], values: Sequence[float], *, log_x: bool, log_y: bool
) -> list[dict[str, Any]]:
    """The name of each line at its end, moved up or down where two names would overlap."""
    scale = math.log10 if log_y else float
    low, high = scale(min(values)), scale(max(values))
    pixels = [(HEIGHT - 72) * (scale(y) - low) / ((high - low) or 1.0) for _, _, y in ends]
    labels = []
    for (series, x, y), shift in zip(ends, _apart(pixels), strict=True):
        labels.append(
            {
                "x": math.log10(x) if log_x else x,
                "y": math.log10(y) if log_y else y,
                "text": _plain(series.name),
                "xanchor": "left",
                "xshift": 6,
                "yshift": round(shift, 1),
                "showarrow": False,
                "font": {"color": COLOURS[series.colour % len(COLOURS)], "size": 12},
            }
        )
    return labels


def _apart(places: Sequence[float]) -> list[float]:
    """Shifts in pixels that put labels at least `LABEL_PIXELS` apart, in their order."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [0.0] * len(places)
    last = -math.inf
    for index in order:
        last = max(places[index], last + LABEL_PIXELS)
        moved[index] = last
    # The highest label stays inside; those below it move down with it.
    limit = max(places, default=0.0)
    for index in reversed(order):
        moved[index] = limit = min(moved[index], limit)
        limit -= LABEL_PIXELS
    return [after - before for after, before in zip(moved, places, strict=True)]
