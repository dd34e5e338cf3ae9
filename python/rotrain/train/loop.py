"""The training run: from a configuration to a finished run directory.

The state of a run is its step, its weights, the optimizer's state and the history of the spike guard. Everything else
(the batch, the learning rate, what to log) is a function of the step. So a run that is stopped anywhere and started
again continues from its newest checkpoint to the same bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import deque
from pathlib import Path
from typing import Any

import torch

from rotrain.config import FitConfig
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError, Stopped
from rotrain.models import kernels
from rotrain.models.decoder import Decoder
from rotrain.progress import Progress
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory, lock_run
from rotrain.runtime.collector import collector_frozen
from rotrain.runtime.device import Machine, choose_machine
from rotrain.runtime.distributed import Distributed, join_processes
from rotrain.train.average import average
from rotrain.train.evaluation import evaluate_phases
from rotrain.train.feed import BatchFeed
from rotrain.train.finish import finish
from rotrain.train.learner import Learner
from rotrain.train.micro import MicroBatch, is_out_of_memory, out_of_memory
from rotrain.train.plan import Plan, make_plan
from rotrain.train.prepare import check_exists, choose_run_strategy, prepare_run
from rotrain.train.run_log import RunLog
from rotrain.train.spikes import Spike, SpikeGuard
from rotrain.train.stop import StopSignals
from rotrain.train.track import Tracker, check_trackers, open_trackers
from rotrain.train.writer import CheckpointWriter


def run_training(
    config: FitConfig,
    progress: Progress | None = None,
    *,
    must_exist: bool = False,
    force: bool = False,
    track: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Train the run that `config` describes, or continue it.

    An unfinished run in `config.out` continues. A finished run is only reported. Under torchrun every process calls
    this, and the main process writes.

    Args:
        config: The configuration of the run.
        progress: Receives what happens.
        must_exist: Refuse to start a new run.
        force: Start a run whose plan `check_rates` refuses.
        track: Trackers that receive the log too.

    Returns:
        The summary, as summary.json has it.

    Raises:
        Stopped: SIGTERM or SIGINT came, and everything is saved.
        RotrainError: The run cannot start, or it diverged.
    """
    progress = progress or Progress()
    run = RunDirectory(Path(config.out))
    with contextlib.ExitStack() as stack:
        distributed = stack.enter_context(join_processes(config.runtime.device))
        if not distributed.is_main:
            progress = Progress()
        summary = None
        if distributed.is_main:
            try:
                check_trackers(track)
                if must_exist:
                    check_exists(run)
                if not run.path.exists() and config.begin_from is None:
                    make_plan(config)  # a run that cannot be planned leaves not even a folder
                stack.enter_context(lock_run(run))
                summary, machine = prepare_run(config, run, progress, distributed, force=force)
            except RotrainError as error:
                distributed.broadcast((error.exit_code, None))
                raise
        code, summary = distributed.broadcast((0, summary))
        if code:  # the main process reports why
            raise SystemExit(code)
        if summary is not None:
            return dict(summary)
        record = run.read_config()
        assert record is not None
        plan = make_plan(config, record["from"])
        if not distributed.is_main:
            machine = choose_machine(config.runtime, run_flops=plan.run_flops)
        trackers = open_trackers(track, run, config) if distributed.is_main else []
        strategy, why = choose_run_strategy(plan, machine, distributed)
        if distributed.size > 1:
            progress.message(f"processes: {distributed.size}, {strategy} ({why})")
        training: _Training | None = None
        try:
            training = _Training(plan, run, machine, progress, distributed, strategy, trackers)
            return training.run_to_end()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            # Without a training not even the weights fit: there is nothing to halve.
            raise out_of_memory(config, 1 if training is None else training.micro.size) from error


class _Training:
    """A run in progress, in one of its processes."""

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        machine: Machine,
        progress: Progress,
        distributed: Distributed,
        strategy: str,
        trackers: list[Tracker],
    ) -> None:
        self.plan, self.run, self.machine = plan, run, machine
        self.progress, self.distributed = progress, distributed
        self.config = plan.config
        self.tokenizer = Tokenizer(run.tokenizer)
        if self.tokenizer.vocab_size > plan.pack.vocab_size:
            raise RotrainError(
                f"the tokenizer has {self.tokenizer.vocab_size} tokens, the manifest says {plan.pack.vocab_size}",
                place=plan.pack.tokenizer_file,
                hint="pack the corpus again",
            )
        self.rows = self.config.batch.sequences // distributed.size
        self.feed = BatchFeed(
            plan.batches,
            rows=self.rows,
            first=distributed.rank * self.rows,
            steps=plan.steps,
            device=machine.device,
        )
        self.guard = SpikeGuard(self.config.spikes)
        self.platform = kernels.detect_platform(
            machine.device, half=machine.precision == "bf16", config=plan.model
        )
        self.learner, self.step = self._restore(strategy)
        self.micro = MicroBatch(self.config, plan.model, self.platform, self.learner, distributed, progress)
        self.log = RunLog(
            plan, machine, run, progress, upto=self.step, trackers=trackers, distributed=distributed
        )
        self.writer: CheckpointWriter | None = None
        if distributed.is_main:
            self.writer = CheckpointWriter(
                run.checkpoints, plan.model, self.config.checkpoint, before=self.log.sync
            )

    def _restore(self, strategy: str) -> tuple[Learner, int]:
        folder, saved, damaged = self.run.checkpoints, None, list[str]()
        if self.distributed.is_main:
            checkpoint.remove_partial(folder)
            saved, damaged = checkpoint.find_newest(folder)
            for sentence in damaged:
                self.progress.note(f"{sentence}; continuing from the one before")
            if saved is not None and not damaged:
                checkpoint.remove_old(folder, self.config.checkpoint)
        saved = self.distributed.broadcast(saved)
        model = Decoder(self.plan.model, kernels.choose(self.plan.model.vocab_size, self.platform))
        if saved is None:
            model.init_weights(self.config.seed)
        learner = Learner(model, self.config.optim, self.machine, self.distributed, strategy)
        if saved is None:
            return learner, 0
        learner.load_checkpoint(saved)
        self.guard.load(saved.spikes)
        if saved.step:
            self.progress.message(f"resuming {self.run.path} at step {saved.step:,}")
        return learner, saved.step

    def run_to_end(self) -> dict[str, Any]:
        """Train the remaining steps, then write what a finished run has."""
        self.log.describe_plan()
        self.micro.find()
        try:
            with StopSignals() as stop, self.feed, collector_frozen():
                self.log.start(self.step)
                self._train(stop)
            if self.writer is not None:
                self.writer.wait()
        finally:
            if self.writer is not None:
                self.writer.abandon()  # after an error: the last write ends before the lock is released
            self.log.close()
        model = self.learner.unsharded_model()
        if model is None:
            return dict(self.distributed.broadcast(None))
        summary = finish(self.plan, self.run, model, self.tokenizer, self.step)
        if self.config.checkpoint.average:
            averaged = average(self.run.path, self.config.checkpoint.average, replace=True).record
            summary["average"] = {"run": averaged["run"], "eval": averaged["eval"]}
        self.run.write_summary(summary)
        return dict(self.distributed.broadcast(summary))

    def _train(self, stop: StopSignals) -> None:
        steps, config, log = self.plan.steps, self.config, self.log
        sound = True
        while self.step < steps:
            lr = self.plan.rate.at(self.step + 1)
            self._reset_guard_at_new_text()
            loss, norm, asked = self._gradients(stop.number)
            spike = self.guard.check(loss, norm)
            self.step += 1
            if spike is None:
                self.learner.update(lr)
                sound = True
            else:
                sound = self._handle_spike(spike)
            with log.paused_timer():
                self.learner.maybe_use_huge_pages()
            last = self.step == steps
            if self.step % config.log_every == 0 or last:
                log.log(self.step, loss, norm, lr)
            if self.step % config.evaluation.every == 0 or last:
                with log.paused_timer():
                    scores = self._evaluate()
                    log.log_evaluation(self.step, scores)
                sound |= all(math.isfinite(score["loss"]) for score in scores.values())
            # A model whose loss is not finite is not saved: the checkpoint before it stays the newest.
            if sound and (self.step % config.checkpoint.every == 0 or last or asked):
                with log.paused_timer():
                    self._save()
            if self.writer is not None:
                self.writer.check()
            if asked and not last:
                if self.writer is not None:
                    self.writer.wait()
                raise Stopped(
                    f"at step {self.step:,} of {steps:,}; the same command continues from there", asked
                )
        if not sound:
            raise self._diverged("the loss is not finite")

    def _gradients(self, signal: int) -> tuple[float, float, int]:
        """Compute the gradients of the next step and clip them.

        Returns:
            Its loss, the norm of its gradient, and the signal that asked any process to stop.
        """
        batch = self.feed.read(self.step)
        total = self._whole_gradients(batch)
        # The host waits for a GPU here: two numbers for the spike guard. Documents cost one more wait for each part.
        loss, norm = torch.stack((total, self.learner.clip_gradients())).tolist()
        loss, asked = self.distributed.all_reduce(loss, signal)
        return loss, norm, asked

    def _whole_gradients(self, batch: torch.Tensor) -> torch.Tensor:
        """Compute the gradients of a batch, again in smaller parts as often as memory is short."""
        while True:
            total, failed = None, False
            try:
                total = self.learner.compute_gradients(
                    batch, micro=self.micro.size, tokens=self.plan.tokens_per_step
                )
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                failed = True
            # Here, where no traceback holds the tensors of the failed pass.
            if failed:
                self.learner.free_memory()
                self.micro.check_recovery()
            if not self.learner.finish_gradients(failed=failed):
                assert total is not None
                return total
            self.learner.free_memory()
            self.micro.halve()

    def _reset_guard_at_new_text(self) -> None:
        """Where a stage starts to mix in, the losses of the text before are no measure any more."""
        curriculum = self.plan.curriculum
        for stage, half in zip(curriculum.stages[1:], curriculum.ramps[1:], strict=True):
            if self.step == stage.first - half:
                self.guard.reset()

    def _handle_spike(self, spike: Spike) -> bool:
        """Do what the policy says about a step that is not applied; return whether the weights are known to be sound."""
        policy = self.config.spikes.policy
        self.learner.zero_grad()
        self.log.log_spike(self.step, spike, policy)
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
        """Load the weights of the newest scheduled checkpoint.

        The step counts on: what was read since is not read again (PaLM, Chowdhery et al. 2022, section 5.1, skips those
        batches too). Checkpoints of a stop do not count, or a stopped run would rewind to another step than an
        undisturbed one.
        """
        if self.writer is not None:
            self.writer.wait()
        saved = None
        if self.distributed.is_main:
            saved, _ = checkpoint.find_newest(self.run.checkpoints, every=self.config.checkpoint.every)
        saved = self.distributed.broadcast(saved)
        if saved is not None:
            self.learner.load_checkpoint(saved)
            self.progress.message(f"rewound to the weights of step {saved.step:,}")
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
        else:  # the other processes help to gather each tensor, and keep none
            deque(itertools.chain(weights, moments), maxlen=0)
