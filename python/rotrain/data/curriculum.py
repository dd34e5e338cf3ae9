"""Which text each step reads: stages in order, their mixes, and the position of a step in each phase.

A *phase* is a named text of the pack. A *stage* is a run of steps with one mix of phases: the phase that gives it its name,
and `replay` of the earlier ones. Around a boundary of two stages the mix changes linearly over `ramp` of the run. `mixed`
is one stage of everything.

The sequences of a run are numbered 0, 1, 2, ... ("slots"); `batch` of them make a step. The run is cut into segments of
whole steps. In a segment each phase has a whole number of slots (its quota), so a sum tells what lies before a segment.
Inside a segment the slots of a phase are spread evenly (Bresenham's line, once for each phase over the slots that the
others left). So slot `n` is draw `d` of phase `p` by arithmetic alone: no state, for any number of processes. The draws of
a phase count 0, 1, 2, ... without a gap, and `Order` permutes each epoch of them. Replay continues in the earlier text
where it stopped, and no sequence comes twice in an epoch.

Examples:
    >>> from pathlib import Path
    >>> from rotrain.data.pack import Phase, TokenStream
    >>> def stream(blocks): return TokenStream("t", [(Path("none"), blocks * 8 + 1)], 1, 1, 300)
    >>> phases = [Phase("web", 1.0, stream(6), stream(1)), Phase("books", 1.0, stream(2), stream(1))]
    >>> pack = Pack(Path("none"), 8, 300, 0, phases, "digest")
    >>> curriculum = plan_curriculum(pack, context=8, batch=2, steps=4)
    >>> [(stage.name, stage.steps) for stage in curriculum.stages]
    [('web', 3), ('books', 1)]
    >>> phase, draw = curriculum.draws(2)
    >>> phase.tolist(), draw.tolist()
    ([0, 0], [4, 5])
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

# A ramp has at most this many segments: at 1 % of a long run, a few steps each.
MAX_RAMP_SEGMENTS = 64


@dataclass(frozen=True)
class Stage:
    """Steps with one mix.

    Attributes:
        name: Name of its phase, or `mixed`.
        first: Its first step, from 0.
        steps: Number of its steps.
        shares: Share of each phase.
    """

    name: str
    first: int
    steps: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Segment:
    """Steps in which each phase has a whole number of slots.

    Attributes:
        first: Its first step, from 0.
        steps: Number of its steps.
        quotas: Slots of each phase in all of its steps.
        before: Draws of each phase before it.
    """

    first: int
    steps: int
    quotas: tuple[int, ...]
    before: tuple[int, ...]


@dataclass(frozen=True)
class Curriculum:
    """What a run reads, step by step.

    Attributes:
        phases: The phases of the pack.
        sequences: Sequences in one epoch of each phase.
        batch: Sequences of a step.
        stages: The stages, in order.
        ramps: Half the steps of the ramp at the start of each stage; 0 for the first stage.
        segments: The segments, in order.
    """

    phases: tuple[Phase, ...]
    sequences: tuple[int, ...]
    batch: int
    stages: tuple[Stage, ...]
    ramps: tuple[int, ...]
    segments: tuple[Segment, ...]

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return self.stages[-1].first + self.stages[-1].steps

    def stage_at(self, step: int) -> Stage:
        """Return the stage of a step (from 0)."""
        return self.stages[bisect_right(self.stages, step, key=lambda stage: stage.first) - 1]

    def blend(self, step: int) -> list[tuple[Stage, float]]:
        """Return the stages of a step (from 0) with their parts: two stages inside a ramp, else one."""
        index = bisect_right(self.stages, step, key=lambda stage: stage.first) - 1
        for later in (index, index + 1):
            if 0 < later < len(self.stages) and self.ramps[later]:
                half, boundary = self.ramps[later], self.stages[later].first
                if boundary - half <= step < boundary + half:
                    into = (step + 0.5 - (boundary - half)) / (2 * half)
                    return [(self.stages[later - 1], 1 - into), (self.stages[later], into)]
        return [(self.stages[index], 1.0)]

    def draws(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return index of the phase and number of the draw for each sequence of a step (from 0), each (batch,) int64."""
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
        """Return the sequences of each phase in a step (from 0), without phases that have none."""
        counts = np.bincount(self.draws(step)[0], minlength=len(self.phases)).tolist()
        return {phase.name: count for phase, count in zip(self.phases, counts, strict=True) if count}

    def drawn(self, step: int) -> tuple[int, ...]:
        """Return the sequences of each phase in the steps before `step`, and before the run."""
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

    Args:
        pack: The pack.
        context: Tokens of a sequence; it must divide the block of the pack.
        batch: Sequences of a step.
        steps: Steps of the run. None reads every phase for its epochs, and replay comes on top. With a number, the
            stages keep the proportion of their texts, each at least one step.
        fractions: Share of the steps of each phase by name, in place of that proportion.
        mixed: Mix all phases throughout.
        replay: Share of the earlier phases in a later stage.
        ramp: Part of the run over which the mix changes at a boundary.
        drawn: Sequences of each phase that an earlier run read: this run continues after them.

    Raises:
        UsageError: The context does not divide the block, the steps do not cover the phases, or the fractions do not
            name them.
        RotrainError: A phase has fewer tokens than a block.
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
    """Return whole steps in proportion to weights, each at least one. The largest remainders are rounded up.

    Examples:
        >>> apportion_steps(10, [6.0, 3.0, 0.5])
        [6, 3, 1]
    """
    total = sum(weights)
    exact = [steps * weight / total for weight in weights]
    shares = [max(1, int(value)) for value in exact]
    while sum(shares) < steps:
        shares[max(range(len(shares)), key=lambda i: exact[i] - shares[i])] += 1
    while sum(shares) > steps:  # the largest share pays for those that were raised to one step
        shares[shares.index(max(shares))] -= 1
    return shares


def _shares(index: int, texts: list[float], replay: float) -> tuple[float, ...]:
    """Return the mix of the stage of a phase: the earlier phases share `replay` by their size."""
    before = sum(texts[:index])
    if before == 0:
        return tuple(float(i == index) for i in range(len(texts)))
    return tuple(
        replay * text / before if i < index else (1 - replay) * (i == index) for i, text in enumerate(texts)
    )


def _segments(
    stages: list[Stage], ramps: list[int], batch: int, drawn: tuple[int, ...]
) -> tuple[Segment, ...]:
    """Cut the run where its mix changes, and give each phase whole slots: what it is due so far, rounded."""
    pieces: list[tuple[int, int, tuple[float, ...]]] = []
    for index, stage in enumerate(stages):
        half = ramps[index]
        if half:
            width, earlier = 2 * half, stages[index - 1].shares
            count = min(width, MAX_RAMP_SEGMENTS)
            edges = [stage.first - half + i * width // count for i in range(count + 1)]
            for i, (begin, end) in enumerate(pairwise(edges)):
                into = (i + 0.5) / count
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
        quotas = _round_quotas(slots, [d - g for d, g in zip(due, given, strict=True)], shares)
        before = tuple(d + g for d, g in zip(drawn, given, strict=True))
        out.append(Segment(first, steps, tuple(quotas), before))
        given = [g + quota for g, quota in zip(given, quotas, strict=True)]
    return tuple(out)


def _round_quotas(slots: int, wanted: list[float], shares: tuple[float, ...]) -> list[int]:
    """Return whole numbers near `wanted` whose sum is `slots`; 0 for a phase without a share."""
    usable = [i for i, share in enumerate(shares) if share > 0]
    quotas = [max(0, math.floor(want)) if i in usable else 0 for i, want in enumerate(wanted)]
    while sum(quotas) < slots:
        quotas[max(usable, key=lambda i: wanted[i] - quotas[i])] += 1
    while sum(quotas) > slots:
        quotas[min((i for i in usable if quotas[i]), key=lambda i: wanted[i] - quotas[i])] -= 1
    return quotas


def sequences_per_block(pack: Pack, context: int) -> int:
    """Return the sequences of `context` tokens in a block of the pack.

    Raises:
        UsageError: The context does not divide the block.
    """
    if pack.block_tokens % context:
        near = min(
            (d for d in range(1, pack.block_tokens + 1) if pack.block_tokens % d == 0),
            key=lambda d: abs(d - context),
        )
        raise UsageError(
            f"a context of {context} does not divide the pack's blocks of {pack.block_tokens} tokens",
            hint=f"use a divisor, for example --set context={near}",
        )
    return pack.block_tokens // context


def _sequences(pack: Pack, context: int) -> list[int]:
    """Return the training sequences in one epoch of each phase."""
    per_block = sequences_per_block(pack, context)
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
        counts.append(blocks * per_block)
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
