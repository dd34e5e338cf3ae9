"""`rotrain archs`: list the architectures and their exact sizes."""

from __future__ import annotations

from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    vocab_size: Annotated[int, typer.Option(help="Entries of the vocabulary.")] = 40_000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the architectures: parameters, operations per token, cache bytes.

    \b
    Examples:
      rotrain archs
      rotrain archs --json
    """
    with app_errors():
        from rotrain.models.catalog import list_architectures

        rows = list_architectures(vocab_size)
        if json:
            print_json([row.to_dict() for row in rows])
            return
        print(
            f"{'arch':<14}{'size':<6}{'parameters':>12}{'layers':>8}{'width':>7}{'heads':>7}{'context':>9}{'GFLOP/token':>13}{'cache':>11}"
        )
        for row in rows:
            heads = f"{row.heads}/{row.kv_heads}" if row.heads else "-"
            print(
                f"{row.arch:<14}{row.size:<6}{row.parameters:>12,}{row.layers:>8}{row.hidden:>7}{heads:>7}"
                f"{row.context:>9,}{row.flops_per_token / 1e9:>13.3f}{row.cache_bytes / 2**20:>7.1f} MiB"
            )
        print(
            f"\nvocabulary {vocab_size:,}, tied. heads: queries/keys. GFLOP/token: training, at the context.\n"
            "cache: one sequence of the context in 16-bit values, the state of Mamba-2 in 32."
        )
