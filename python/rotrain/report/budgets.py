"""Bits per byte at equal compute and at equal time, from the held-out curves of the training.

Two runs of the same steps have not had the same compute: one architecture needs more operations for a token. So their curves are read
at the same budget. Between two measured points the curve is a line over the logarithm of the budget; outside of them nothing is known,
and the cell says why it is empty.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence

from rotrain.report.groups import Model, models_of
from rotrain.report.results import TRAINED, Run
from rotrain.report.section import Section

Curve = list[tuple[float, float]]
SHARES = (0.25, 0.5, 1.0)
"""The budgets, as shares of the largest one that every run has reached."""
_AXES = (("compute", "flops", "FLOPs"), ("time", "seconds", "s"))


def budget_sections(runs: Sequence[Run]) -> Iterator[Section]:
    """Yield a table for each held-out domain, at equal compute and at equal time."""
    models = [
        model
        for model in models_of([(run, cell) for run in runs for cell in run.cells])
        if model.variant == TRAINED and any(run.metrics for run, _ in model.cells)
    ]
    trained = [run for model in models for run, _ in model.cells]
    for domain in dict.fromkeys(
        name for run in trained for line in run.metrics for name in line.get("eval") or {}
    ):
        for axis, key, unit in _AXES:
            curves = {run.name: curve(run, domain, key) for run in trained}
            ends = [points[-1][0] for points in curves.values() if points]
            if len(models) < 2 or not ends:
                continue
            places = {_place(run) for run in trained}
            refused = "other machine" if axis == "time" and len(places) > 1 else ""
            name = f"Equal {axis}: {domain}"
            if all(len(points) < 2 for points in curves.values()):
                yield Section(
                    f"equal-{axis}-{domain}",
                    name,
                    f"Not known: no run has two held-out measurements of {domain}, and a curve is not continued beyond what was measured. Train with a "
                    "smaller evaluation.every.",
                    (),
                    (),
                )
                continue
            budgets = sorted({share * min(ends) for share in SHARES} | {max(ends)})
            yield Section(
                f"equal-{axis}-{domain}",
                name,
                f"Bits per byte of held-out {domain} at the same {'operations' if axis == 'compute' else 'seconds'} of training, the mean over the seeds; lower "
                "is better. Between two measured points the curve is read on a line; it is never continued beyond them, and an empty cell says why."
                + ("" if axis == "compute" else " Seconds hold the load of the machine while it trained."),
                ("model", "seeds", *(f"{_amount(budget)} {unit}" for budget in budgets)),
                tuple(_row(model, curves, budgets, refused) for model in models),
                left=1,
            )


def curve(run: Run, domain: str, key: str) -> Curve:
    """Return the held-out points of a run: (budget, bits per byte), in the order of the training.

    Args:
        run: The run.
        domain: The held-out text.
        key: `flops` or `seconds`.
    """
    # A line of an evaluation has no operations: they are those of the line of its step.
    flops = {line["step"]: line["flops"] for line in run.metrics if line.get("flops")}
    found = []
    for line in run.metrics:
        if domain in (line.get("eval") or {}):
            amount = flops.get(line["step"]) if key == "flops" else line.get(key)
            if amount:
                found.append((float(amount), float(line["eval"][domain]["bpb"])))
    return sorted(found)


def read_curve(points: Curve, budget: float) -> float | str:
    """Return the bits per byte at a budget, or the reason why it is not known.

    Examples:
        >>> read_curve([(1e12, 3.0), (4e12, 2.0)], 2e12)
        2.5
        >>> read_curve([(1e12, 3.0), (4e12, 2.0)], 8e12)
        'ended at 4e+12'
    """
    if not points:
        return "not measured"
    if budget < points[0][0] * (1 - 1e-9):
        return f"measured from {_amount(points[0][0])}"
    if budget > points[-1][0] * (1 + 1e-9):
        return f"ended at {_amount(points[-1][0])}"
    for (left, high), (right, low) in itertools.pairwise(points):
        if left <= budget <= right:
            part = math.log(budget / left) / math.log(right / left) if right > left else 1.0
            return high + part * (low - high)
    return points[0][1] if budget <= points[0][0] * (1 + 1e-9) else points[-1][1]


def _row(model: Model, curves: dict[str, Curve], budgets: Sequence[float], refused: str) -> tuple[str, ...]:
    cells = []
    for budget in budgets:
        found = [refused or read_curve(curves[run.name], budget) for run, _ in model.cells]
        reasons = [one for one in found if isinstance(one, str)]
        values = [one for one in found if not isinstance(one, str)]
        cells.append(f"– ({reasons[0]})" if reasons else f"{statistics.mean(values):.3f}")
    return (model.name, str(len(model.cells)), *cells)


def _place(run: Run) -> str:
    """What the speed of a training depends on."""
    keys = ("device", "threads", "precision", "processes")
    return str([run.started.get("processor"), *(run.machine.get(key) for key in keys)])


def _amount(value: float) -> str:
    return f"{value:.3g}"
