"""Loss spikes: seen before the update is made, by the last steps' mean and standard deviation.

The rule is OLMo's skip-step (OLMo 2, section 3.4: six standard deviations over 128 steps, of the
loss and of the gradient's norm), with a history that is saved in every checkpoint: a resumed run
judges as the undisturbed one would, so it stays equal to it.

A finite spike joins the history, so a lasting change of level is learnt and not skipped for ever;
a value that is not finite never does. Where a stage of the curriculum begins the text changes, and
with it the loss: the history starts anew there. With fewer values than a quarter of the window
only values that are not finite are spikes. Costs one look at two numbers a step, on a GPU one
synchronization; both are nothing beside an optimizer step.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from rotrain.config import Spikes


@dataclass(frozen=True)
class Spike:
    """A step that left the range: its values, and the limits (None where there was none yet)."""

    loss: float
    norm: float
    loss_limit: float | None
    norm_limit: float | None

    @property
    def is_finite(self) -> bool:
        """Whether both values are numbers."""
        return math.isfinite(self.loss) and math.isfinite(self.norm)

    def as_json(self) -> dict[str, float | None]:
        """The spike for the log; JSON has no NaN, so null stands for it."""
        return {
            "loss": finite_or_none(self.loss),
            "grad_norm": finite_or_none(self.norm),
            "loss_limit": self.loss_limit,
            "grad_norm_limit": self.norm_limit,
        }


class SpikeGuard:
    """Judges steps in order."""

    def __init__(self, config: Spikes) -> None:
        self.config = config
        self.losses: deque[float] = deque(maxlen=config.window)
        self.norms: deque[float] = deque(maxlen=config.window)
        self.in_a_row = 0

    def check(self, loss: float, norm: float) -> Spike | None:
        """The spike this step is, or None; either way it joins the history if it is finite."""
        spike = None
        if math.isfinite(loss) and math.isfinite(norm):
            limits = self._limit(self.losses), self._limit(self.norms)
            for value, limit in zip((loss, norm), limits, strict=True):
                if limit is not None and value > limit:
                    spike = Spike(loss, norm, *limits)
            self.losses.append(loss)
            self.norms.append(norm)
        else:
            spike = Spike(loss, norm, None, None)
        self.in_a_row = 0 if spike is None else self.in_a_row + 1
        return spike

    def is_exhausted(self) -> bool:
        """Whether there were more spikes in a row than is worth going on with."""
        return self.in_a_row > self.config.patience

    def reset(self) -> None:
        """Begin the history anew."""
        self.losses.clear()
        self.norms.clear()

    def state(self) -> dict[str, Any]:
        """Everything a later judgement depends on, for a checkpoint: floats survive JSON exactly."""
        return {"losses": list(self.losses), "norms": list(self.norms), "in_a_row": self.in_a_row}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.reset()
        self.losses.extend(state.get("losses", ()))
        self.norms.extend(state.get("norms", ()))
        self.in_a_row = state.get("in_a_row", 0)

    def _limit(self, values: deque[float]) -> float | None:
        if self.config.policy == "off" or len(values) < max(4, self.config.window // 4):
            return None
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
        return mean + self.config.sigma * math.sqrt(variance)


def finite_or_none(value: float) -> float | None:
    """The value, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None
