"""Charts as SVG, in plain text: a report is one file and needs no network and no script.

Points and lines carry their figures as titles, which browsers show under the pointer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 14, 46
# Okabe and Ito (2008): told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B")
SHAPES = ("circle", "square", "diamond", "triangle", "cross")
MOST_POINTS = 400


@dataclass(frozen=True)
class Point:
    """A point of a scatter: what it is, of which colour and shape, with the interval of y."""

    x: float
    y: float
    label: str
    colour: int
    shape: int = 0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A line by name. With a shape, each of its points is marked by it."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int
    shape: int | None = None


@dataclass(frozen=True)
class Axis:
    """Values to pixels; ticks at round values."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (
            (math.log10(self.low), math.log10(self.high), math.log10(value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values between the ends."""
        if self.log and self.high / self.low >= 4:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = (1, 2, 5) if self.high / self.low < 1_000 else (1,)
            found = [mark * 10.0**decade for decade in decades for mark in marks]
        else:
            step = _round_step((self.high - self.low) / 5)
            found = [step * i for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [tick for tick in found if self.low <= tick <= self.high * (1 + 1e-9)]


def line_chart(
    lines: Sequence[Line],
    x: str,
    y: str,
    names: Sequence[str] = (),
    shapes: Sequence[str] = (),
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> str:
    """Lines with their names at the right, or, where they are many, what their colours and shapes stand for."""
    lines = [line for line in (_thinned(line, log_x) for line in lines) if len(line.xs)]
    if not lines:
        return ""
    across = _axis([v for line in lines for v in line.xs], LEFT, WIDTH - RIGHT, log_x, pad=0.0)
    up = _axis([v for line in lines for v in line.ys], HEIGHT - BOTTOM, TOP, log_y)
    parts = _frame(across, up, x, y)
    for line in lines:
        path = " ".join(f"{across.at(a):.1f},{up.at(b):.1f}" for a, b in zip(line.xs, line.ys, strict=True))
        colour = COLOURS[line.colour % len(COLOURS)]
        title = f"{line.name}: {figure(line.ys[-1])} at {figure(line.xs[-1])}"
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2">'
            f"<title>{escape(title)}</title></polyline>"
        )
        if line.shape is not None:
            for a, b in zip(line.xs, line.ys, strict=True):
                title = f"{line.name}: {figure(b)} at {figure(a)}"
                parts.append(_marked(across.at(a), up.at(b), line.shape, colour, title))
    if names:
        parts += _legend(names, shapes)
    else:
        parts += _names([(line.name, up.at(line.ys[-1]), line.colour) for line in lines])
    return _svg(parts, f"{y} against {x}")


def scatter(
    points: Sequence[Point],
    x: str,
    y: str,
    names: Sequence[str],
    shapes: Sequence[str],
    *,
    log_x: bool = True,
) -> str:
    """Points with the intervals of y, and the front of those that no other beats in both (less is better in y).

    `names` are the colours', `shapes` the shapes'. More is better in x where its name says a rate.
    """
    if not points:
        return ""
    log_x = log_x and min(point.x for point in points) > 0
    across = _axis([point.x for point in points], LEFT, WIDTH - RIGHT, log_x)
    ends = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    up = _axis(ends, HEIGHT - BOTTOM, TOP, False)
    parts = _frame(across, up, x, y)
    front = pareto(points, more_x="/s" in x)
    path = " ".join(f"{across.at(p.x):.1f},{up.at(p.y):.1f}" for p in front)
    parts.append(f'<polyline points="{path}" class="front"/>')
    for point in points:
        px, py = across.at(point.x), up.at(point.y)
        colour = COLOURS[point.colour % len(COLOURS)]
        if point.low is not None and point.high is not None:
            parts.append(
                f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{up.at(point.low):.1f}" y2="{up.at(point.high):.1f}" '
                f'stroke="{colour}" stroke-opacity="0.5"/>'
            )
        title = f"{point.label}: {figure(point.x)}, {figure(point.y)}"
        parts.append(_marked(px, py, point.shape, colour, title))
    parts += _legend(names, shapes)
    return _svg(parts, f"{y} against {x}")


def pareto(points: Sequence[Point], *, more_x: bool) -> list[Point]:
    """Points that none beats in both, from the best y on."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x * (-1 if more_x else 1), p.y)):
        if not front or point.y < front[-1].y:
            front.append(point)
    return front


def figure(value: float) -> str:
    """A figure of three digits or so, with thousands apart."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 10_000:
        exponent = min(4, int(math.log10(abs(value)) // 3))
        return f"{value / 1000**exponent:.3g}{' kMGT'[exponent]}"
    return f"{value:.4g}"


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(mark * power for mark in (1, 2, 5, 10) if mark * power >= rough * 0.999)


def _axis(values: Sequence[float], start: float, end: float, log: bool, pad: float = 0.06) -> Axis:
    low, high = min(values), max(values)
    if log and low > 0:
        grow = (high / low) ** pad if high > low else 1.5
        return Axis(low / grow, high * grow, start, end, True)
    spread = (high - low) or abs(high) or 1.0
    return Axis(low - pad * spread, high + (pad or (0 if high > low else 1)) * spread, start, end, False)


def _thinned(line: Line, log_x: bool) -> Line:
    kept = [
        (float(a), float(b))
        for a, b in zip(line.xs, line.ys, strict=True)
        if math.isfinite(b) and (a > 0 or not log_x)
    ]
    step = max(1, len(kept) // MOST_POINTS)
    kept = kept[::step] + kept[-1:] if (len(kept) - 1) % step else kept[::step]
    return replace(line, xs=[a for a, _ in kept], ys=[b for _, b in kept])


def _frame(across: Axis, up: Axis, x: str, y: str) -> list[str]:
    parts = []
    for tick in across.ticks():
        at = across.at(tick)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" class="mid">{figure(tick)}</text>')
    for tick in up.ticks():
        at = up.at(tick)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" class="end">{figure(tick)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" class="mid">{escape(x)}</text>')
    parts.append(f'<text transform="translate(14,{HEIGHT / 2}) rotate(-90)" class="mid">{escape(y)}</text>')
    return parts


def _names(ends: list[tuple[str, float, int]]) -> list[str]:
    """Names beside the ends of lines, moved apart where they would lie on each other."""
    ends = sorted(ends, key=lambda end: end[1])
    places, last, limit = [], -math.inf, HEIGHT - 8.0
    for _, at, _ in ends:
        places.append(last := max(at, last + 14))
    for index in reversed(range(len(places))):
        places[index] = limit = min(places[index], limit)
        limit -= 14
    return [
        f'<text x="{WIDTH - RIGHT + 6}" y="{place + 4:.1f}" style="fill:{COLOURS[colour % len(COLOURS)]}">'
        f"{escape(name)}</text>"
        for (name, _, colour), place in zip(ends, places, strict=True)
    ]


def _legend(names: Sequence[str], shapes: Sequence[str]) -> list[str]:
    """What the colours stand for, in their order, then the shapes, at the right."""
    parts = []
    rows = [(name, _mark(0, 0, 0), COLOURS[i % len(COLOURS)]) for i, name in enumerate(names)]
    rows += [(name, _mark(0, 0, i), "#444") for i, name in enumerate(shapes)]
    for row, (name, mark, colour) in enumerate(rows):
        top = TOP + 8 + 16 * row
        parts.append(f'<g transform="translate({WIDTH - RIGHT + 14},{top})" fill="{colour}">{mark}</g>')
        parts.append(f'<text x="{WIDTH - RIGHT + 24}" y="{top + 4}">{escape(name)}</text>')
    return parts


def _marked(x: float, y: float, shape: int, colour: str, title: str) -> str:
    return f'<g fill="{colour}"><title>{escape(title)}</title>{_mark(x, y, shape)}</g>'


def _mark(x: float, y: float, shape: int) -> str:
    kind = SHAPES[shape % len(SHAPES)]
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    if kind == "square":
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    outline = {
        "diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
        "triangle": ((0, -6), (5.5, 4), (-5.5, 4)),
        "cross": ((-5, -2), (-2, -2), (-2, -5), (2, -5), (2, -2), (5, -2), (5, 2), (2, 2), (2, 5), (-2, 5), (-2, 2), (-5, 2)),
    }[kind]  # fmt: skip
    return '<polygon points="' + " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in outline) + '"/>'


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
