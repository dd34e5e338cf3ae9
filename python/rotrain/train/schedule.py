"""The learning rate of every step.

WSD (warmup, stable, decay) is from MiniCPM (Hu et al. 2024, section 4); its decay shape 1-sqrt is from Haegele et al.
2024. The decay lies in the last phase, where the best text is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rotrain.config import Schedule


@dataclass(frozen=True)
class LearningRate:
    """The learning rate over a run.

    Attributes:
        config: The `schedule` section of a configuration.
        peak: The highest rate.
        steps: Steps of the run.
        last_phase: Steps at the end that are completely in the last phase.
        factor: What the text of a step (from 0) multiplies the rate with.

    Examples:
        >>> rate = LearningRate(Schedule(shape="constant", warmup_fraction=0.5), peak=0.4, steps=4, last_phase=4)
        >>> [rate.at(step) for step in (1, 2, 3, 4)]
        [0.2, 0.4, 0.4, 0.4]
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
        """Return the rate of a step from 1 to `steps`: the peak at the end of warmup, the final rate at the end."""
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
