"""The training run: from a configuration to a finished run directory.

The state of a run is its step, its weights and AdamW's state; everything else (the batch, the
learning rate, what to log) is a function of the step. So a run that is stopped anywhere and
started again continues from its newest checkpoint to the same bytes.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rotrain.config import FitConfig, ModelConfig
from rotrain.data.pack import Pack, open_pack
from rotrain.data.sampler import Sampler, plan_phases
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError, Stopped
from rotrain.files import write_atomic, write_json
from rotrain.generate import Sampling, generate
from rotrain.models import count, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.train import checkpoint
from rotrain.train.evaluation import evaluate_stream
from rotrain.train.metrics import MetricsLog
from rotrain.train.optim import Optimizer
from rotrain.train.rundir import RunDir, locked
from rotrain.train.runtime import Machine, choose_machine, keep_freed_memory
from rotrain.train.schedule import LearningRate
from rotrain.train.screen import Screen


@dataclass(frozen=True)
class Plan:
    """A run before it starts: its model, its batches, its learning rate."""

    config: FitConfig
    model: ModelConfig
    pack: Pack
    sampler: Sampler
    rate: LearningRate

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        return self.rate.steps

    @property
    def tokens_per_step(self) -> int:
        """Training tokens of a step."""
        return self.config.batch.sequences * self.config.context

    @property
    def run_flops(self) -> float:
        """Operations of the whole run."""
        return count.flops_per_token(self.model) * self.tokens_per_step * self.steps


def make_plan(config: FitConfig) -> Plan:
    """Open the pack and lay out the run. Nothing is written."""
    pack = open_pack(Path(config.data))
    model = model_config(
        config.arch,
        config.size,
        vocab_size=pack.vocab_size,
        context=config.context,
        window=config.window,
        document_end=pack.eos_id if config.document_mask else None,
    )
    batch = config.batch.sequences
    phases = plan_phases(
        pack, context=config.context, batch=batch, steps=config.steps, fractions=config.phase_fractions
    )
    steps = sum(phase.steps for phase in phases)
    sampler = Sampler(phases, context=config.context, batch=batch, seed=config.seed)
    rate = LearningRate(config.schedule, config.optim.lr, steps, last_phase=phases[-1].steps)
    return Plan(config, model, pack, sampler, rate)


def fit(config: FitConfig, screen: Screen, *, must_exist: bool = False) -> dict[str, Any]:
    """Train, or go on training, the run `config` describes; returns its summary.

    An unfinished run in `config.out` continues; a finished one is only reported. `must_exist`
    makes the lack of a run an error. Raises `Stopped` after saving when SIGTERM or SIGINT comes.
    """
    plan = make_plan(config)
    run = RunDir(Path(config.out))
    if must_exist and run.record() is None:
        raise RotrainError(
            "there is no run here to resume", place=run.path, hint="leave --resume out to begin one"
        )
    with locked(run):
        record = run.record()
        if record is not None:
            run.check_same(record, config, plan.pack)
            summary = run.finished()
            if summary is not None:
                screen.say(f"{run.path}: this run is finished ({summary['steps']:,} steps); nothing to do")
                return summary
        keep_freed_memory()
        machine = choose_machine(config.runtime, run_flops=plan.run_flops)
        screen.say(machine.said)
        if record is None:
            run.begin(config, plan.model.model_dump(), plan.pack, machine.describe())
        elif record["machine"] != machine.describe():
            changed = [
                key for key, value in machine.describe().items() if record["machine"].get(key) != value
            ]
            screen.say(f"note: {', '.join(changed)} changed since this run began: the last bits may differ")
        return _Training(plan, run, machine, screen).run_to_end()


class _Training:
    """A run in progress."""

    def __init__(self, plan: Plan, run: RunDir, machine: Machine, screen: Screen) -> None:
        self.plan, self.run, self.machine, self.screen = plan, run, machine, screen
        self.config = plan.config
        self.tokenizer = Tokenizer(run.tokenizer)
        if self.tokenizer.vocab_size > plan.pack.vocab_size:
            raise RotrainError(
                f"the tokenizer has {self.tokenizer.vocab_size} tokens, the manifest says {plan.pack.vocab_size}",
                place=plan.pack.tokenizer_file,
                hint="pack the corpus again",
            )
        lengths = self.tokenizer.byte_lengths()
        self.byte_lengths = np.pad(lengths, (0, plan.pack.vocab_size - len(lengths)))
        platform = kernels.find_platform(machine.device, half=machine.precision == "bf16")
        self.model = Decoder(plan.model, kernels.choose(plan.model.vocab_size, platform))
        self.step = self._restore_weights()
        self.model.to(machine.device)
        self.optimizer = Optimizer(self.model, self.config.optim)
        if self.saved is not None:
            self.optimizer.load(self.saved.optimizer())
        self.compute_loss: Callable[[Tensor, Tensor], Tensor] = self.model.loss
        if machine.compiled:
            self.compute_loss = self.model.compiled_loss()
        shape = (self.config.batch.sequences, self.config.context + 1)
        self.buffer = np.empty(shape, dtype=np.int64)
        self.log = MetricsLog(run.metrics, upto=self.step)

    def _restore_weights(self) -> int:
        checkpoint.clean(self.run.checkpoints)
        self.saved, damaged = checkpoint.newest(self.run.checkpoints)
        for sentence in damaged:
            self.screen.say(f"note: {sentence}; going on from the one before")
        if self.saved is None:
            self.model.init_weights(self.config.seed)
            return 0
        if not damaged:
            checkpoint.retain(self.run.checkpoints, self.config.checkpoint.keep)
        self.model.load_state_dict(self.saved.weights())
        self.screen.say(f"resuming {self.run.path} at step {self.saved.step:,}")
        return self.saved.step

    def run_to_end(self) -> dict[str, Any]:
        """Train the steps that are left, then write what a finished run has."""
        self._introduce()
        try:
            with _stop_signals() as stop:
                self.screen.start(self.step, self.plan.steps)
                self._train(stop)
        finally:
            self.screen.close()
            self.log.close()
        samples = self._write_samples()
        summary = self._summary(samples)
        write_json(self.run.summary, summary)
        return summary

    def _introduce(self) -> None:
        plan, model = self.plan, self.plan.model
        phases = ", ".join(f"{p.phase.name} {p.steps:,} steps" for p in plan.sampler.plans)
        self.screen.say(
            f"model: {model.arch} {self.config.size}, {count.param_count(model):,} parameters, "
            f"{model.layers} layers, width {model.hidden}, context {model.context}, "
            f"{f'window {model.window}, ' if model.window else ''}"
            f"{'' if model.document_end is None else 'documents apart, '}"
            f"vocabulary {model.vocab_size:,}"
        )
        self.screen.say(f"plan: {plan.steps:,} steps of {plan.tokens_per_step:,} tokens: {phases}")
        if self.machine.peak_flops is not None:
            self.screen.say(
                f"MFU = tokens/s x {count.flops_per_token(model):.3g} operations a token "
                f"/ {self.machine.peak_flops:.3g} a second"
            )

    def _train(self, stop: _Stop) -> None:
        every = self.config.evaluation.every
        began, first = time.monotonic(), self.step
        window, window_step = began, self.step
        while self.step < self.plan.steps:
            lr = self.plan.rate.at(self.step + 1)
            phase, epoch = self.plan.sampler.position(self.step)
            loss, norm = self._one_step(lr)
            self.step += 1
            last = self.step == self.plan.steps
            if self.step % self.config.log_every == 0 or last:
                line = {
                    "step": self.step,
                    "tokens": self.step * self.plan.tokens_per_step,
                    "phase": phase,
                    "epoch": epoch,
                    "loss": float(loss),
                    "lr": lr,
                    "grad_norm": float(norm),
                    "flops": self.step * self.plan.tokens_per_step * count.flops_per_token(self.plan.model),
                }
                now = time.monotonic()
                rate = (self.step - window_step) * self.plan.tokens_per_step / (now - window)
                line |= {
                    "seconds": round(self.log.seconds + now - began, 3),
                    "tokens_per_s": round(rate, 1),
                    "mfu": self._mfu(rate),
                }
                self.log.write(line)
                left = (now - began) / (self.step - first) * (self.plan.steps - self.step)
                self.screen.metrics(line, left)
                self._check_finite(loss, norm)
                window, window_step = time.monotonic(), self.step
            if self.step % every == 0 or last:
                scores = self._evaluate()
                seconds = round(self.log.seconds + time.monotonic() - began, 3)
                self.log.write(
                    {
                        "step": self.step,
                        "tokens": self.step * self.plan.tokens_per_step,
                        "eval": scores,
                        "seconds": seconds,
                    }
                )
                self.screen.evaluation(self.step, scores)
                window, window_step = time.monotonic(), self.step
            if self.step % self.config.checkpoint.every == 0 or last or stop.signal:
                self._check_finite(loss, norm)  # a diverged model is never saved
                self._save()
                window, window_step = time.monotonic(), self.step
            if stop.signal and not last:
                raise Stopped(
                    f"at step {self.step:,} of {self.plan.steps:,}; the same command goes on from there",
                    stop.signal,
                )

    def _one_step(self, lr: float) -> tuple[Tensor, Tensor]:
        """One update: the sum of all token losses over the tokens of the batch, in parts."""
        self.plan.sampler.read(self.step, self.buffer)
        batch = torch.from_numpy(self.buffer).to(self.machine.device, non_blocking=True)
        total = torch.zeros((), device=self.machine.device)
        for part in batch.split(self.config.batch.micro):
            with self.machine.autocast():
                loss = self.compute_loss(part[:, :-1], part[:, 1:]) / self.plan.tokens_per_step
            loss.backward()
            total += loss.detach()
        return total, self.optimizer.step(lr)

    def _check_finite(self, loss: Tensor, norm: Tensor) -> None:
        if not (loss.isfinite() and norm.isfinite()):
            raise RotrainError(
                f"step {self.step}: the loss is {float(loss)}, its gradient's norm {float(norm)}: training diverged",
                place=self.run.path,
                hint=f"try a lower rate in a new run, --set optim.lr={self.config.optim.lr / 3:.1g}",
            )

    def _evaluate(self) -> dict[str, dict[str, float | int]]:
        scores = {}
        for phase in self.plan.pack.phases:
            score = evaluate_stream(
                self.model,
                phase.valid,
                self.byte_lengths,
                self.machine,
                context=self.config.context,
                batch=self.config.batch.micro,
                max_tokens=self.config.evaluation.max_tokens,
            )
            if score is not None:
                scores[phase.name] = score
        return scores

    def _save(self) -> None:
        # The metrics of a checkpoint's steps are on the disk before it is.
        self.log.sync()
        weights = dict(self.model.named_parameters())
        checkpoint.save(
            self.run.checkpoints,
            self.step,
            self.plan.model,
            weights,
            self.optimizer.tensors(),
            self.config.checkpoint.keep,
        )

    def _mfu(self, tokens_per_s: float) -> float | None:
        if self.machine.peak_flops is None:
            return None
        return round(tokens_per_s * count.flops_per_token(self.plan.model) / self.machine.peak_flops, 4)

    def _write_samples(self) -> list[dict[str, str]]:
        prompt, length = self.config.evaluation.prompt, self.config.evaluation.sample_tokens
        ids = self.tokenizer.encode(prompt)[: self.config.context - 1]
        samples = []
        for temperature in (0.0, 0.8) if length else ():
            sampling = Sampling(temperature=temperature, seed=self.config.seed)
            text = self.tokenizer.decode(
                generate(self.model, ids, max_tokens=length, eos_id=self.plan.pack.eos_id, sampling=sampling)
            )
            samples.append({"temperature": str(temperature), "prompt": prompt, "text": text})
        lines = [json.dumps({"step": self.step, **sample}, ensure_ascii=False) + "\n" for sample in samples]
        write_atomic(self.run.samples, "".join(lines))
        return samples

    def _summary(self, samples: list[dict[str, str]]) -> dict[str, Any]:
        lines = [json.loads(line) for line in self.run.metrics.read_bytes().splitlines()]
        training = [line for line in lines if "loss" in line]
        evaluations = [line["eval"] for line in lines if "eval" in line]
        return {
            "run": str(self.run.path),
            "arch": self.config.arch,
            "size": self.config.size,
            "parameters": count.param_count(self.plan.model),
            "steps": self.step,
            "tokens": self.step * self.plan.tokens_per_step,
            "first_loss": training[0]["loss"],
            "loss": training[-1]["loss"],
            "eval": evaluations[-1],
            "samples": samples,
            "seconds": lines[-1]["seconds"],
        }


@dataclass
class _Stop:
    """The signal that asked for a stop, 0 while none has."""

    signal: int = 0


class _stop_signals:
    """SIGTERM and Ctrl-C ask the loop to save and stop; a second Ctrl-C stops at once."""

    def __enter__(self) -> _Stop:
        stop = _Stop()

        def ask(number: int, frame: FrameType | None) -> None:
            if stop.signal and number == signal.SIGINT:
                raise KeyboardInterrupt
            stop.signal = number

        self.before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return stop

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
