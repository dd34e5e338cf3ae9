"""`rotrain doctor`: what this machine computes with, why, and how exactly."""

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
    Example:
      rotrain doctor
    """
    with app_errors():
        import torch

        from rotrain.config import Runtime
        from rotrain.models import kernels
        from rotrain.models.parity import kernel_errors
        from rotrain.runtime.device import choose_machine

        machine = choose_machine(Runtime())
        platform = kernels.detect_platform(machine.device, half=machine.precision == "bf16")
        errors = kernel_errors(vocab_size, machine.device, platform)
        rows = [
            {"operation": operation, "kernel": name, "reason": reason, "parity_error": errors[operation]}
            for operation, (name, reason) in kernels.reasons(vocab_size, platform).items()
        ]
        if json:
            print_json(
                {
                    "torch": torch.__version__,
                    "said": machine.said,
                    "machine": machine.describe(),
                    "kernels": rows,
                }
            )
            return
        print(f"torch {torch.__version__}")
        print(machine.said)
        for row in rows:
            print(
                f"  {row['operation']:<20}{row['kernel']:<18}error {row['parity_error']:.1e}   {row['reason']}"
            )
        print(
            "error: the largest difference, of output and gradients, from the written-out reference on the CPU,"
        )
        print(
            "relative to the reference's largest value; fp32, or bf16 for a kernel of 16 bits, on this device."
        )
