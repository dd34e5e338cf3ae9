"""`rotrain quantize`: a trained model in fewer bits."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, tell_notes, tell_warnings


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

        if out is None:
            raise UsageError(
                "no place to write to", hint="add --out FILE.gguf, or --out FOLDER for rtn, hqq, gptq"
            )
        if method is None and target_bpw is None:
            raise UsageError("no method given", hint="add --method q4_k_m, or --target-bpw 4.8")
        progress = Bar(quiet=quiet or json)
        if method in ("rtn", "hqq", "gptq"):
            if imatrix is not None or save_imatrix is not None:
                raise UsageError(f"{method} reads no importance matrix", hint="give --calibrate PACK")
            from rotrain.quantization.torch import quantize_torch
            from rotrain.run.load import load_run

            trained = load_run(model)
            tell_notes(trained.notes, quiet=quiet)
            result = quantize_torch(
                trained,
                out,
                method,
                bits=bits,
                group=group,
                calibrate=calibrate,
                calibration_tokens=calibration_tokens,
                polish=polish,
                target_bpw=target_bpw,
                progress=progress,
            )
        else:
            if polish:
                raise UsageError("--polish is for rtn, hqq and gptq", hint="leave it out")
            result = _gguf(
                model,
                method,
                out,
                calibrate,
                calibration_tokens,
                imatrix,
                save_imatrix,
                target_bpw,
                progress,
                quiet,
            )
        progress.end()
        if json:
            print_json(result)
        elif not quiet:
            _show(result)


def _gguf(
    model: Path,
    name: str | None,
    out: Path,
    calibrate: Path | None,
    tokens: int,
    imatrix: Path | None,
    save_imatrix: Path | None,
    target_bpw: float | None,
    progress: Bar,
    quiet: bool,
) -> dict[str, Any]:
    from rotrain.errors import UsageError
    from rotrain.files import sha256_file
    from rotrain.llamacpp import library
    from rotrain.quantization import gguf, recipes
    from rotrain.quantization.calibration import calibration_tokens, mean_squares
    from rotrain.quantization.imatrix import importance_of, read_imatrix, write_imatrix
    from rotrain.run.load import load_run

    if name is not None:
        recipes.method(name)
        if target_bpw is not None:
            raise UsageError(
                f"{name} has its own bits",
                hint="give --target-bpw without --method, or with rtn, hqq or gptq",
            )
    if calibrate is not None and imatrix is not None:
        raise UsageError("--calibrate and --imatrix say the same thing twice", hint="give one of them")
    library()  # ggml's encoders are in it: better told now than after the calibration
    trained = None
    if model.is_dir() or not model.exists():
        # Without calibration nothing is computed: matrices are read, encoded and written one by one.
        trained = load_run(model, meta=calibrate is None)
        tell_notes(trained.notes, quiet=quiet)
        source = gguf.source_of_run(trained)
    else:
        source = gguf.source_of_gguf(model)
    record: dict[str, Any] = {"calibration": None, "imatrix": None, "target_bpw": target_bpw}
    importance, calibration = None, None
    if calibrate is not None:
        if trained is None:
            raise UsageError("a GGUF file cannot be calibrated here", hint="give the run, or --imatrix FILE")
        sha256 = sha256_file(trained.run.tokenizer)
        calibration = calibration_tokens(calibrate, trained.model, sha256, tokens)
        progress.say(f"calibrating on {calibration.origin['tokens']:,} tokens of {calibrate}")
        importance = importance_of(trained.model.config, mean_squares(trained.model, calibration.tokens))
        record["calibration"] = calibration.origin
        if save_imatrix is not None:
            write_imatrix(save_imatrix, importance, calibration.origin)
    elif imatrix is not None:
        importance = read_imatrix(imatrix)
        record["imatrix"] = {"file": str(imatrix), "sha256": sha256_file(imatrix)}
    elif save_imatrix is not None:
        raise UsageError("there is nothing to save", hint="add --calibrate PACK")
    types = None
    if target_bpw is not None:
        if trained is None or calibration is None or importance is None:
            raise UsageError("--target-bpw measures a run on text", hint="give a run and --calibrate PACK")
        types = gguf.target_types(trained, source, calibration.tokens, importance, target_bpw, progress)
    elif importance is None:
        tell_warnings(
            ["every input counts the same: --calibrate PACK makes low bits better"],
            quiet=quiet or name == "q8_0",
        )
    return gguf.quantize_gguf(
        source, out, name or "target", importance, types=types, progress=progress, record=record
    )


class Bar:
    """One line on a terminal: what is being done, how much of it, and the time left."""

    def __init__(self, *, quiet: bool) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self.quiet, self.begun, self.last = quiet, time.perf_counter(), 0

    def say(self, sentence: str) -> None:
        """A line that stays."""
        if not self.quiet:
            print(sentence, file=sys.stderr)
        self.begun = time.perf_counter()

    def __call__(self, name: str, done: int, whole: int) -> None:
        if done <= self.last:
            self.begun = time.perf_counter()
        self.last = done
        if self.shown:
            spent = time.perf_counter() - self.begun
            left = spent / done * (whole - done)
            print(f"\r\x1b[K{done}/{whole} {name}, {left:.0f} s left", end="", file=sys.stderr, flush=True)

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
