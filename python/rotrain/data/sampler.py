"""From a plan to batches: which tokens are the batch of step `s`, as a pure function of `s`.

A block of the pack is `block_tokens` inputs and their next tokens. A run with a shorter context
cuts each block into `block_tokens / context` sequences of `context` inputs and `context` labels
(so the context must divide the block): sequence `j` of a stream is tokens `j * context` to
`(j + 1) * context`, both ends included. No label is lost or read twice in an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotrain.data.order import Order
from rotrain.data.pack import Pack, Phase
from rotrain.errors import RotrainError, UsageError


@dataclass(frozen=True)
class PhasePlan:
    """Steps `first ... first + steps - 1` of a run (counted from 0) and what they read."""

    phase: Phase
    sequences: int  # in one epoch
    first: int
    steps: int


def sequences_in(phase: Phase, block_tokens: int, context: int) -> int:
    """Training sequences in one epoch of a phase."""
    return (phase.train.tokens - 1) // block_tokens * (block_tokens // context)


def plan_phases(
    pack: Pack, *, context: int, batch: int, steps: int | None, fractions: dict[str, float] | None
) -> list[PhasePlan]:
    """Share the steps of a run between the phases of a pack, in the pack's order.

    Without `steps`, every phase is read for its epochs. With it, the phases keep their
    proportion (or the given fractions), each at least one step.
    """
    if pack.block_tokens % context:
        raise UsageError(
            f"a context of {context} does not divide the pack's blocks of {pack.block_tokens} tokens",
            hint=f"take a divisor, for example --set context={_divisor_near(pack.block_tokens, context)}",
        )
    counts = [sequences_in(phase, pack.block_tokens, context) for phase in pack.phases]
    for phase, count in zip(pack.phases, counts, strict=True):
        if count == 0:
            raise RotrainError(
                f"phase {phase.name!r} has {phase.train.tokens:,} training tokens: "
                f"fewer than one block of {pack.block_tokens:,}",
                place=pack.path,
                hint="pack a larger corpus",
            )
    weights = _weights(pack, counts, fractions)
    if steps is None:
        shares = [
            max(1, int(count * phase.epochs) // batch)
            for phase, count in zip(pack.phases, counts, strict=True)
        ]
        if fractions is not None:
            shares = share_steps(sum(shares), weights)
    else:
        if steps < len(pack.phases):
            raise UsageError(
                f"{steps} steps cannot cover {len(pack.phases)} phases", hint="give more --steps"
            )
        shares = share_steps(steps, weights)
    plans, first = [], 0
    for phase, count, share in zip(pack.phases, counts, shares, strict=True):
        plans.append(PhasePlan(phase, count, first, share))
        first += share
    return plans


def share_steps(steps: int, weights: list[float]) -> list[int]:
    """Whole steps in proportion to weights: largest remainders first, each at least one."""
    total = sum(weights)
    exact = [steps * weight / total for weight in weights]
    shares = [max(1, int(value)) for value in exact]
    while sum(shares) < steps:
        shares[max(range(len(shares)), key=lambda i: exact[i] - shares[i])] += 1
    while sum(shares) > steps:  # shares lifted to one step are paid by the largest
        shares[shares.index(max(shares))] -= 1
    return shares


class Sampler:
    """The batches of a planned run."""

    def __init__(self, plans: list[PhasePlan], *, context: int, batch: int, seed: int) -> None:
        self.plans, self.context, self.batch, self.seed = plans, context, batch, seed

    def plan_at(self, step: int) -> PhasePlan:
        """The phase of a step (counted from 0)."""
        return next(plan for plan in self.plans if step < plan.first + plan.steps)

    def position(self, step: int) -> tuple[str, int]:
        """Name of the phase and epoch (from 0) in which a step begins."""
        plan = self.plan_at(step)
        return plan.phase.name, (step - plan.first) * self.batch // plan.sequences

    def read(self, step: int, out: NDArray[np.int64]) -> None:
        """Fill `out`, (batch, context + 1), with the sequences of a step."""
        plan = self.plan_at(step)
        begin = (step - plan.first) * self.batch
        drawn = np.arange(begin, begin + self.batch)
        items = np.empty_like(drawn)
        for epoch in np.unique(drawn // plan.sequences):
            inside = drawn // plan.sequences == epoch
            order = Order(plan.sequences, self.seed, plan.phase.name, int(epoch))
            items[inside] = order.permute(drawn[inside] % plan.sequences)
        for row, item in zip(out, items, strict=True):
            plan.phase.train.read(int(item) * self.context, row)


def _weights(pack: Pack, counts: list[int], fractions: dict[str, float] | None) -> list[float]:
    if fractions is None:
        return [count * phase.epochs for phase, count in zip(pack.phases, counts, strict=True)]
    names = [phase.name for phase in pack.phases]
    if set(fractions) != set(names) or min(fractions.values()) <= 0:
        raise UsageError(
            f"phase_fractions must give a positive number for each phase: {', '.join(names)}",
            hint=" ".join(f"--set phase_fractions.{name}={1 / len(names):.2g}" for name in names),
        )
    return [fractions[name] for name in names]


def _divisor_near(block: int, context: int) -> int:
    return min((d for d in range(1, block + 1) if block % d == 0), key=lambda d: abs(d - context))
