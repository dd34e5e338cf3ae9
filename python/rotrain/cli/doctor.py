"""`rotrain doctor`: show what this machine computes with, why, and how exactly."""

from __future__ import annotations

from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    vocab_size: Annotated[int, typer.Option(min=2, max=65_536, help="Entries of the vocabulary.")] = 40_000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the device, the implementation of each operation, and its error against the reference.

    \b
    Examples:
      rotrain doctor
    """
    with app_errors():
        from rotrain.runtime.doctor import check_machine

        check = check_machine(vocab_size)
        if json:
            print_json(check.to_dict())
            return
        print(f"torch {check.torch}")
        print(check.said)
        for row in check.kernels:
            print(f"  {row.operation:<20}{row.kernel:<18}error {row.parity_error:.1e}   {row.reason}")
        print(
            "error: the largest difference, of output and gradients, from the written-out reference on the CPU,"
        )
        print(
            "relative to the reference's largest value; fp32, or bf16 for a kernel of 16 bits, on this device."
        )
