"""The learning rate of every step.

WSD (warmup, stable, decay) is from MiniCPM (Hu et al. 2024, section 4); its decay shapes from
Haegele et al. 2024 (1-sqrt). The decay lies in the last phase, where the best text is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rotrain.config import Schedule


@dataclass(frozen=True)
class LearningRate:
    """The rate over a run of `steps`, the last `last_phase` of which are wholly its last phase.

    `factor` gives what the text of a step (counted from 0) multiplies the rate with.
    """

    config: Schedule
    peak: float
    steps: int
    last_phase: int
    factor: Callable[[int], float] | None = None

    @property
    def warmup(self) -> int:
        """Steps of warmup: at least one when there is any, and never the whole run."""
        wanted = math.ceil(self.config.warmup_fraction * self.steps)
        return min(wanted, self.steps - 1)

    @property
    def decay(self) -> int:
        """Steps of decay."""
        if self.config.shape == "constant":
            return 0
        rest = self.steps - self.warmup
        if self.config.shape == "cosine":
            return rest
        return min(math.ceil(self.config.decay_fraction * self.steps), self.last_phase, rest)

    def at(self, step: int) -> float:
        """The rate of step 1 ... `steps`; the peak at the end of warmup, the final one at the end."""
        return self._shape(step) * (1.0 if self.factor is None else self.factor(step - 1))

    def _shape(self, step: int) -> float:
        if step < self.warmup:
            return self.peak * step / self.warmup
        into = step - (self.steps - self.decay)
        if into <= 0 or self.decay == 0:
            return self.peak
        done = into / self.decay
        if self.config.shape == "cosine":
            left = (1 + math.cos(math.pi * done)) / 2
        elif self.config.decay == "linear":
            left = 1 - done
        else:
            left = 1 - math.sqrt(done)
        final = self.config.decay_to
        return self.peak * (final + (1 - final) * left)
