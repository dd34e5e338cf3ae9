"""The charts of a report as SVG and PDF, for a thesis: `report-figures/NAME.svg` and `.pdf`.

The page draws with Plotly, whose own export starts a Chromium (kaleido). matplotlib is a wheel, draws the same data without a browser,
and writes the same bytes again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotools.pages import Chart
from rotrain.errors import RotrainError, install

FORMATS = ("svg", "pdf")
SIZE = (6.2, 3.9)
"""Inches: the width of the text of an A4 page."""
LEGEND_LINE = 0.042
"""Height of a line of the legend, as a share of the figure."""
# The marks and dashes of the page, as matplotlib names them.
_MARKS = {
    **{"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "x", "cross": "P", "star": "*"},
    "pentagon": "p",
}
_DASHES = {"dash": "--"}


@dataclass(frozen=True)
class Figure:
    """A chart on the disk.

    Attributes:
        name: Name of its files without the ending.
        caption: One sentence that says how to read it.
    """

    name: str
    caption: str


def name_figures(charts: Sequence[Chart]) -> list[Figure]:
    """Return the names of the files of charts: their captions in letters, digits and hyphens, each once.

    Examples:
        >>> [one.name for one in name_figures([Chart({}, "Loss, smoothed"), Chart({}, "loss: smoothed")])]
        ['loss-smoothed', 'loss-smoothed-2']
    """
    found: list[Figure] = []
    for chart in charts:
        stem = re.sub(r"[^a-z0-9]+", "-", chart.caption.lower()).strip("-")[:60].strip("-") or "figure"
        taken = sum(re.fullmatch(rf"{re.escape(stem)}(-\d+)?", one.name) is not None for one in found)
        found.append(Figure(f"{stem}-{taken + 1}" if taken else stem, chart.caption))
    return found


def write_figures(charts: Sequence[Chart], folder: Path) -> list[Figure]:
    """Write each chart as SVG and PDF. The same charts give the same bytes.

    Args:
        charts: The charts of the page.
        folder: Folder to write to. It is made if it is not there.

    Raises:
        RotrainError: matplotlib is not installed, or the folder cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise RotrainError(
            "figures as SVG and PDF need the package matplotlib", hint=install("train")
        ) from None
    figures = name_figures(charts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure, chart in zip(figures, charts, strict=True):
            # Letters stay letters, so that a thesis can be searched; a fixed salt gives the same ids again.
            with rc_context(
                {"svg.hashsalt": "rotrain", "svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 9}
            ):
                canvas = Canvas(figsize=SIZE)
                _draw(canvas.add_subplot(), chart.figure)
                for form in FORMATS:
                    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}[form]
                    canvas.savefig(folder / f"{figure.name}.{form}", format=form, metadata=date)
    except OSError as error:
        raise RotrainError(f"the figures cannot be written: {error.strerror}", place=folder) from None
    return figures


def _words(text: str) -> str:
    """Return the text of a chart for matplotlib, which reads what is between two `$` as a formula."""
    return html.unescape(text).replace("$", r"\$")


def _draw(axes: Any, figure: dict[str, Any]) -> None:
    layout = figure["layout"]
    for trace in figure["data"]:
        line, marker = trace.get("line", {}), trace.get("marker", {})
        style: dict[str, Any] = {
            "label": _words(trace["name"]),
            "color": line.get("color") or marker.get("color"),
            "linestyle": _DASHES.get(line.get("dash"), "-") if "lines" in trace["mode"] else "none",
            "linewidth": line.get("width", 1),
            "marker": _MARKS[marker["symbol"]] if "markers" in trace["mode"] else None,
            "markersize": 5,
        }
        errors = trace.get("error_y")
        if errors is None:
            axes.plot(trace["x"], trace["y"], **style)
        else:
            # A limit of rounding: a value may lie a hair outside of its own interval.
            ends = [[max(one, 0.0) for one in errors[side]] for side in ("arrayminus", "array")]
            axes.errorbar(trace["x"], trace["y"], yerr=ends, elinewidth=0.8, capsize=2, **style)
    for name, axis in (("x", layout["xaxis"]), ("y", layout["yaxis"])):
        getattr(axes, f"set_{name}label")(_words(axis["title"]["text"]))
        if axis.get("type") == "log":
            getattr(axes, f"set_{name}scale")("log")
    axes.grid(visible=True, linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    # Beside the axes many names leave no room for the data: they stand below, in columns. The margins are computed here, because
    # matplotlib's own layout draws each figure three times.
    columns = min(3, len(figure["data"]))
    lines = -(-len(figure["data"]) // columns)
    axes.figure.subplots_adjust(left=0.1, right=0.98, top=0.97, bottom=0.14 + LEGEND_LINE * lines)
    axes.figure.legend(fontsize=7, frameon=False, loc="lower center", ncols=columns)
