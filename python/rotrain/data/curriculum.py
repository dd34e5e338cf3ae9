"""Which text each step reads: stages in order, their mixes, and where in each phase a step stands.

A *phase* is a text of the pack. A *stage* is a run of steps with one mix of phases: the phase it is
named after, and `replay` of the earlier ones; around a boundary the mix changes linearly over
`ramp` of the run. `mixed` is one stage of everything.

The sequences of a run are numbered 0, 1, 2, ... ("slots"; `batch` of them are a step). The run is
cut into segments of whole steps, each with a whole number of slots for each phase, so what lies
before a segment is a sum, and inside it the slots are spread evenly (Bresenham's line, once for
each phase over the slots the others left). So slot `n` is draw `d` of phase `p` by arithmetic
alone: no state, whatever the number of processes. The draws of a phase count 0, 1, 2, ... without
a gap, and `Order` permutes each epoch of them: replay goes on in the earlier text where it
stopped, and no sequence comes twice in an epoch.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rotrain.data.pack import Pack, Phase
from rotrain.errors import RotrainError, UsageError

# A ramp is this many stairs at most: at 1 % of a long run, a few steps each.
MAX_RAMP_SEGMENTS = 64


@dataclass(frozen=True)
class Stage:
    """Steps `first ... first + steps - 1` (from 0), and the share of each phase in them."""

    name: str
    first: int
    steps: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Segment:
    """Steps with one mix: slots of each phase in all of them, and draws of each phase before."""

    first: int
    steps: int
    quotas: tuple[int, ...]
    before: tuple[int, ...]


@dataclass(frozen=True)
class Curriculum:
    """The plan of a run's reading. `sequences` are those of one epoch of each phase."""

    phases: tuple[Phase, ...]
    sequences: tuple[int, ...]
    batch: int
    stages: tuple[Stage, ...]
    ramps: tuple[int, ...]  # half the steps of the ramp at the start of each stage; 0 for the first
    segments: tuple[Segment, ...]

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return self.stages[-1].first + self.stages[-1].steps

    def stage_at(self, step: int) -> Stage:
        """The stage of a step (counted from 0)."""
        return self.stages[bisect_right(self.stages, step, key=lambda stage: stage.first) - 1]

    def blend(self, step: int) -> list[tuple[Stage, float]]:
        """The stages a step belongs to, and how much: two inside a ramp, else one."""
        index = bisect_right(self.stages, step, key=lambda stage: stage.first) - 1
        for later in (index, index + 1):
            if 0 < later < len(self.stages) and self.ramps[later]:
                half, boundary = self.ramps[later], self.stages[later].first
                if boundary - half <= step < boundary + half:
                    into = (step + 0.5 - (boundary - half)) / (2 * half)
                    return [(self.stages[later - 1], 1 - into), (self.stages[later], into)]
        return [(self.stages[index], 1.0)]

    def draws(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Phase (as its index) and draw of each of the `batch` sequences of a step."""
        segment = self._segment_at(step)
        slots = np.arange(self.batch, dtype=np.int64) + (step - segment.first) * self.batch
        phase, draw = np.empty_like(slots), np.empty_like(slots)
        pending, left = np.arange(self.batch), segment.steps * self.batch
        for index, quota in enumerate(segment.quotas):
            if quota == 0:
                continue
            taken = slots * quota // left
            here = (slots + 1) * quota // left > taken
            phase[pending[here]] = index
            draw[pending[here]] = segment.before[index] + taken[here]
            pending, slots, left = pending[~here], (slots - taken)[~here], left - quota
        return phase, draw

    def mix(self, step: int) -> dict[str, int]:
        """Sequences of each phase in a step, those without any left out."""
        counts = np.bincount(self.draws(step)[0], minlength=len(self.phases)).tolist()
        return {phase.name: count for phase, count in zip(self.phases, counts, strict=True) if count}

    def drawn(self, step: int) -> tuple[int, ...]:
        """Sequences of each phase in the steps before `step`, and before the run."""
        if step >= self.steps:
            last = self.segments[-1]
            return tuple(a + b for a, b in zip(last.before, last.quotas, strict=True))
        segment = self._segment_at(step)
        slots, left, out = (step - segment.first) * self.batch, segment.steps * self.batch, []
        for before, quota in zip(segment.before, segment.quotas, strict=True):
            taken = slots * quota // left if quota else 0
            out.append(before + taken)
            slots, left = slots - taken, left - quota
        return tuple(out)

    def _segment_at(self, step: int) -> Segment:
        return self.segments[bisect_right(self.segments, step, key=lambda segment: segment.first) - 1]


def plan_curriculum(
    pack: Pack,
    *,
    context: int,
    batch: int,
    steps: int | None,
    fractions: dict[str, float] | None = None,
    mixed: bool = False,
    replay: float = 0.0,
    ramp: float = 0.0,
    drawn: tuple[int, ...] | None = None,
) -> Curriculum:
    """Share the steps of a run between the phases of a pack, in the pack's order.

    Without `steps`, every phase is read for its epochs (replay comes on top). With it, the stages
    keep the proportion of their texts, or the given `fractions`, each at least one step. `drawn` is
    what an earlier run read of each phase: this one goes on behind it.
    """
    sequences = _sequences(pack, context)
    weights = _weights(pack, sequences, fractions)
    texts = [count * phase.epochs for phase, count in zip(pack.phases, sequences, strict=True)]
    used = [index for index, weight in enumerate(weights) if weight > 0]
    mixes = {index: _shares(index, texts, replay) for index in used}
    if mixed:
        total = steps if steps is not None else max(1, int(sum(texts)) // batch)
        shares = tuple(weight / sum(weights) for weight in weights)
        stages = [Stage("mixed" if len(used) > 1 else pack.phases[used[0]].name, 0, total, shares)]
    else:
        if steps is None:
            lengths = [max(1, int(texts[index] / mixes[index][index] / batch)) for index in used]
            if fractions is not None:
                lengths = apportion_steps(sum(lengths), [weights[index] for index in used])
        elif steps < len(used):
            raise UsageError(f"{steps} steps cannot cover {len(used)} phases", hint="give more --steps")
        else:
            lengths = apportion_steps(steps, [weights[index] for index in used])
        stages = []
        for index, length in zip(used, lengths, strict=True):
            first = stages[-1].first + stages[-1].steps if stages else 0
            stages.append(Stage(pack.phases[index].name, first, length, mixes[index]))
    total = stages[-1].first + stages[-1].steps
    half = round(ramp * total) // 2
    ramps = [0] + [min(half, a.steps // 2, b.steps // 2) for a, b in pairwise(stages)]
    return Curriculum(
        phases=tuple(pack.phases),
        sequences=tuple(sequences),
        batch=batch,
        stages=tuple(stages),
        ramps=tuple(ramps),
        segments=_segments(stages, ramps, batch, drawn or (0,) * len(sequences)),
    )


def apportion_steps(steps: int, weights: list[float]) -> list[int]:
    """Whole steps in proportion to weights: largest remainders first, each at least one."""
    total = sum(weights)
    exact = [steps * weight / total for weight in weights]
    shares = [max(1, int(value)) for value in exact]
    while sum(shares) < steps:
        shares[max(range(len(shares)), key=lambda i: exact[i] - shares[i])] += 1
    while sum(shares) > steps:  # shares lifted to one step are paid by the largest
        shares[shares.index(max(shares))] -= 1
    return shares


def _shares(index: int, texts: list[float], replay: float) -> tuple[float, ...]:
    """The mix of the stage of a phase: the earlier ones share `replay` by their size."""
    before = sum(texts[:index])
    if before == 0:
        return tuple(float(i == index) for i in range(len(texts)))
    return tuple(
        replay * text / before if i < index else (1 - replay) * (i == index) for i, text in enumerate(texts)
    )


def _segments(
    stages: list[Stage], ramps: list[int], batch: int, drawn: tuple[int, ...]
) -> tuple[Segment, ...]:
    """Cut the run where its mix changes, and give each phase whole slots: what is due so far, rounded."""
    pieces: list[tuple[int, int, tuple[float, ...]]] = []
    for index, stage in enumerate(stages):
        half = ramps[index]
        if half:
            width, earlier = 2 * half, stages[index - 1].shares
            stairs = min(width, MAX_RAMP_SEGMENTS)
            edges = [stage.first - half + i * width // stairs for i in range(stairs + 1)]
            for i, (begin, end) in enumerate(pairwise(edges)):
                into = (i + 0.5) / stairs
                shares = tuple(a + (b - a) * into for a, b in zip(earlier, stage.shares, strict=True))
                pieces.append((begin, end - begin, shares))
        begin = stage.first + half
        end = stage.first + stage.steps - (ramps[index + 1] if index + 1 < len(stages) else 0)
        if end > begin:
            pieces.append((begin, end - begin, stage.shares))
    due, given, out = [0.0] * len(drawn), [0] * len(drawn), []
    for first, steps, shares in pieces:
        slots = steps * batch
        due = [d + share * slots for d, share in zip(due, shares, strict=True)]
        quotas = _whole(slots, [d - g for d, g in zip(due, given, strict=True)], shares)
        before = tuple(d + g for d, g in zip(drawn, given, strict=True))
        out.append(Segment(first, steps, tuple(quotas), before))
        given = [g + quota for g, quota in zip(given, quotas, strict=True)]
    return tuple(out)


def _whole(slots: int, wanted: list[float], shares: tuple[float, ...]) -> list[int]:
    """`slots` in whole numbers near `wanted`; none for a phase that has no share."""
    usable = [i for i, share in enumerate(shares) if share > 0]
    quotas = [max(0, math.floor(want)) if i in usable else 0 for i, want in enumerate(wanted)]
    while sum(quotas) < slots:
        quotas[max(usable, key=lambda i: wanted[i] - quotas[i])] += 1
    while sum(quotas) > slots:
        quotas[min((i for i in usable if quotas[i]), key=lambda i: wanted[i] - quotas[i])] -= 1
    return quotas


def _sequences(pack: Pack, context: int) -> list[int]:
    """Training sequences in one epoch of each phase."""
    if pack.block_tokens % context:
        near = min(
            (d for d in range(1, pack.block_tokens + 1) if pack.block_tokens % d == 0),
            key=lambda d: abs(d - context),
        )
        raise UsageError(
            f"a context of {context} does not divide the pack's blocks of {pack.block_tokens} tokens",
            hint=f"take a divisor, for example --set context={near}",
        )
    counts = []
    for phase in pack.phases:
        blocks = (phase.train.tokens - 1) // pack.block_tokens
        if blocks < 1:
            raise RotrainError(
                f"phase {phase.name!r} has {phase.train.tokens:,} training tokens: "
                f"fewer than one block of {pack.block_tokens:,}",
                place=pack.path,
                hint="pack a larger corpus",
            )
        counts.append(blocks * (pack.block_tokens // context))
    return counts


def _weights(pack: Pack, sequences: list[int], fractions: dict[str, float] | None) -> list[float]:
    if fractions is None:
        return [count * phase.epochs for phase, count in zip(pack.phases, sequences, strict=True)]
    names = [phase.name for phase in pack.phases]
    if set(fractions) != set(names) or not any(fractions.values()):
        raise UsageError(
            f"phase_fractions must give a share to each phase, not all of them 0: {', '.join(names)}",
            hint=" ".join(f"--set phase_fractions.{name}={1 / len(names):.2g}" for name in names),
        )
    return [fractions[name] for name in names]
