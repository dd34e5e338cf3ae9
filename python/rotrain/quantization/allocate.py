"""Choose a storage type for each matrix, so that the model meets a size with the smallest expected damage.

The damage is the KL divergence of the quantized model's predictions from the float model's. Each matrix is measured once:
it alone is quantized with a probe type, and the divergence is computed. Two assumptions predict all other choices:

* The divergences of several matrices add up.
* The divergence of one matrix is proportional to its squared error, weighted by its inputs.

Both hold for small errors, because the divergence is quadratic around its minimum.
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

# The matrices may take up to 1 % less than the budget.
TOLERANCE = 0.01
# Positions whose logits are compared. A row has the size of the vocabulary, and the rows of both models are in memory.
LOGIT_ROWS = 1024
# The budget is divided into this many units. Rounding wastes half a unit for each matrix on average: 160 matrices waste
# 0.06 % of the budget.
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
        """Return every storage type with its expected divergence, which is proportional to the error.

        Example:
            >>> measured = Sensitivity({"q8": 0.5, "q4": 2.0}, {"q8": 80, "q4": 40}, probe="q4", probe_kl=0.25)
            >>> measured.choices()[0]
            Choice(type='q8', bytes=80, expected_kl=0.0625)
        """
        kl_per_error = self.probe_kl / max(self.errors[self.probe], 1e-30)
        return [Choice(name, self.bytes[name], kl_per_error * error) for name, error in self.errors.items()]


def choose_storage(sensitivities: Mapping[str, Sensitivity], budget: int) -> dict[str, str]:
    """Choose a storage type for each matrix. Together the matrices take 99 % to 100 % of `budget` bytes.

    Args:
        sensitivities: The measurements by name of the matrix.
        budget: Bytes of all matrices together.

    Returns:
        The storage type of each matrix, by its name.

    Raises:
        UsageError: The smallest types are larger than the budget, or the largest types are smaller.
        RotrainError: No combination that was found is within 1 % of the budget.

    Example:
        >>> measured = Sensitivity({"q8": 0.1, "q4": 2.0}, {"q8": 80, "q4": 40}, probe="q4", probe_kl=0.01)
        >>> choose_storage({"a": measured, "b": measured}, budget=120)
        {'a': 'q4', 'b': 'q8'}
    """
    choices = {name: sensitivity.choices() for name, sensitivity in sensitivities.items()}
    chosen = allocate(choices, budget)
    return {name: chosen[name].type for name in choices}


def allocate(choices: dict[str, list[Choice]], budget: int) -> dict[str, Choice]:
    """Choose one storage type for each matrix, so that the expected divergence is small and the budget is met within 1 %.

    This is a knapsack problem with one choice for each matrix. Dynamic programming solves it, over a budget in whole
    units. Rounding to units leaves some bytes free. They pay for larger types, best ratio of divergence to bytes first.
    The call takes half a second for 160 matrices with ten choices each.

    Args:
        choices: The choices of each matrix, by its name.
        budget: Bytes of all matrices together.

    Raises:
        UsageError: The smallest choices are larger than the budget, or the largest choices are smaller.
        RotrainError: No combination that was found is within 1 % of the budget.

    Example:
        >>> small, large = Choice("q4", 40, 0.2), Choice("q8", 80, 0.01)
        >>> chosen = allocate({"a": [small, large], "b": [small, Choice("q8", 80, 0.19)]}, budget=120)
        >>> chosen["a"].type, chosen["b"].type
        ('q8', 'q4')
    """
    min_bytes = sum(min(c.bytes for c in options) for options in choices.values())
    max_bytes = sum(max(c.bytes for c in options) for options in choices.values())
    if min_bytes > budget or max_bytes < budget * (1 - TOLERANCE):
        raise UsageError(
            f"the matrices can take {min_bytes:,} to {max_bytes:,} bytes, but the target is {budget:,}"
        )

    names, size = list(choices), UNITS + 1
    unit = max(1, -(-budget // UNITS))
    # kl[w] is the smallest divergence of the matrices so far in at most w units. A choice is rounded up to whole units.
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
    ):  # rounding up hides the only solutions: start with the smallest types, and exchange below
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
    """Measure how much the predictions change when one matrix at a time is replaced.

    Args:
        model: The model. Each matrix is restored after its measurement.
        tokens: Token ids (N, T) int64 to predict. About the first 1,024 positions are used.
        names: Names of the matrices.
        replace: Replaces one matrix of the model, and returns a function that restores it.

    Returns:
        Mean KL divergence in nats from the unchanged model, by name of the matrix.
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
    """Return the mean KL divergence over positions, sum of p (ln p - ln q), in nats. It is infinite if it is not finite.

    Args:
        reference: Log-probabilities ln p (..., V).
        logits: Logits (..., V). Their softmax is q.

    Example:
        >>> reference = torch.tensor([[0.5, 0.5]]).log()
        >>> mean_kl(reference, torch.zeros(1, 2)), round(mean_kl(reference, torch.tensor([[0.0, 1.0]])), 4)
        (0.0, 0.1201)
    """
    other = logits.log_softmax(-1)
    value = float((reference.exp() * (reference - other)).sum(-1).double().mean())
    # In fp32, terms of opposite sign leave a rounding error of 1e-8, so the sum can be slightly negative.
    return max(0.0, value) if math.isfinite(value) else math.inf
