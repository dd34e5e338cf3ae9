"""From a curriculum to batches: the tokens of step `s` are a pure function of `s`.

A block of the pack is `block_tokens` inputs and their next tokens. A run with a shorter context cuts each block into
`block_tokens / context` sequences of `context` inputs and `context` labels, so the context must divide the block. Sequence
`j` of a stream is the tokens from `j * context` to `(j + 1) * context`, both included. No label is lost or read twice in an
epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotrain.data.curriculum import Curriculum
from rotrain.data.order import Order


@dataclass(frozen=True)
class BatchReader:
    """The batches of a planned run.

    Attributes:
        curriculum: What each step reads.
        context: Tokens of a sequence.
        seed: Seed of the order.
    """

    curriculum: Curriculum
    context: int
    seed: int

    def position(self, step: int) -> tuple[str, int]:
        """Return the name of a step's stage, and the epoch (from 0) of its main phase in which the step starts."""
        stage = self.curriculum.stage_at(step)
        main = max(range(len(stage.shares)), key=lambda index: stage.shares[index])
        return stage.name, self.curriculum.drawn(step)[main] // self.curriculum.sequences[main]

    def read(self, step: int, out: NDArray[np.int64], first: int = 0) -> None:
        """Fill an array with sequences of a step.

        One process alone reads the whole batch. One of several processes reads its own rows of the same batch.

        Args:
            step: The step, from 0.
            out: The array (n, context + 1), int64.
            first: The first sequence; the array gets sequences `first` to `first + n - 1`.
        """
        phases, draws = self.curriculum.draws(step)
        rows = slice(first, first + len(out))
        phases, draws = phases[rows], draws[rows]
        items = np.empty_like(draws)
        for index in np.unique(phases).tolist():
            sequences, name = self.curriculum.sequences[index], self.curriculum.phases[index].name
            epochs = draws // sequences
            for epoch in np.unique(epochs[phases == index]).tolist():
                inside = (phases == index) & (epochs == epoch)
                order = Order(sequences, self.seed, name, epoch)
                items[inside] = order.permute(draws[inside] % sequences)
        for row, phase, item in zip(out, phases.tolist(), items.tolist(), strict=True):
            self.curriculum.phases[phase].train.read(item * self.context, row)
