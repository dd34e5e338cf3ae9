"""Loss spikes: detected before the update, by the mean and the standard deviation of the last steps.

The rule is OLMo's skip-step (OLMo 2, section 3.4: six standard deviations over 128 steps, of the loss and of the norm of
the gradient). Its history is saved in every checkpoint, so a resumed run decides as an undisturbed run would.

A finite spike joins the history: a lasting change of level is learnt and not skipped for ever. A value that is not
finite never joins it. Where a stage of the curriculum starts, the text changes and the loss with it: the history starts
anew. With fewer values than a quarter of the window, only values that are not finite are spikes. The check reads two
numbers a step; on a GPU that costs one synchronization. Both are small beside an optimizer step.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from rotrain.config import Spikes


@dataclass(frozen=True)
class Spike:
    """A step that left the range.

    Attributes:
        loss: Its loss.
        norm: The norm of its gradient.
        loss_limit: The limit of the loss; None where there was none yet.
        norm_limit: The limit of the norm; None where there was none yet.
    """

    loss: float
    norm: float
    loss_limit: float | None
    norm_limit: float | None

    @property
    def is_finite(self) -> bool:
        """Whether both values are finite."""
        return math.isfinite(self.loss) and math.isfinite(self.norm)

    def as_json(self) -> dict[str, float | None]:
        """Return the spike for the log. JSON has no NaN: null takes its place."""
        return {
            "loss": finite_or_none(self.loss),
            "grad_norm": finite_or_none(self.norm),
            "loss_limit": self.loss_limit,
            "grad_norm_limit": self.norm_limit,
        }


class SpikeGuard:
    """Check the steps of a run in order.

    Args:
        config: The `spikes` section of a configuration.

    Examples:
        >>> guard = SpikeGuard(Spikes(window=8))
        >>> [guard.check(loss, 1.0) for loss in (2.0, 2.1, 1.9, 2.0, 2.1)]
        [None, None, None, None, None]
        >>> guard.check(9.0, 1.0).loss
        9.0
    """

    def __init__(self, config: Spikes) -> None:
        self.config = config
        self.losses: deque[float] = deque(maxlen=config.window)
        self.norms: deque[float] = deque(maxlen=config.window)
        self.in_a_row = 0

    def check(self, loss: float, norm: float) -> Spike | None:
        """Return the spike that this step is, or None. A finite step joins the history either way."""
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
        """Return whether there were more than `patience` spikes in a row."""
        return self.in_a_row > self.config.patience

    def reset(self) -> None:
        """Start the history anew."""
        self.losses.clear()
        self.norms.clear()

    def state(self) -> dict[str, Any]:
        """Return everything that later checks depend on, for a checkpoint. JSON keeps floats exactly."""
        return {"losses": list(self.losses), "norms": list(self.norms), "in_a_row": self.in_a_row}

    def load(self, state: dict[str, Any]) -> None:
        """Load what `state` returned."""
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
    """Return the value, or None if it is not finite: JSON cannot hold it."""
    return value if math.isfinite(value) else None
