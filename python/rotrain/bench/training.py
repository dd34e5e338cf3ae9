"""`run_training_benchmark`: measure the time and memory of a training step of several architectures.

Each architecture runs in its own process, so its peak memory does not include the others. The processes run one after the
other, so each has the whole device. On a CPU, a step in which other processes used the processors is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.bench.guard import FOREIGN_LIMIT, STEAL_LIMIT
from rotrain.bench.measure import MAX_TRIES
from rotrain.bench.process import Worker
from rotrain.bench.statistics import percentiles, summary
from rotrain.config import FitConfig
from rotrain.files import write_record
from rotrain.models.presets import DEFAULT_VOCAB
from rotrain.progress import Progress
from rotrain.runtime.host import describe_machine

FORMAT, VERSION = "rotrain-bench-train", 1
FORMULAS = {
    "tokens_per_s": "tokens_per_step / seconds of a step: forward and backward in parts of `micro` sequences, clipping, "
    "the update, to the last operation on the device; median and bootstrap interval over the kept steps",
    "tokens_per_step": "sequences * context",
    "flops_per_token": "6 * parameters of matrices, the tied head included, + 3 * what mixes positions; causal attention "
    "counts (context + 1) / 2 keys per token, a window W at most W of them; docs/reference/training.md has the terms",
    "flops_per_s": "median tokens_per_s * flops_per_token",
    "mfu": "flops_per_s / peak_flops; null where the peak is not known (--set runtime.peak_tflops=N)",
    "peak_flops": "the vendor's dense bf16 peak, by the name of the GPU, or runtime.peak_tflops",
    "peak_bytes": "the most the process held: of the GPU's memory with CUDA (torch.cuda.max_memory_allocated), "
    "else of the host's (resident, imports included; before_bytes is their part)",
    "compile_s": "compiling loss and gradients, with one pass to try them; 0 where nothing is compiled",
    "first_step_s": "the first step, with what is prepared in it",
    "contention": "busy time of /proc/stat less the measured process and this one, in cores; on a CPU a step is kept when "
    f"foreign_cores <= {FOREIGN_LIMIT} and stolen <= {STEAL_LIMIT} (and two ticks), and tried {MAX_TRIES} times at most",
}
Notify = Callable[[str], None]


@dataclass(frozen=True)
class TrainingBenchResult:
    """Time and memory of training steps on this machine.

    Attributes:
        rows: One row for each configuration: tokens per second, MFU, peak memory.
        machine: The machine that the figures were measured on.
        record: The whole result, see docs/reference/benchmark-results.md.
    """

    rows: list[dict[str, Any]]
    machine: dict[str, Any]
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain bench-train --json` prints it."""
        return self.record


def run_training_benchmark(
    configs: Sequence[FitConfig],
    *,
    vocab_size: int = DEFAULT_VOCAB,
    steps: int = 10,
    warm_up: int = 3,
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> TrainingBenchResult:
    """Measure a training step of every configuration: tokens per second, MFU, peak memory. No pack is needed.

    Args:
        configs: Configurations, see `make_config`.
        vocab_size: Entries of the vocabulary.
        steps: Steps to time.
        warm_up: Steps to run before the timed steps. The first of them gives `first_step_s`.
        out: File to write the whole result to (JSON).
        progress: Receives a message for each step.

    Raises:
        RotrainError: A configuration does not fit into memory.

    Examples:
        >>> from rotrain.train.configure import make_config
        >>> config = make_config(arch="llama-gqa", size="nano", settings={"context": 32, "runtime.device": "cpu"})
        >>> result = run_training_benchmark([config], vocab_size=300, steps=2, warm_up=1)
        >>> result.rows[0]["tokens_per_step"]
        256
    """
    notify = (progress or Progress()).message
    rows = [_measure(config, vocab_size, steps, warm_up, notify) for config in configs]
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "machine": describe_machine(),
        "settings": {"vocab_size": vocab_size, "steps": steps, "warm_up": warm_up},
        "formulas": FORMULAS,
        "rows": rows,
    }
    if out is not None:
        write_record(Path(out), record)
    return TrainingBenchResult(rows, record["machine"], record)


def _measure(config: FitConfig, vocab_size: int, steps: int, warm_up: int, notify: Notify) -> dict[str, Any]:
    name = f"{config.arch} {config.size}"
    spec = {"model": name, "config": config.model_dump(mode="json"), "vocab_size": vocab_size}
    with Worker(spec, "rotrain.bench.step_worker") as worker:
        facts = worker.ready["facts"]
        notify(f"{name}: {facts['parameters']:,} parameters; {facts.pop('said')}")
        warm_up_steps = [worker.ask() for _ in range(warm_up)]
        notify(
            f"{name}: compiling {facts['compile_s']:.1f} s, first step {warm_up_steps[0]['seconds']:.1f} s"
        )
        is_cpu = facts["machine"]["device"] == "cpu"
        turns = []
        for index in range(steps):
            for _ in range(MAX_TRIES):
                turn = worker.ask()
                if not is_cpu or turn["contention"]["quiet"] is not False:
                    break
            turns.append(turn)
            rate = facts["tokens_per_step"] / turn["seconds"]
            remaining_s = (steps - index - 1) * turn["seconds"]
            notify(f"{name}: step {index + 1} of {steps}, {rate:,.0f} tokens/s, {remaining_s:.0f} s left")
    disturbed = sum(turn["contention"]["quiet"] is False for turn in turns) if is_cpu else 0
    kept = [turn for turn in turns if turn["contention"]["quiet"] is not False] if is_cpu else turns
    if 2 * disturbed > len(turns):
        kept = turns
    rates = summary([facts["tokens_per_step"] / turn["seconds"] for turn in kept])
    flops = rates["median"] * facts["flops_per_token"]
    peak = facts["peak_flops"]
    return {
        **facts,
        "tokens_per_s": rates,
        "step_s": percentiles([turn["seconds"] for turn in kept]),
        "flops_per_s": flops,
        "mfu": flops / peak if peak else None,
        "memory": {
            "peak_bytes": turns[-1]["peak_bytes"],
            "before_bytes": worker.ready["memory_before"] if is_cpu else None,
        },
        "first_step_s": warm_up_steps[0]["seconds"],
        "loss": {"first": warm_up_steps[0]["loss"], "last": turns[-1]["loss"]},
        # The figures of a contended row may be wrong.
        "contended": 2 * disturbed > len(turns),
        "disturbed_steps": disturbed,
        "steps": turns,
    }
