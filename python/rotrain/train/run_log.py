"""The log of a run: metrics.jsonl, the display and the trackers, and the clock behind their figures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rotrain.models import count
from rotrain.progress import Progress
from rotrain.run.directory import RunDirectory
from rotrain.run.metrics import MetricsLog
from rotrain.runtime.device import Machine
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.energy import EnergyMeter
from rotrain.runtime.memory import peak_bytes
from rotrain.train.plan import Plan
from rotrain.train.spikes import Spike, finite_or_none
from rotrain.train.track import Tracker


class RunLog:
    """Everything that a run reports. Only the main process reports anything.

    Args:
        plan: The run.
        machine: What it computes on.
        run: Its directory.
        progress: The display.
        upto: Step at which the run is.
        trackers: Programs that receive the log too.
        distributed: The processes of the run.
    """

    def __init__(
        self,
        plan: Plan,
        machine: Machine,
        run: RunDirectory,
        progress: Progress,
        *,
        upto: int,
        trackers: list[Tracker],
        distributed: Distributed,
    ) -> None:
        self.plan, self.machine, self.progress, self.trackers = plan, machine, progress, trackers
        self.flops_per_token = count.flops_per_token(plan.model)
        self.peak_flops = None if machine.peak_flops is None else machine.peak_flops * distributed.size
        self._log = MetricsLog(run.metrics, upto=upto) if distributed.is_main else None
        self._energy = EnergyMeter(machine.device.type)

    def describe_plan(self) -> None:
        """Report what is going to be trained."""
        plan, model = self.plan, self.plan.model
        phases = ", ".join(f"{stage.name} {stage.steps:,} steps" for stage in plan.curriculum.stages)
        self.progress.message(
            f"model: {model.arch} {plan.config.size}, {count.param_count(model):,} parameters, "
            f"{model.layers} layers, width {model.hidden}, context {model.context}, "
            f"{f'window {model.window}, ' if model.window else ''}"
            f"{'' if model.document_end is None else 'documents apart, '}"
            f"vocabulary {model.vocab_size:,}"
        )
        self.progress.message(f"plan: {plan.steps:,} steps of {plan.tokens_per_step:,} tokens: {phases}")
        if self.peak_flops is not None:
            self.progress.message(
                f"MFU = tokens/s x {self.flops_per_token:.3g} operations per token "
                f"/ {self.peak_flops:.3g} a second"
            )

    def start(self, step: int) -> None:
        """Report that training starts at `step`, and start the clock."""
        self.progress.start_training(step, self.plan.steps)
        self._began = self._window = time.monotonic()
        self._first = self._window_step = step

    def log(self, step: int, loss: float, norm: float, lr: float) -> None:
        """Write a training line.

        Args:
            step: Steps that are done.
            loss: Loss of the last step in nats per token. It may be not finite.
            norm: Norm of its gradient. It may be not finite.
            lr: Its learning rate.
        """
        if self._log is None:
            return
        now = time.monotonic()
        rate = (step - self._window_step) * self.plan.tokens_per_step / max(now - self._window, 1e-9)
        phase, epoch = self.plan.batches.position(step - 1)
        tokens = step * self.plan.tokens_per_step
        line = {
            "step": step,
            "tokens": tokens,
            "phase": phase,
            "epoch": epoch,
            "mix": self.plan.curriculum.mix(step - 1),
            "loss": finite_or_none(loss),
            "lr": lr,
            "grad_norm": finite_or_none(norm),
            "flops": tokens * self.flops_per_token,
            "seconds": self._seconds(),
            "tokens_per_s": round(rate, 1),
            "mfu": self._mfu(rate),
            "memory_bytes": peak_bytes(self.machine.device.type),
            "joules": self._joules(),
        }
        self._write(line)
        left = (now - self._began) / (step - self._first) * (self.plan.steps - step)
        self.progress.metrics(line, left)
        self._window, self._window_step = time.monotonic(), step

    def log_evaluation(self, step: int, scores: dict[str, dict[str, float | int]]) -> None:
        """Write an evaluation line."""
        self._write(
            {
                "step": step,
                "tokens": step * self.plan.tokens_per_step,
                "eval": {
                    domain: {name: finite_or_none(value) for name, value in score.items()}
                    for domain, score in scores.items()
                },
                "seconds": self._seconds(),
            }
        )
        self.progress.evaluation(step, scores)

    def log_spike(self, step: int, spike: Spike, action: str) -> None:
        """Write a line about a step that was not applied."""
        self._write(
            {
                "step": step,
                "tokens": step * self.plan.tokens_per_step,
                "spike": {"action": action, **spike.as_json()},
                "seconds": self._seconds(),
            }
        )
        self.progress.message(
            f"step {step:,}: a spike ({action}): loss {spike.loss:.4g}, gradient's norm {spike.norm:.4g}"
        )

    @contextlib.contextmanager
    def paused_timer(self) -> Iterator[None]:
        """Exclude the time inside from the rate of training."""
        began = time.monotonic()
        yield
        self._window += time.monotonic() - began

    def sync(self) -> None:
        """Force the lines to the disk. The metrics of a checkpoint's steps are there before the checkpoint is."""
        if self._log is not None:
            self._log.sync()

    def close(self) -> None:
        """Close the log, the display and the trackers."""
        self.progress.close()
        if self._log is not None:
            self._log.close()
        for tracker in self.trackers:
            tracker.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.write(line)
            for tracker in self.trackers:
                tracker.log(line)

    def _seconds(self) -> float:
        before = 0.0 if self._log is None else self._log.seconds
        return round(before + time.monotonic() - self._began, 3)

    def _joules(self) -> float | None:
        used, before = self._energy.joules(), 0.0 if self._log is None else self._log.joules
        return None if used is None or before is None else round(before + used, 1)

    def _mfu(self, tokens_per_s: float) -> float | None:
        if self.peak_flops is None:
            return None
        return round(tokens_per_s * self.flops_per_token / self.peak_flops, 4)
