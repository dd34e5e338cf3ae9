"""`run_benchmark`: choose the variants of models, and measure their speed and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.bench.measure import Settings, bench
from rotrain.errors import RotrainError, UsageError
from rotrain.files import read_record, write_record
from rotrain.progress import Progress
from rotrain.runtime.host import describe_start

ENGINES, VARIANTS = ("torch", "llama.cpp"), ("fp32", "bf16")


@dataclass(frozen=True)
class BenchResult:
    """Speed and memory of variants of models on this machine.

    Attributes:
        rows: One row for each variant: size, loading time, memory, time to first token, prefill and decode.
        ratios: The ratio of the decode speeds of each pair of variants at each depth, and whether they differ.
        machine: The machine that the figures were measured on.
        record: The whole result, see docs/reference/benchmark-results.md.
    """

    rows: list[dict[str, Any]]
    ratios: list[dict[str, Any]]
    machine: dict[str, Any]
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain bench --json` prints it."""
        return self.record


def run_benchmark(
    models: Sequence[str | PathLike[str]],
    *,
    variants: Sequence[str] = ("fp32",),
    engines: Sequence[str] = ENGINES,
    depths: Sequence[int] | None = None,
    new_tokens: int | None = None,
    rounds: int = 10,
    threads: int | None = None,
    device: str = "cpu",
    quick: bool = False,
    wait_minutes: float = 0.0,
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> BenchResult:
    """Measure the size, loading time, memory, time to first token, prefill and decode of models.

    Each round starts each variant in a new process. A turn in which other processes used the machine is repeated, at most twice. A row
    with too many disturbed turns has `contended` set, and its figures may be wrong.

    Args:
        models: Run directories, quantized folders, or GGUF files.
        variants: Precisions in which PyTorch loads a run: fp32, bf16.
        engines: Engines to measure with: torch (runs and folders), llama.cpp (GGUF files).
        depths: Tokens in the sequence before the timed tokens. Default: 0 and half the smallest context, at most 512.
        new_tokens: Tokens to decode in a turn. Default: 32, or fewer for a small context.
        rounds: Minimum number of rounds. More rounds follow until all intervals are within 2 % of the median, up to 3
            times as many.
        threads: CPU threads. Default: all processors.
        device: Device of PyTorch: cpu, cuda, or auto (cuda if there is a GPU).
        quick: Measure only 3 rounds, for a first look. On a machine that stays busy, disturbed turns are not repeated.
        wait_minutes: Time to wait for a quiet machine, all waits together. Then the disturbed figures are measured and marked.
        out: File to write the whole result to (JSON).
        progress: Receives a message for each round.

    Raises:
        UsageError: An option is wrong, or none of the engines can load the models.
        RotrainError: A model cannot be loaded.

    Examples:
        >>> run_benchmark(["runs/llama-mha-nano"], quick=True).rows[0]["bits_per_weight"]  # doctest: +SKIP
        32.0
    """
    progress = progress or Progress()
    specs = choose_variants([Path(model) for model in models], variants, engines)
    smallest_context = min(
        [context for spec in specs if (context := _read_context(Path(spec["model"])))], default=1024
    )
    chosen_depths = (0, min(512, smallest_context // 2)) if depths is None else depths
    if min(chosen_depths) < 0:
        raise UsageError(f"the depth {min(chosen_depths)} is below 0", hint="for example --depths 0,128")
    settings: dict[str, Any] = {
        "depths": tuple(sorted(set(chosen_depths))),
        "new_tokens": new_tokens or max(2, min(32, smallest_context // 4)),
        "device": _resolve_device(device),
        "wait_s": 60.0 * wait_minutes,
    }
    if quick:
        settings |= {"rounds": 3, "most_rounds": 3, "insists": False}
    else:
        settings |= {"rounds": rounds, "most_rounds": 3 * rounds}
    if threads is not None:
        settings["threads"] = threads
    call = describe_start()
    record = bench(specs, Settings(**settings), progress.message) | {"call": call}
    if out is not None:
        write_record(Path(out), record)
    return BenchResult(record["rows"], record["ratios"], record["machine"], record)


def choose_variants(
    models: Sequence[Path], variants: Sequence[str], engines: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a specification for each variant to measure.

    Args:
        models: Run directories, quantized folders, or GGUF files.
        variants: Precisions in which PyTorch loads a run: fp32, bf16.
        engines: Engines to measure with: torch, llama.cpp.

    Returns:
        Specifications with `model`, `engine` and `variant`.

    Raises:
        UsageError: An engine or a variant is unknown, or none of the engines can load the models.
        RotrainError: A path has no model.
    """
    for name in engines:
        if name not in ENGINES:
            raise UsageError(f"there is no engine {name!r}", hint="engines are: torch, llama.cpp")
    for name in variants:
        if name not in VARIANTS:
            raise UsageError(
                f"there is no variant {name!r} of a run",
                hint="variants of a run are: fp32, bf16; for fewer bits, quantize the run",
            )
    specs = []
    for model in models:
        if model.is_file():
            kinds = [("llama.cpp", model.stem)]
        elif (model / "quantization.json").is_file():
            kinds = [("torch", _read_method(model))]
        elif model.is_dir():
            kinds = [("torch", variant) for variant in variants]
        else:
            raise RotrainError(
                "there is no model here", place=model, hint="give a run, a folder, or a GGUF file"
            )
        specs += [{"model": str(model), "engine": e, "variant": v} for e, v in kinds if e in engines]
    if not specs:
        raise UsageError(
            f"none of these models works with {' or '.join(engines)}",
            hint="torch loads runs and folders, llama.cpp loads GGUF files",
        )
    return specs


def _read_method(folder: Path) -> str:
    try:
        return str(read_record(folder / "quantization.json")["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return "quantized"  # loading the model reports the error


def _read_context(model: Path) -> int | None:
    """Return the context of a run or folder from its record. A GGUF file has no limit: llama.cpp continues beyond it."""
    for file, key in (("quantization.json", "model"), ("config.json", "config")):
        try:
            return int(read_record(model / file)[key]["context"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _resolve_device(name: str) -> str:
    if name == "auto":
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
