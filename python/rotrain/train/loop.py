"""The training run: from a configuration to a finished run directory.

The state of a run is its step, its weights, the optimizer's state and the history of the spike
guard; everything else (the batch, the learning rate, what to log) is a function of the step. So a
run that is stopped anywhere and started again continues from its newest checkpoint to the same bytes.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rotrain.config import FitConfig
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError, Stopped
from rotrain.models import kernels
from rotrain.models.decoder import Decoder
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory, lock_run
from rotrain.runtime.device import Machine, choose_machine
from rotrain.runtime.distributed import Distributed, join_processes
from rotrain.train.average import average_run
from rotrain.train.begin import check_begun, choose_run_strategy, prepare
from rotrain.train.evaluation import evaluate_phases
from rotrain.train.finish import finish
from rotrain.train.learner import Learner
from rotrain.train.plan import Plan, make_plan
from rotrain.train.progress import Progress
from rotrain.train.screen import Quiet, Screen
from rotrain.train.spikes import Spike, SpikeGuard
from rotrain.train.stop import StopSignals
from rotrain.train.track import Tracker, check_trackers, open_trackers
from rotrain.train.writer import CheckpointWriter


def fit(
    config: FitConfig,
    screen: Screen,
    *,
    must_exist: bool = False,
    force: bool = False,
    track: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Train, or go on training, the run `config` describes; returns its summary.

    An unfinished run in `config.out` continues; a finished one is only reported. `must_exist`
    makes the lack of a run an error; `force` begins one whose plan `check_rates` refuses; `track`
    names trackers beside the log. Raises `Stopped` after saving when SIGTERM or SIGINT comes. Under
    torchrun every process calls this, and the first one does the writing.
    """
    run = RunDirectory(Path(config.out))
    with contextlib.ExitStack() as stack:
        distributed = stack.enter_context(join_processes(config.runtime.device))
        if not distributed.is_main:
            screen = Quiet()
        summary = None
        if distributed.is_main:
            try:
                check_trackers(track)
                if must_exist:
                    check_begun(run)
                if not run.path.exists() and config.begin_from is None:
                    make_plan(config)  # what cannot be planned leaves not even a folder
                stack.enter_context(lock_run(run))
                summary, machine = prepare(config, run, screen, distributed, force=force)
            except RotrainError as error:
                distributed.broadcast((error.exit_code, None))
                raise
        code, summary = distributed.broadcast((0, summary))
        if code:  # the lead has said why
            raise SystemExit(code)
        if summary is not None:
            return dict(summary)
        record = run.read_config()
        assert record is not None
        plan = make_plan(config, record["from"])
        if not distributed.is_main:
            machine = choose_machine(config.runtime, run_flops=plan.run_flops)
        trackers = open_trackers(track, run, config) if distributed.is_main else []
        kind, why = choose_run_strategy(plan, machine, distributed)
        if distributed.size > 1:
            screen.say(f"processes: {distributed.size}, {kind} ({why})")
        return _Training(plan, run, machine, screen, distributed, kind, trackers).run_to_end()


class _Training:
    """A run in progress, in one of its processes."""

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        machine: Machine,
        screen: Screen,
        distributed: Distributed,
        kind: str,
        trackers: list[Tracker],
    ) -> None:
        self.plan, self.run, self.machine, self.screen, self.distributed = (
            plan,
            run,
            machine,
            screen,
            distributed,
        )
        self.config = plan.config
        self.tokenizer = Tokenizer(run.tokenizer)
        if self.tokenizer.vocab_size > plan.pack.vocab_size:
            raise RotrainError(
                f"the tokenizer has {self.tokenizer.vocab_size} tokens, the manifest says {plan.pack.vocab_size}",
                place=plan.pack.tokenizer_file,
                hint="pack the corpus again",
            )
        self.rows = self.config.batch.sequences // distributed.size
        self.buffer = np.empty((self.rows, self.config.context + 1), dtype=np.int64)
        self.guard = SpikeGuard(self.config.spikes)
        self.learner, self.step = self._restore(kind)
        self.progress = Progress(
            plan, machine, run, screen, upto=self.step, trackers=trackers, distributed=distributed
        )
        self.writer: CheckpointWriter | None = None
        if distributed.is_main:
            self.writer = CheckpointWriter(
                run.checkpoints, plan.model, self.config.checkpoint, before=self.progress.sync
            )

    def _restore(self, kind: str) -> tuple[Learner, int]:
        folder, saved, damaged = self.run.checkpoints, None, list[str]()
        if self.distributed.is_main:
            checkpoint.remove_partial(folder)
            saved, damaged = checkpoint.find_newest(folder)
            for sentence in damaged:
                self.screen.say(f"note: {sentence}; going on from the one before")
            if saved is not None and not damaged:
                checkpoint.remove_old(folder, self.config.checkpoint)
        saved = self.distributed.broadcast(saved)
        platform = kernels.detect_platform(self.machine.device, half=self.machine.precision == "bf16")
        model = Decoder(self.plan.model, kernels.choose(self.plan.model.vocab_size, platform))
        if saved is None:
            model.init_weights(self.config.seed)
        learner = Learner(model, self.config.optim, self.machine, self.distributed, kind)
        if saved is None:
            return learner, 0
        learner.load_checkpoint(saved)
        self.guard.load(saved.spikes)
        if saved.step:
            self.screen.say(f"resuming {self.run.path} at step {saved.step:,}")
        return learner, saved.step

    def run_to_end(self) -> dict[str, Any]:
        """Train the steps that are left, then write what a finished run has."""
        self.progress.introduce()
        why = self.learner.compile(min(self.config.batch.micro, self.rows))
        if why is not None:
            self.screen.say(f"note: compiling failed, so nothing is compiled ({why})")
        try:
            with StopSignals() as stop:
                self.progress.start(self.step)
                self._train(stop)
            if self.writer is not None:
                self.writer.wait()
        finally:
            if self.writer is not None:
                self.writer.abandon()  # after an error: what is being written ends before the lock goes
            self.progress.close()
        model = self.learner.unsharded_model()
        if not self.distributed.is_main:
            return dict(self.distributed.broadcast(None))
        summary = finish(self.plan, self.run, model, self.tokenizer, self.step)
        if self.config.checkpoint.average:
            averaged = average_run(self.run.path, self.config.checkpoint.average, replace=True)
            summary["average"] = {"run": averaged["run"], "eval": averaged["eval"]}
        self.run.write_summary(summary)
        return dict(self.distributed.broadcast(summary))

    def _train(self, stop: StopSignals) -> None:
        steps, config, progress = self.plan.steps, self.config, self.progress
        sound = True
        while self.step < steps:
            lr = self.plan.rate.at(self.step + 1)
            self._new_text()
            loss, asked = self._gradients(stop.number)
            norm = self.learner.clip_gradients()
            spike = self.guard.check(loss, norm)
            self.step += 1
            if spike is None:
                self.learner.update(lr)
                sound = True
            else:
                sound = self._spiked(spike)
            with progress.paused_timer():
                self.learner.maybe_use_huge_pages()
            last = self.step == steps
            if self.step % config.log_every == 0 or last:
                progress.log(self.step, loss, norm, lr)
            if self.step % config.evaluation.every == 0 or last:
                with progress.paused_timer():
                    scores = self._evaluate()
                    progress.log_evaluation(self.step, scores)
                sound |= all(math.isfinite(score["loss"]) for score in scores.values())
            # A model whose loss is no number is not saved: the checkpoint before it stays the newest.
            if sound and (self.step % config.checkpoint.every == 0 or last or asked):
                with progress.paused_timer():
                    self._save()
            if self.writer is not None:
                self.writer.check()
            if asked and not last:
                if self.writer is not None:
                    self.writer.wait()
                raise Stopped(
                    f"at step {self.step:,} of {steps:,}; the same command goes on from there", asked
                )
        if not sound:
            raise self._diverged("the loss is not finite")

    def _gradients(self, signal: int) -> tuple[float, int]:
        """Gradients of the next step; its loss, and the signal by which any process is to stop."""
        self.plan.batches.read(self.step, self.buffer, first=self.distributed.rank * self.rows)
        batch = torch.from_numpy(self.buffer).to(self.machine.device, non_blocking=True)
        total = self.learner.compute_gradients(
            batch, micro=self.config.batch.micro, tokens=self.plan.tokens_per_step
        )
        return self.distributed.all_reduce(float(total), signal)

    def _new_text(self) -> None:
        """Where a stage begins to mix in, losses of the text before say nothing any more."""
        curriculum = self.plan.curriculum
        for stage, half in zip(curriculum.stages[1:], curriculum.ramps[1:], strict=True):
            if self.step == stage.first - half:
                self.guard.reset()

    def _spiked(self, spike: Spike) -> bool:
        """What the policy does about a step that is not applied; whether the weights are known to be sound."""
        policy = self.config.spikes.policy
        self.learner.zero_grad()
        self.progress.log_spike(self.step, spike, policy)
        if self.guard.is_exhausted():
            raise self._diverged(f"{self.guard.in_a_row} spikes in a row")
        if policy == "off":
            raise self._diverged("the loss or its gradient is not finite")
        if policy == "stop":
            raise RotrainError(
                f"step {self.step:,}: a spike: loss {spike.loss:.4g}, gradient's norm {spike.norm:.4g}",
                place=self.run.path,
                hint="the checkpoints before it are whole; a new run with --set spikes.policy=skip passes over it",
            )
        rewound = policy == "rewind" and self._rewind()
        return spike.is_finite or rewound

    def _rewind(self) -> bool:
        """Take the weights of the newest scheduled checkpoint. The step counts on: what was read since
        is not read again (PaLM, Chowdhery et al. 2022, section 5.1, skips those batches too). Checkpoints
        of a stop do not count, or a stopped run would rewind to another place than an undisturbed one."""
        if self.writer is not None:
            self.writer.wait()
        saved = None
        if self.distributed.is_main:
            saved, _ = checkpoint.find_newest(self.run.checkpoints, every=self.config.checkpoint.every)
        saved = self.distributed.broadcast(saved)
        if saved is not None:
            self.learner.load_checkpoint(saved)
            self.screen.say(f"rewound to the weights of step {saved.step:,}")
        return saved is not None

    def _diverged(self, why: str) -> RotrainError:
        return RotrainError(
            f"step {self.step:,}: training diverged ({why})",
            place=self.run.path,
            hint=f"try a lower rate in a new run, --set optim.lr={self.config.optim.lr / 3:.1g}",
        )

    def _evaluate(self) -> dict[str, dict[str, float | int]]:
        lengths = self.tokenizer.byte_lengths()
        return evaluate_phases(self.learner, self.plan, lengths, self.machine)

    def _save(self) -> None:
        weights, moments = self.learner.weights(), self.learner.optimizer_state()
        if self.writer is not None:
            self.writer.save(self.step, weights, moments, self.guard.state())
