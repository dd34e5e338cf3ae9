"""Bits where they pay: a type for each matrix so that the model meets a size at the least expected harm.

What a choice costs is predicted from one measurement a matrix: the KL divergence of the model's predictions when
this matrix alone is quantized by a probe. Harm is taken as additive over matrices, and within one as proportional to
its squared error weighed by the inputs (both hold for small errors: the divergence is quadratic around its minimum).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rotrain.errors import RotrainError, UsageError
from rotrain.models.decoder import Decoder

TOLERANCE = 0.01
# Rows of logits compared: each is a vocabulary wide, and both models' are held.
ROWS = 1024
# Parts of a budget: a matrix wastes half of one, so 160 matrices 0.06 % of the budget.
UNITS = 1 << 17


@dataclass(frozen=True)
class Choice:
    """One way to store a matrix: its name, its bytes, and the harm expected of it."""

    kind: str
    bytes: int
    harm: float


def allocate(choices: dict[str, list[Choice]], budget: int) -> dict[str, Choice]:
    """For each matrix one choice, together at most `budget` bytes and within 1 % of it, with little harm.

    A knapsack with one choice a matrix, by dynamic programming over the budget in `UNITS` parts; what the rounding to
    parts left buys the best remaining exchanges. Half a second for 160 matrices of ten choices. Raises `UsageError`
    where the budget is out of reach.
    """
    least = sum(min(c.bytes for c in options) for options in choices.values())
    most = sum(max(c.bytes for c in options) for options in choices.values())
    if least > budget or most < budget * (1 - TOLERANCE):
        raise UsageError(
            f"the choices give {least:,} to {most:,} bytes of matrices, and {budget:,} are wanted"
        )

    names, size = list(choices), UNITS + 1
    unit = max(1, -(-budget // UNITS))
    # harm[w]: the least for the matrices so far in at most w units; each choice rounded up to whole units.
    harm = np.zeros(size)
    picks = np.zeros((len(names), size), dtype=np.uint8)
    for options, pick in zip(choices.values(), picks, strict=True):
        best = np.full(size, np.inf)
        for index, choice in enumerate(options):
            units = -(-choice.bytes // unit)
            tried = harm[: max(0, size - units)] + choice.harm
            less = tried < best[units:]
            best[units:][less] = tried[less]
            pick[units:][less] = index
        harm = best
    taken, left = {}, budget // unit
    if not math.isfinite(harm[left]):  # only rounding is in the way: start from the smallest, and buy below
        taken = {name: min(options, key=lambda c: c.bytes) for name, options in choices.items()}
    else:
        for name, pick in zip(reversed(names), picks[::-1], strict=True):
            taken[name] = choices[name][pick[left]]
            left -= -(-taken[name].bytes // unit)
    while True:
        left = budget - _bytes(taken)
        better = [
            ((taken[name].harm - c.harm) / (c.bytes - taken[name].bytes), name, c)
            for name, options in choices.items()
            for c in options
            if 0 < c.bytes - taken[name].bytes <= left and c.harm < taken[name].harm
        ]
        if not better:
            break
        _, name, choice = max(better, key=lambda item: item[0])
        taken[name] = choice
    if _bytes(taken) < budget * (1 - TOLERANCE):
        raise RotrainError(
            f"the matrices take {_bytes(taken):,} bytes, more than 1 % under {budget:,}: they are too few to choose from"
        )
    return taken


def _bytes(taken: dict[str, Choice]) -> int:
    return sum(choice.bytes for choice in taken.values())


@torch.inference_mode()
def divergences(
    model: Decoder,
    tokens: Tensor,
    names: Iterable[str],
    replace: Callable[[str], Callable[[], None]],
) -> dict[str, float]:
    """Mean KL divergence in nats of the model from itself when one matrix at a time is replaced.

    `replace(name)` changes the model and gives back what undoes it. `tokens`: (N, T).
    """
    rows = tokens[: max(1, ROWS // tokens.shape[1])]
    truth = model.logits(model(rows)).log_softmax(-1)
    found = {}
    for name in names:
        undo = replace(name)
        found[name] = mean_kl(truth, model.logits(model(rows)))
        undo()
    return found


def mean_kl(truth: Tensor, logits: Tensor) -> float:
    """Mean over positions of sum p (ln p - ln q), p by `truth` (log-probabilities), q by `logits`.

    Infinite where the logits are not finite: nothing is further away.
    """
    other = logits.log_softmax(-1)
    value = float((truth.exp() * (truth - other)).sum(-1).double().mean())
    # In fp32 the terms of opposite sign leave rounding of 1e-8, which may fall below zero.
    return max(0.0, value) if math.isfinite(value) else math.inf
