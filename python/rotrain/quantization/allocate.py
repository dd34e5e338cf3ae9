"""Choose a storage type for each matrix: the model must meet a size with the least expected damage.

The expected damage of a choice comes from one measurement for each matrix: the KL divergence of the model's predictions
when this matrix alone is quantized with a probe type. Two assumptions turn it into a prediction. The divergences of
several matrices add up. The divergence of one matrix is proportional to its squared error, weighted by its inputs. Both
hold for small errors, because the divergence is quadratic around its minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rotrain.errors import RotrainError, UsageError
from rotrain.models.decoder import Decoder

TOLERANCE = 0.01
# Rows of logits that are compared. Each row has the size of the vocabulary, and the rows of both models are in memory.
LOGIT_ROWS = 1024
# Units of a budget. A matrix wastes half a unit, so 160 matrices waste 0.06 % of the budget.
UNITS = 1 << 17


@dataclass(frozen=True)
class Choice:
    """One way to store a matrix.

    Attributes:
        type: Name of the storage type.
        bytes: Size of the matrix in this type.
        expected_kl: Expected KL divergence in nats.
    """

    type: str
    bytes: int
    expected_kl: float


@dataclass(frozen=True)
class Sensitivity:
    """What was measured for one matrix.

    Attributes:
        errors: Weighted squared error of the matrix by storage type.
        bytes: Size of the matrix by storage type.
        probe: The storage type with which `probe_kl` was measured.
        probe_kl: KL divergence in nats of the model with this matrix alone stored as `probe`.
    """

    errors: Mapping[str, float]
    bytes: Mapping[str, int]
    probe: str
    probe_kl: float

    def choices(self) -> list[Choice]:
        """Return every storage type with its expected divergence, which is proportional to the error."""
        kl_per_error = self.probe_kl / max(self.errors[self.probe], 1e-30)
        return [Choice(name, self.bytes[name], kl_per_error * error) for name, error in self.errors.items()]


def choose_storage(sensitivities: Mapping[str, Sensitivity], budget: int) -> dict[str, str]:
    """Return a storage type for each matrix, so that all of them take at most `budget` bytes and at least 99 % of it.

    Args:
        sensitivities: The measurements by name of the matrix.
        budget: Bytes of all matrices together.

    Raises:
        UsageError: The budget is out of reach.

    Example:
        >>> measured = Sensitivity({"q8": 0.1, "q4": 2.0}, {"q8": 80, "q4": 40}, probe="q4", probe_kl=0.01)
        >>> choose_storage({"a": measured, "b": measured}, budget=120)
        {'a': 'q4', 'b': 'q8'}
    """
    choices = {name: sensitivity.choices() for name, sensitivity in sensitivities.items()}
    chosen = allocate(choices, budget)
    return {name: chosen[name].type for name in choices}


def allocate(choices: dict[str, list[Choice]], budget: int) -> dict[str, Choice]:
    """Choose one storage type for each matrix, within 1 % under `budget` bytes, with little expected divergence.

    This is a knapsack problem with one choice for each matrix. Dynamic programming over the budget in `UNITS` units
    solves it. What the rounding to units leaves over buys the best remaining exchanges. It takes half a second for 160
    matrices with ten choices each.

    Raises:
        UsageError: The budget is out of reach.
    """
    min_bytes = sum(min(c.bytes for c in options) for options in choices.values())
    max_bytes = sum(max(c.bytes for c in options) for options in choices.values())
    if min_bytes > budget or max_bytes < budget * (1 - TOLERANCE):
        raise UsageError(
            f"the choices give {min_bytes:,} to {max_bytes:,} bytes of matrices, and {budget:,} are wanted"
        )

    names, size = list(choices), UNITS + 1
    unit = max(1, -(-budget // UNITS))
    # kl[w]: the least divergence of the matrices so far in at most w units. Each choice is rounded up to whole units.
    kl = np.zeros(size)
    picks = np.zeros((len(names), size), dtype=np.uint8)
    for options, pick in zip(choices.values(), picks, strict=True):
        best = np.full(size, np.inf)
        for index, choice in enumerate(options):
            units = -(-choice.bytes // unit)
            candidate_kl = kl[: max(0, size - units)] + choice.expected_kl
            improved = candidate_kl < best[units:]
            best[units:][improved] = candidate_kl[improved]
            pick[units:][improved] = index
        kl = best
    chosen, remaining = {}, budget // unit
    if not math.isfinite(
        kl[remaining]
    ):  # only the rounding is in the way: start with the smallest types, and buy below
        chosen = {name: min(options, key=lambda c: c.bytes) for name, options in choices.items()}
    else:
        for name, pick in zip(reversed(names), picks[::-1], strict=True):
            chosen[name] = choices[name][pick[remaining]]
            remaining -= -(-chosen[name].bytes // unit)
    while True:
        remaining = budget - _bytes(chosen)
        exchanges = [
            ((chosen[name].expected_kl - c.expected_kl) / (c.bytes - chosen[name].bytes), name, c)
            for name, options in choices.items()
            for c in options
            if 0 < c.bytes - chosen[name].bytes <= remaining and c.expected_kl < chosen[name].expected_kl
        ]
        if not exchanges:
            break
        _, name, choice = max(exchanges, key=lambda item: item[0])
        chosen[name] = choice
    if _bytes(chosen) < budget * (1 - TOLERANCE):
        raise RotrainError(
            f"the matrices take {_bytes(chosen):,} bytes, more than 1 % under {budget:,}: there are too few to choose from"
        )
    return chosen


def _bytes(chosen: dict[str, Choice]) -> int:
    return sum(choice.bytes for choice in chosen.values())


@torch.inference_mode()
def measure_divergences(
    model: Decoder,
    tokens: Tensor,
    names: Iterable[str],
    replace: Callable[[str], Callable[[], None]],
) -> dict[str, float]:
    """Return the mean KL divergence in nats of the model from itself with one matrix at a time replaced.

    Args:
        model: The model; each matrix is put back after its measurement.
        tokens: Token ids (N, T) to predict.
        names: The matrices.
        replace: Changes one matrix of the model and returns a function that undoes it.
    """
    rows = tokens[: max(1, LOGIT_ROWS // tokens.shape[1])]
    reference = model.logits(model(rows)).log_softmax(-1)
    divergences = {}
    for name in names:
        undo = replace(name)
        divergences[name] = mean_kl(reference, model.logits(model(rows)))
        undo()
    return divergences


def mean_kl(reference: Tensor, logits: Tensor) -> float:
    """Return the mean over positions of sum p (ln p - ln q) in nats; infinite where the logits are not finite.

    Args:
        truth: Log-probabilities ln p (..., V).
        logits: Scores (..., V) whose softmax is q.
    """
    other = logits.log_softmax(-1)
    value = float((reference.exp() * (reference - other)).sum(-1).double().mean())
    # In fp32 the terms of opposite sign leave a rounding error of 1e-8, which may fall below zero.
    return max(0.0, value) if math.isfinite(value) else math.inf
