"""`rotrain export`: write a trained model in a format that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, wait_asleep


def run(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    to: Annotated[str, typer.Option(help="Format: hf (a Hugging Face folder) or gguf (a llama.cpp file).")],
    out: Annotated[Path, typer.Option(help="Folder or file to write. It must not exist.")],
    kind: Annotated[
        str | None,
        typer.Option("--type", help="Type of the matrices in a GGUF file: f32, f16 or bf16. [default: f32]"),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(help="Licence of the weights, such as apache-2.0, for the model card or the metadata."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only errors.")] = False,
) -> None:
    """Write a trained model in another format, and check that it computes the same results.

    For a GGUF file with fewer bits, use `rotrain quantize`.

    \b
    Examples:
      rotrain export runs/llama-mha-nano --to hf --out exports/llama-mha-nano
      rotrain export runs/llama-mha-nano --to gguf --type bf16 --out exports/llama-mha-nano.gguf
    """
    with app_errors():
        wait_asleep()
        from rotrain.cli.display import choose_display
        from rotrain.exporters.export import export

        result = export(
            run, to, out, type=kind, license=license, progress=choose_display(quiet=quiet)
        ).to_dict()
        if json:
            print_json(result)
        if json or quiet:
            return
        engine = "transformers" if to == "hf" else "llama.cpp"
        print(f"{out}: step {result['step']:,}, {result['bytes']:,} bytes; {_describe_check(result, engine)}")


def _describe_check(result: dict[str, Any], engine: str) -> str:
    difference = result.get("max_logit_difference")
    if difference is None:
        return f"not checked: {engine} is not installed"
    limit = result["tolerance"]
    if isinstance(limit, dict):
        if "mean_kl" in limit:
            return f"{engine} loads it; mean KL divergence {result['mean_kl']:.1e} nats (limit {limit['mean_kl']:g})"
        limit = limit["max_logit_difference"]
    return f"{engine} loads it; logits differ by {difference:.1e} at most (limit {limit:g})"
