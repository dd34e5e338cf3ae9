"""`rotrain bench`: how fast and how large variants of models are on this machine."""

from __future__ import annotations

import json as json_library
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    models: Annotated[
        list[Path], typer.Argument(help="Run directories, folders of `rotrain quantize`, GGUF files.")
    ],
    variants: Annotated[str, typer.Option(help="How PyTorch holds a run: fp32, bf16, or both.")] = "fp32",
    engine: Annotated[
        str, typer.Option(help="Which engines measure: torch (runs, folders), llama.cpp (GGUF), or both.")
    ] = "torch,llama.cpp",
    depths: Annotated[
        str | None,
        typer.Option(
            help="Tokens before those that are timed. [default: 0 and half the least context, 512 at most]"
        ),
    ] = None,
    new_tokens: Annotated[
        int | None,
        typer.Option(min=2, help="Tokens decoded in a turn. [default: 32, less in a small context]"),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(min=2, help="Rounds at least; more until intervals are within 2 %, 3 times at most."),
    ] = 10,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads. [default: all processors]")] = None,
    device: Annotated[
        str, typer.Option(help="Where PyTorch computes: cpu, cuda, or auto (cuda where there is one).")
    ] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Few rounds: for a look, not for a table.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the whole result here too (JSON).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the table and errors only.")] = False,
) -> None:
    """Measure size, loading, memory, first token, prefill and decode, each variant in a process of its own.

    Turns in which other processes used the machine are repeated, and what stayed disturbed is said.

    \b
    Example:
      rotrain bench runs/llama-mha-nano --variants fp32,bf16 --quick
      rotrain bench runs/llama-mha-nano llama-mha-q4.gguf llama-mha-gptq --depths 0,128 --out bench.json
    """
    with app_errors():
        from rotrain.bench.measure import Settings, bench
        from rotrain.errors import UsageError
        from rotrain.files import write_json

        specs = specifications(models, variants.split(","), engine.split(","))
        try:
            room = min(
                [context for spec in specs if (context := _context(Path(spec["model"])))], default=1024
            )
            half = f"0,{min(512, room // 2)}"
            wanted = tuple(sorted({int(depth) for depth in (depths or half).split(",")}))
        except ValueError:
            raise UsageError(
                f"--depths takes numbers, not {depths!r}", hint="for example --depths 0,128"
            ) from None
        if min(wanted) < 0:
            raise UsageError("a depth is 0 or more", hint="for example --depths 0,128")
        settings: dict[str, Any] = {
            "depths": wanted,
            "new_tokens": new_tokens or max(2, min(32, room // 4)),
            "device": _device(device),
        }
        settings |= (
            {"rounds": 3, "most_rounds": 3, "cold_starts": 1}
            if quick
            else {"rounds": rounds, "most_rounds": 3 * rounds}
        )
        if threads is not None:
            settings["threads"] = threads

        def say(sentence: str) -> None:
            if not quiet and not json:
                print(sentence, file=sys.stderr)

        result = bench(specs, Settings(**settings), say)
        if out is not None:
            write_json(out, result)
        if json:
            print_json(result)
        else:
            _show(result)


def specifications(models: list[Path], variants: list[str], engines: list[str]) -> list[dict[str, Any]]:
    """A variant a line: what to load, with which engine, how."""
    from rotrain.errors import RotrainError, UsageError

    for name in engines:
        if name not in ("torch", "llama.cpp"):
            raise UsageError(f"there is no engine {name!r}", hint="engines are: torch, llama.cpp")
    for name in variants:
        if name not in ("fp32", "bf16"):
            raise UsageError(
                f"there is no variant {name!r} of a run",
                hint="variants are: fp32, bf16; quantize the run for others",
            )
    specs = []
    for model in models:
        if model.is_file():
            kinds = [("llama.cpp", model.stem)]
        elif (model / "quantization.json").is_file():
            kinds = [("torch", _method(model))]
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


def _method(folder: Path) -> str:
    try:
        return str(json_library.loads((folder / "quantization.json").read_bytes())["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return "quantized"  # what is wrong with it is for loading to say


def _context(model: Path) -> int | None:
    """Positions of a run or folder, by its record; llama.cpp goes on beyond those of a file."""
    for file, key in (("quantization.json", "model"), ("config.json", "config")):
        try:
            return int(json_library.loads((model / file).read_bytes())[key]["context"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _device(name: str) -> str:
    if name == "auto":
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def _show(result: dict[str, Any]) -> None:
    depths = [str(depth) for depth in result["settings"]["depths"]]
    names = [f"{row['variant']} {row['model']}" for row in result["rows"]]
    width = max(len(name) for name in names)
    heads = "".join(f"{'tok/s @' + depth:>20}" for depth in depths)
    print(f"{'':<{width}}  engine       MiB   bits{heads}   first cold   warm ms   peak MiB (own)")
    for name, row in zip(names, result["rows"], strict=True):
        rates = ""
        for depth in depths:
            found = row["decode"][depth]
            half = (found["ci"][1] - found["ci"][0]) / 2
            rate = f"{found['median']:.1f} ± {half:.1f}"
            rates += f"{rate:>20}"
        memory = row["memory"]
        print(
            f"{name:<{width}}  {row['engine']:<9}{row['file_bytes'] / 2**20:>7.1f}{row['bits_per_weight']:>7.2f}{rates}"
            f"{row['ttft_cold']['median']:>11.2f} s{1000 * row['ttft_warm']['median']:>9.1f}"
            f"{row['peak_bytes'] / 2**20:>11.0f} ({memory['anonymous_bytes'] / 2**20:.0f})"
        )
    for name, row in zip(names, result["rows"], strict=True):
        if row["contended"]:
            print(
                f"note: {name}: other processes disturbed {row['disturbed_turns']} of {len(row['turns'])} turns"
            )
    for pair in result["ratios"]:
        a, b = names[pair["a"]], names[pair["b"]]
        low, high = pair["ci"]
        verdict = (
            f"{pair['ratio']:.2f} times ({low:.2f} to {high:.2f})" if pair["differs"] else "no difference"
        )
        print(f"at depth {pair['depth']}: {b} against {a}: {verdict}")
