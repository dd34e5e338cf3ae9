"""`run_benchmark`: choose the variants of models and measure them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.bench.measure import Settings, bench
from rotrain.errors import RotrainError, UsageError
from rotrain.files import write_json
from rotrain.progress import Progress

ENGINES, VARIANTS = ("torch", "llama.cpp"), ("fp32", "bf16")


@dataclass(frozen=True)
class BenchResult:
    """How fast and how large variants of models are on this machine.

    Attributes:
        rows: One row for each variant: size, loading, memory, first token, prefill and decode.
        ratios: Each pair of variants at each depth, and whether they differ.
        machine: What the figures were measured on.
        record: The whole result, see docs/bench.md.
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
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> BenchResult:
    """Measure size, loading, memory, first token, prefill and decode, each variant in a process of its own.

    Turns in which other processes used the machine are repeated. The result says which rows stayed disturbed.

    Args:
        models: Run directories, folders of `quantize`, GGUF files.
        variants: How PyTorch holds a run: fp32, bf16.
        engines: Which engines measure: torch (runs, folders), llama.cpp (GGUF).
        depths: Tokens before the timed tokens. Default: 0 and half the smallest context, at most 512.
        new_tokens: Tokens that are decoded in a turn. Default: 32, fewer in a small context.
        rounds: Rounds at least. More follow until intervals are within 2 %, at most 3 times as many.
        threads: Threads. Default: all processors.
        device: Where PyTorch computes: cpu, cuda, or auto (cuda where there is one).
        quick: Measure few rounds, for a first look.
        out: File for the whole result (JSON).
        progress: Receives a message for each round.

    Raises:
        UsageError: An option is wrong, or no model fits the engines.
        RotrainError: A model cannot be loaded.

    Example:
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
        raise UsageError("a depth is 0 or more", hint="for example --depths 0,128")
    settings: dict[str, Any] = {
        "depths": tuple(sorted(set(chosen_depths))),
        "new_tokens": new_tokens or max(2, min(32, smallest_context // 4)),
        "device": _resolve_device(device),
    }
    settings |= (
        {"rounds": 3, "most_rounds": 3, "cold_starts": 1}
        if quick
        else {"rounds": rounds, "most_rounds": 3 * rounds}
    )
    if threads is not None:
        settings["threads"] = threads
    record = bench(specs, Settings(**settings), progress.message)
    if out is not None:
        write_json(Path(out), record)
    return BenchResult(record["rows"], record["ratios"], record["machine"], record)


def choose_variants(
    models: Sequence[Path], variants: Sequence[str], engines: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a specification for each variant: what to load, with which engine, how.

    Raises:
        UsageError: An engine or a variant is unknown, or no model fits the engines.
        RotrainError: There is no model.
    """
    for name in engines:
        if name not in ENGINES:
            raise UsageError(f"there is no engine {name!r}", hint="engines are: torch, llama.cpp")
    for name in variants:
        if name not in VARIANTS:
            raise UsageError(
                f"there is no variant {name!r} of a run",
                hint="variants are: fp32, bf16; quantize the run for others",
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
            f"none of these models is for {' or '.join(engines)}",
            hint="torch reads runs and folders, llama.cpp reads GGUF files",
        )
    return specs


def _read_method(folder: Path) -> str:
    try:
        return str(json.loads((folder / "quantization.json").read_bytes())["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return "quantized"  # loading reports what is wrong with it


def _read_context(model: Path) -> int | None:
    """Return the positions of a run or folder by its record. llama.cpp continues beyond those of a file."""
    for file, key in (("quantization.json", "model"), ("config.json", "config")):
        try:
            return int(json.loads((model / file).read_bytes())[key]["context"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _resolve_device(name: str) -> str:
    if name == "auto":
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
