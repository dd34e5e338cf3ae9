"""`rotrain quantize`: quantize a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, wait_asleep


def run(
    model: Annotated[Path, typer.Argument(help="Run directory, or a GGUF file with float weights.")],
    method: Annotated[
        str | None,
        typer.Option(
            help="A GGUF type (q8_0, q6_k, q5_k_m, q4_k_m, iq4_xs, q3_k_m, ...), or rtn, hqq, gptq."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File (GGUF) or folder (rtn, hqq, gptq) to write.")] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Pack whose training text is used to measure which inputs matter.")
    ] = None,
    calibration_tokens: Annotated[
        int, typer.Option(min=1024, help="Tokens to read from that pack.")
    ] = 65_536,
    imatrix: Annotated[
        Path | None, typer.Option(help="Importance matrix of llama.cpp, instead of --calibrate. GGUF only.")
    ] = None,
    save_imatrix: Annotated[
        Path | None, typer.Option(help="File to write the importance matrix to. GGUF only.")
    ] = None,
    target_bpw: Annotated[
        float | None,
        typer.Option(min=1, max=32, help="Target in bits per weight. Sensitive matrices get more bits."),
    ] = None,
    bits: Annotated[int, typer.Option(help="Bits of a weight for rtn, hqq, gptq: 8, 6, 5, 4 or 3.")] = 4,
    group: Annotated[
        int, typer.Option(help="Weights that share a scale for rtn, hqq, gptq: 32, 64 or 128.")
    ] = 64,
    polish: Annotated[
        int,
        typer.Option(
            min=0, help="Optimizer steps that distill the float model into the scales, for rtn, hqq, gptq."
        ),
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors.")] = False,
) -> None:
    """Quantize a trained model, embedding and head included.

    A GGUF method writes a file for llama.cpp. rtn, hqq and gptq write a folder that `generate` loads like a run.
    --target-bpw alone chooses a GGUF type for each matrix. With rtn, hqq or gptq it chooses the bits of each matrix.

    \b
    Examples:
      rotrain quantize runs/llama-mha-nano --method q4_k_m --calibrate pack --out llama-mha-q4.gguf
      rotrain quantize runs/llama-mha-nano --target-bpw 4.8 --calibrate pack --out llama-mha-48.gguf
      rotrain quantize runs/mamba2-nano --method gptq --bits 4 --group 64 --calibrate pack --out mamba2-gptq
    """
    with app_errors():
        wait_asleep()
        from rotrain.cli.display import choose_display
        from rotrain.errors import UsageError
        from rotrain.quantization.quantize import quantize

        if out is None:
            raise UsageError(
                "no output is given", hint="add --out FILE.gguf, or --out FOLDER for rtn, hqq, gptq"
            )
        display = choose_display(quiet=quiet, messages=not json)
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
            progress=display,
        ).to_dict()
        display.close()
        if json:
            print_json(result)
        elif not quiet:
            _show(result)


def _show(result: dict[str, Any]) -> None:
    print(
        f"{result['out']}: {result['method']}, {result['bits_per_weight']:.3f} bits per weight, "
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
