"""`rotrain doctor`: show what this machine computes with, why, and how exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotrain.cli.console import app_errors, print_json


def run(
    vocab_size: Annotated[int, typer.Option(min=2, max=1 << 20, help="Entries of the vocabulary.")] = 40_000,
    gpu_report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Print the results of benches/gpu_check.py as a table, and check nothing."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the device, the implementation of each operation, and its error against the reference.

    \b
    Examples:
      rotrain doctor
      rotrain doctor --gpu-report gpu.json
    """
    with app_errors():
        if gpu_report is not None:
            from rotrain.bench.gpu_report import read_gpu_report

            found = read_gpu_report(gpu_report)
            print_json(found.record) if json else print(found.to_markdown())
            return
        from rotrain.runtime.doctor import check_machine

        check = check_machine(vocab_size)
        if json:
            print_json(check.to_dict())
            return
        print(f"torch {check.torch}")
        print(check.said)
        if check.peak is not None:
            print(check.peak.said)
        for row in check.kernels:
            print(f"  {row.operation:<20}{row.kernel:<18}error {row.parity_error:.1e}   {row.reason}")
        print(
            "error: the largest difference, of output and gradients, from the written-out reference on the CPU,"
        )
        print(
            "relative to the reference's largest value; fp32, or bf16 for a kernel of 16 bits, on this device."
        )
