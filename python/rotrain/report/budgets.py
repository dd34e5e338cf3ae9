"""Bits per byte at equal compute and at equal time, from the held-out curves of the training.

Two runs of the same steps have not had the same compute: one architecture needs more operations for a token. So their curves are read
at the same budget. Between two measured points the curve is a line over the logarithm of the budget; outside of them nothing is known,
and the cell says why it is empty.

A point before the end of a run is not what a run of that budget would reach: the learning rate has not decayed yet, which costs bits
(Haegele et al. 2024). Such a cell is marked, so that it is not taken for a finished run.
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
SAME = 1.01
"""Budgets within this ratio are one: the operations of two runs that are meant to be equal differ by a little."""
EARLY = "*"
"""The mark of a figure that is read before the end of its own run."""
_EARLY = (
    f"{EARLY}: read before the end of its own run, so its learning rate may not have decayed yet. A run that ends at this budget likely needs fewer bits: do not "
    "compare the figure with one without the mark."
)
_SECONDS = "The seconds are without the evaluations; they hold the load of the machine and the saving of checkpoints."
_BRANCHES = "A branch (`fit --from`) records its own operations and seconds, without those of its parent, so it is left out."
_AXES = (("compute", "flops", "FLOPs"), ("time", "seconds", "s"))


def budget_sections(runs: Sequence[Run]) -> Iterator[Section]:
    """Yield a table for each held-out domain, at equal compute and at equal time."""
    models = [
        model
        for model in models_of([(run, cell) for run in runs for cell in run.cells])
        if model.variant == TRAINED and any(run.metrics for run, _ in model.cells)
    ]
    if len(models) < 2:
        return
    trained = [run for model in models for run, _ in model.cells]
    for domain in dict.fromkeys(
        name for run in trained for line in run.metrics for name in line.get("eval") or {}
    ):
        for axis, key, unit in _AXES:
            curves = {run.name: curve(run, domain, key) for run in trained if not _is_branch(run)}
            ends = [points[-1][0] for points in curves.values() if points]
            identity, name = f"equal-{axis}-{domain}", f"Equal {axis}: {domain}"
            if sum(not _branches(model) for model in models) < 2:
                why = f"fewer than two models were trained from the start. {_BRANCHES}"
                yield Section(identity, name, f"Not known: {why}", (), ())
                continue
            if not ends:
                continue
            places = {_place(run) for run in trained if not _is_branch(run)}
            refused = "other machine" if axis == "time" and len(places) > 1 else ""
            if all(len(points) < 2 for points in curves.values()):
                why = (
                    f"no run has two held-out measurements of {domain}, and a curve is not continued beyond what was measured. Train with a smaller "
                    "evaluation.every."
                )
                yield Section(identity, name, f"Not known: {why}", (), ())
                continue
            budgets = [share * min(ends) for share in SHARES]
            if max(ends) > SAME * min(ends):
                budgets.append(max(ends))
            rows = tuple(_row(model, curves, budgets, refused) for model in models)
            yield Section(
                identity,
                name,
                f"Bits per byte of held-out {domain} at the same {'operations' if axis == 'compute' else 'seconds'} of training, the mean over the seeds; lower "
                "is better. Between two measured points the curve is read on a line; it is never continued beyond them, and an empty cell says why."
                + ("" if axis == "compute" else f" {_SECONDS}")
                + (f" {_EARLY}" if any(cell.endswith(EARLY) for row in rows for cell in row[2:]) else "")
                + (f" {_BRANCHES}" if any(map(_branches, models)) else ""),
                ("model", "seeds", *(f"{_amount(budget)} {unit}" for budget in budgets)),
                rows,
                left=1,
            )


def curve(run: Run, domain: str, key: str) -> Curve:
    """Return the held-out points of a run: (budget, bits per byte), in the order of the training.

    A point needs a line of the training at its step: the line of an evaluation has no operations, and its seconds hold the evaluation.

    Args:
        run: The run.
        domain: The held-out text.
        key: `flops`, or `seconds` without those of the evaluations.
    """
    budgets: dict[int, float] = {}
    found, clock, evaluated = [], 0.0, 0.0
    for line in run.metrics:
        if line.get("flops"):
            # The clock of a run goes on while it evaluates.
            clock = line["seconds"]
            budgets[line["step"]] = line["flops"] if key == "flops" else clock - evaluated
        elif line.get("eval") and (amount := budgets.get(line["step"])):
            evaluated += line["seconds"] - clock
            if domain in line["eval"]:
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
    if _branches(model):
        refused = "branch"
    cells = []
    for budget in budgets:
        found = [refused or read_curve(curves[run.name], budget) for run, _ in model.cells]
        reasons = [one for one in found if isinstance(one, str)]
        values = [one for one in found if not isinstance(one, str)]
        if reasons:
            cells.append(f"– ({reasons[0]})")
            continue
        early = any(_is_early(run, curves[run.name], budget) for run, _ in model.cells)
        cells.append(f"{statistics.mean(values):.3f}{EARLY if early else ''}")
    return (model.name, str(len(model.cells)), *cells)


def _is_early(run: Run, points: Curve, budget: float) -> bool:
    # A finished run was measured after its last step. A run without a summary goes on after its last point.
    return run.summary is None or budget * SAME < points[-1][0]


def _is_branch(run: Run) -> bool:
    return run.config.get("begin_from") is not None


def _branches(model: Model) -> bool:
    return any(_is_branch(run) for run, _ in model.cells)


def _place(run: Run) -> str:
    """What the speed of a training depends on."""
    keys = ("device", "threads", "precision", "processes")
    return str([run.started.get("processor"), *(run.machine.get(key) for key in keys)])


def _amount(value: float) -> str:
    return f"{value:.3g}"
