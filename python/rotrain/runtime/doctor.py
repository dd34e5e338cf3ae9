"""`check_machine`: what this machine computes with, why, and how exactly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from rotrain.config import Runtime
from rotrain.models import kernels
from rotrain.models.parity import kernel_errors
from rotrain.models.presets import DEFAULT_VOCAB
from rotrain.runtime.device import choose_machine


@dataclass(frozen=True)
class KernelCheck:
    """The implementation of one operation.

    Attributes:
        operation: The operation.
        kernel: Name of its implementation.
        reason: Why it is used, and what the faster ones lack.
        parity_error: Largest difference of output and gradients from the reference, relative to its largest value.
    """

    operation: str
    kernel: str
    reason: str
    parity_error: float


@dataclass(frozen=True)
class MachineCheck:
    """What this machine computes with.

    Attributes:
        torch: Version of PyTorch.
        said: One sentence about device, precision and compilation.
        machine: What the bits of a run depend on.
        kernels: The implementation of each operation.
    """

    torch: str
    said: str
    machine: dict[str, str | int | bool]
    kernels: list[KernelCheck]

    def to_dict(self) -> dict[str, Any]:
        """Return the check, as `rotrain doctor --json` prints it."""
        return asdict(self)


def check_machine(vocab_size: int = DEFAULT_VOCAB) -> MachineCheck:
    """Choose the device and the kernels for this machine, and compare each kernel with its reference.

    Args:
        vocab_size: Entries of the vocabulary, on which the choice of the loss depends.

    Examples:
        >>> check = check_machine(vocab_size=300)
        >>> max(kernel.parity_error for kernel in check.kernels) < 0.02
        True
    """
    machine = choose_machine(Runtime())
    platform = kernels.detect_platform(machine.device, half=machine.precision == "bf16")
    errors = kernel_errors(vocab_size, machine.device, platform)
    return MachineCheck(
        torch=torch.__version__,
        said=machine.said,
        machine=machine.describe(),
        kernels=[
            KernelCheck(operation, name, reason, errors[operation])
            for operation, (name, reason) in kernels.reasons(vocab_size, platform).items()
        ],
    )
