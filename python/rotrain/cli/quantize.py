"""`rotrain quantize`: a trained model in fewer bits."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, tell_warnings
from rotrain.progress import Progress


def run(
    model: Annotated[Path, typer.Argument(help="Run directory, or a GGUF file of floats.")],
    method: Annotated[
        str | None,
        typer.Option(
            help="A GGUF type (q8_0, q6_k, q5_k_m, q4_k_m, iq4_xs, q3_k_m, ...), or rtn, hqq, gptq."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File (GGUF) or folder (rtn, hqq, gptq) to write.")] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Pack whose training text tells which inputs matter.")
    ] = None,
    calibration_tokens: Annotated[int, typer.Option(min=1024, help="Tokens of it.")] = 65_536,
    imatrix: Annotated[Path | None, typer.Option(help="An importance matrix of llama.cpp instead.")] = None,
    save_imatrix: Annotated[Path | None, typer.Option(help="Write the importance matrix too.")] = None,
    target_bpw: Annotated[
        float | None, typer.Option(min=1, max=32, help="Bits a weight to meet, by measured sensitivity.")
    ] = None,
    bits: Annotated[int, typer.Option(help="rtn, hqq, gptq: 8, 6, 5, 4 or 3.")] = 4,
    group: Annotated[
        int, typer.Option(help="rtn, hqq, gptq: weights that share a scale, 32, 64 or 128.")
    ] = 64,
    polish: Annotated[
        int,
        typer.Option(min=0, help="rtn, hqq, gptq: steps that teach the scales to answer as the model did."),
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Store a trained model in fewer bits, embedding and head included.

    A GGUF type gives a file for llama.cpp; rtn, hqq and gptq give a folder that `generate` reads as it reads a
    run. --target-bpw alone chooses GGUF types matrix by matrix; with rtn, hqq or gptq it chooses bits.

    \b
    Example:
      rotrain quantize runs/llama-mha-nano --method q4_k_m --calibrate pack --out llama-mha-q4.gguf
      rotrain quantize runs/llama-mha-nano --target-bpw 4.8 --calibrate pack --out llama-mha-48.gguf
      rotrain quantize runs/mamba2-nano --method gptq --bits 4 --group 64 --calibrate pack --out mamba2-gptq
    """
    with app_errors():
        from rotrain.errors import UsageError
        from rotrain.quantization.quantize import quantize

        if out is None:
            raise UsageError(
                "no place to write to", hint="add --out FILE.gguf, or --out FOLDER for rtn, hqq, gptq"
            )
        progress = Bar(quiet=quiet, json=json)
        result = quantize(
            model,
            out,
            method,
            calibrate=calibrate,
            calibration_tokens=calibration_tokens,
            imatrix=imatrix,
            save_imatrix=save_imatrix,
            target_bpw=target_bpw,
            bits=bits,
            group=group,
            polish=polish,
            progress=progress,
        ).to_dict()
        progress.end()
        if json:
            print_json(result)
        elif not quiet:
            _show(result)


class Bar(Progress):
    """One line on a terminal: what is being done, how much of it, and the time left."""

    def __init__(self, *, quiet: bool, json: bool) -> None:
        self.shown = not quiet and not json and sys.stderr.isatty()
        self.quiet, self.silent = quiet, quiet or json
        self.begun, self.last = time.perf_counter(), 0

    def message(self, text: str) -> None:
        if not self.silent:
            print(text, file=sys.stderr)
        self.begun = time.perf_counter()

    def note(self, text: str) -> None:
        tell_warnings([text], quiet=self.quiet)

    def update(self, task: str, done: int, total: int) -> None:
        if done <= self.last:
            self.begun = time.perf_counter()
        self.last = done
        if self.shown:
            spent = time.perf_counter() - self.begun
            left = spent / done * (total - done)
            print(f"\r\x1b[K{done}/{total} {task}, {left:.0f} s left", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Remove the line."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(result: dict[str, Any]) -> None:
    print(
        f"{result['out']}: {result['method']}, {result['bits_per_weight']:.3f} bits a weight, "
        f"{result['file_bytes']:,} bytes, {result['seconds']:.1f} s"
    )
    kinds = ", ".join(f"{kind} {row['tensors']}" for kind, row in result["types"].items())
    classes = ", ".join(f"{name} {size:,}" for name, size in result["bytes_by_class"].items())
    print(f"  tensors: {kinds}")
    print(f"  bytes: {classes}")
    if result.get("kl_before_polish") is not None:
        print(f"  KL divergence: {result['kl_before_polish']:.4f} nats, polished {result['kl']:.4f}")
    elif result.get("kl") is not None:
        print(f"  KL divergence: {result['kl']:.4f} nats")
