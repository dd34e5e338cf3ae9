"""`rotrain bench`: measure the speed and memory of models on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    models: Annotated[list[Path], typer.Argument(help="Run directories, quantized folders, or GGUF files.")],
    variants: Annotated[
        str, typer.Option(help="Precisions in which PyTorch loads a run: fp32, bf16, or fp32,bf16.")
    ] = "fp32",
    engine: Annotated[
        str, typer.Option(help="Engines: torch (runs and folders), llama.cpp (GGUF files), or both.")
    ] = "torch,llama.cpp",
    depths: Annotated[
        str | None,
        typer.Option(
            help="Tokens in the sequence before the timed tokens. [default: 0 and half the smallest context, at most 512]"
        ),
    ] = None,
    new_tokens: Annotated[
        int | None,
        typer.Option(min=2, help="Tokens to decode in a turn. [default: 32, or fewer for a small context]"),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            min=2,
            help="Minimum rounds. More follow until all intervals are within 2 %, up to 3 times as many.",
        ),
    ] = 10,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. [default: all processors]")] = None,
    device: Annotated[
        str, typer.Option(help="Device of PyTorch: cpu, cuda, or auto (cuda if there is a GPU).")
    ] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Measure only 3 rounds, for a first look.")] = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0, help="Minutes to wait for a quiet machine. Then disturbed figures are measured and marked."
        ),
    ] = 0.0,
    out: Annotated[Path | None, typer.Option(help="File to write the whole result to (JSON).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the table and errors only.")] = False,
) -> None:
    """Measure the size, loading time, memory, time to first token, prefill and decode of models.

    Each round starts each variant in a new process. A turn in which other processes used the machine is repeated. The output says
    which rows stayed disturbed.

    \b
    Examples:
      rotrain bench runs/llama-mha-nano --variants fp32,bf16 --quick
      rotrain bench runs/llama-mha-nano llama-mha-q4.gguf llama-mha-gptq --depths 0,128 --out bench.json
    """
    with app_errors():
        from rotrain.bench.benchmark import run_benchmark
        from rotrain.cli.display import choose_display

        result = run_benchmark(
            models,
            variants=variants.split(","),
            engines=engine.split(","),
            depths=None if depths is None else _numbers(depths),
            new_tokens=new_tokens,
            rounds=rounds,
            threads=threads,
            device=device,
            quick=quick,
            wait_minutes=wait,
            out=out,
            progress=choose_display(quiet=quiet, messages=not json),
        ).to_dict()
        if json:
            print_json(result)
        else:
            _show(result)


def _numbers(text: str) -> list[int]:
    from rotrain.errors import UsageError

    try:
        return [int(depth) for depth in text.split(",")]
    except ValueError:
        raise UsageError(f"--depths takes numbers, not {text!r}", hint="for example --depths 0,128") from None


def _show(result: dict[str, Any]) -> None:
    depths = [str(depth) for depth in result["settings"]["depths"]]
    names = [f"{row['variant']} {row['model']}" for row in result["rows"]]
    width = max(len(name) for name in names)
    heads = "".join(f"{'tok/s @' + depth:>20}" for depth in depths)
    print(f"{'':<{width}}  engine       MiB   bits{heads}   first cold   warm ms   peak MiB (own)")
    for name, row in zip(names, result["rows"], strict=True):
        rates = ""
        for depth in depths:
            found = row["decode"][depth]["tokens_per_s"]
            half = (found["ci"][1] - found["ci"][0]) / 2
            rate = f"{found['median']:.1f} ± {half:.1f}"
            rates += f"{rate:>20}"
        memory = row["memory"]
        print(
            f"{name:<{width}}  {row['engine']:<9}{row['file_bytes'] / 2**20:>7.1f}{row['bits_per_weight']:>7.2f}{rates}"
            f"{row['ttft_cold_s']['median']:>11.2f} s{1000 * row['ttft_warm_s']['median']:>9.1f}"
            f"{memory['peak_bytes'] / 2**20:>11.0f} ({memory['anonymous_bytes'] / 2**20:.0f})"
        )
    for name, row in zip(names, result["rows"], strict=True):
        if row["contended"]:
            print(
                f"note: {name}: other processes disturbed {row['disturbed_turns']} of {len(row['turns'])} turns"
            )
    for pair in result["ratios"]:
        a, b = names[pair["a"]], names[pair["b"]]
        print(f"at depth {pair['depth']}: {b} against {a}: {verdict(pair, result['rows'])}")


def verdict(pair: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """Return what a pair of variants says. Few rounds and a disturbed machine give a ratio and no verdict.

    Examples:
        >>> pair = {"a": 0, "b": 1, "ratio": 13.41, "ci": [13.38, 13.45], "differs": None}
        >>> rows = [{"contended": False, "turns": [1, 2, 3]}] * 2
        >>> verdict(pair, rows)
        '13.41 times (13.38 to 13.45), no verdict: 3 rounds, and 6 are needed'
        >>> verdict(pair | {"differs": False, "ratio": 1.01, "ci": [0.99, 1.03]}, rows)
        'no difference beyond 2 % (1.01 times, 0.99 to 1.03)'
    """
    from rotrain.bench.statistics import MIN_DIFFERENCE, MIN_ROUNDS

    low, high = pair["ci"]
    times = f"{pair['ratio']:.2f} times"
    if pair["differs"] is None:
        pairs = [rows[pair[side]] for side in ("a", "b")]
        disturbed = any(row["contended"] for row in pairs)
        rounds = min(len(row["turns"]) for row in pairs)
        why = "other programs disturbed it" if disturbed else f"{rounds} rounds, and {MIN_ROUNDS} are needed"
        return f"{times} ({low:.2f} to {high:.2f}), no verdict: {why}"
    if not pair["differs"]:
        return f"no difference beyond {100 * MIN_DIFFERENCE:g} % ({times}, {low:.2f} to {high:.2f})"
    return f"{times} ({low:.2f} to {high:.2f})"
