"""`rotrain export`: a trained model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, tell_notes, tell_warnings


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    to: Annotated[str, typer.Option(help="Format: hf (a Hugging Face folder) or gguf (a llama.cpp file).")],
    out: Annotated[Path, typer.Option(help="Folder or file to write; it must not exist.")],
    kind: Annotated[
        str | None,
        typer.Option("--type", help="Type of the matrices of a gguf: f32, f16, bf16. [default: f32]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Write a trained model in another format, and prove that it computes the same.

    A gguf in fewer bits is `rotrain quantize`'s work.

    \b
    Example:
      rotrain export runs/llama-mha-nano --to hf --out exports/llama-mha-nano
      rotrain export runs/llama-mha-nano --to gguf --type bf16 --out exports/llama-mha-nano.gguf
    """
    with app_errors():
        from rotrain.errors import UsageError
        from rotrain.run.load import load_run

        if to not in ("hf", "gguf"):
            raise UsageError(f"there is no format {to!r}", hint="formats are: hf, gguf")
        if to == "hf" and kind is not None:
            raise UsageError("--type is for --to gguf: a Hugging Face folder is fp32")
        trained = load_run(run)
        tell_notes(trained.notes, quiet=quiet)
        if to == "hf":
            from rotrain.exporters.hf import export_hf

            result, engine = export_hf(trained, out), "transformers"
        else:
            from rotrain.exporters.gguf.export import export_gguf

            result, engine = export_gguf(trained, out, kind or "f32"), "llama.cpp"
            tell_warnings(result["notes"], quiet=quiet)
        if json:
            print_json(result)
        if json or quiet:
            return
        print(f"{out}: step {result['step']:,}, {result['bytes']:,} bytes; {_proof(result, engine)}")


def _proof(result: dict[str, Any], engine: str) -> str:
    difference = result.get("max_logit_difference")
    if difference is None:
        return f"not checked: {engine} is not installed"
    limit = result["tolerance"]
    if isinstance(limit, dict):
        if "mean_kl" in limit:
            return f"{engine} loads it; mean KL divergence {result['mean_kl']:.1e} nats (limit {limit['mean_kl']:g})"
        limit = limit["max_logit_difference"]
    return f"{engine} loads it; logits differ by {difference:.1e} at most (limit {limit:g})"
