"""The two drawings of the page, as SVG: the flow of documents through the stages, and distributions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
FLOW_WIDTH, FLOW_HEIGHT, BAND = 900, 230, 120
BINS = 40


@dataclass(frozen=True)
class Stage:
    """A stage of the flow: what comes in, and what it drops."""

    name: str
    documents: int
    bytes: int | None
    dropped: int


def flow(stages: Sequence[Stage]) -> str:
    """Documents from left to right; the band is as high as they are many, what is dropped leaves downwards."""
    if not stages or not stages[0].documents:
        return ""
    most = stages[0].documents
    step = (FLOW_WIDTH - 170) / max(1, len(stages) - 1)
    parts = []
    for number, stage in enumerate(stages):
        x = 10 + number * step
        height = max(1.0, BAND * stage.documents / most)
        if number + 1 < len(stages):
            stay = max(1.0, BAND * stages[number + 1].documents / most)
            parts.append(
                f'<path class="band" d="M{x:.1f},40 L{x + step:.1f},40 L{x + step:.1f},{40 + stay:.1f} '
                f'L{x + step * 0.55:.1f},{40 + stay:.1f} L{x + step * 0.45:.1f},{40 + height:.1f} L{x:.1f},{40 + height:.1f} Z"/>'
            )
        if stage.dropped:
            at = x + step * 0.45
            parts.append(
                f'<path class="drop" d="M{x + step * 0.2:.1f},{40 + height:.1f} L{at:.1f},{40 + height:.1f} '
                f'L{at:.1f},{62 + height:.1f} L{at - 8:.1f},{70 + height:.1f} L{x + step * 0.2:.1f},{62 + height:.1f} Z"/>'
                f'<text x="{x + step * 0.2:.1f}" y="{86 + height:.1f}">−{stage.dropped:,}</text>'
            )
        size = "" if stage.bytes is None else f", {human(stage.bytes)}"
        parts.append(f'<text x="{x:.1f}" y="18" class="name">{escape(stage.name)}</text>')
        parts.append(f'<text x="{x:.1f}" y="33">{stage.documents:,}{size}</text>')
    return (
        f'<svg viewBox="0 0 {FLOW_WIDTH} {FLOW_HEIGHT}" role="img" aria-label="flow">{"".join(parts)}</svg>'
    )


def histogram(values: Values, label: str, *, log: bool = False, limit: float | None = None) -> str:
    """Counts of values in bins, with a line at `limit`."""
    values = values[np.isfinite(values)]
    if log:
        values = values[values > 0]
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    if limit is not None and (not log or limit > 0):
        low, high = min(low, limit), max(high, limit)
    if high <= low:
        high = low * 1.01 + 1e-9 if low > 0 else low + 1
    edges = np.geomspace(low, high, BINS + 1) if log else np.linspace(low, high, BINS + 1)
    counts, _ = np.histogram(values, edges)
    width, height, base = 420, 150, 120
    parts = []
    for number, count in enumerate(counts):
        if count:
            bar = max(1.0, (base - 14) * count / counts.max())
            x = 8 + number * (width - 16) / BINS
            title = f"{figure(edges[number])} to {figure(edges[number + 1])}: {count:,}"
            parts.append(
                f'<rect class="bar" x="{x:.1f}" y="{base - bar:.1f}" width="{(width - 16) / BINS - 1:.1f}" '
                f'height="{bar:.1f}"><title>{title}</title></rect>'
            )
    if limit is not None and (not log or limit > 0):
        scale = math.log if log else float  # logarithms apart: 1 / 1e-313 is no number
        share = (scale(limit) - scale(low)) / (scale(high) - scale(low))
        x = 8 + share * (width - 16)
        parts.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{base}"/>')
    parts.append(f'<text x="8" y="{base + 14}">{figure(low)}</text>')
    parts.append(f'<text x="{width - 8}" y="{base + 14}" class="end">{figure(high)}</text>')
    parts.append(f'<text x="{width / 2}" y="{base + 27}" class="mid">{escape(label)}</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def figure(value: float) -> str:
    """A figure of four digits or so."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def human(size: float) -> str:
    """Bytes in decimal units, as speeds are told."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.3g} {unit}"
        size /= 1_000
    return f"{size:.3g} TB"
