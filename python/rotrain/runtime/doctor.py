"""`check_machine`: what this machine computes with, why, and how exactly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from rotrain.config import Runtime
from rotrain.models import kernels
from rotrain.models.parity import kernel_errors
from rotrain.models.presets import DEFAULT_VOCAB
from rotrain.runtime.device import Machine, choose_machine
from rotrain.runtime.gpus import measure_tflops, peak_tflops


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
class PeakCheck:
    """What a GPU multiplies at best.

    Attributes:
        name: Its name.
        data_sheet_tflops: Peak by its data sheet in the precision of a run; None for an unknown name.
        measured_tflops: What a large product of matrices reaches here.
    """

    name: str
    data_sheet_tflops: float | None
    measured_tflops: float

    @property
    def said(self) -> str:
        """One sentence about both, with what to do for an unknown GPU.

        Examples:
            >>> PeakCheck("A card", None, 71.23).said
            'peak: A card is not in the list of data sheets; a product of matrices reaches 71.2 TFLOP/s (measured): for the MFU give --set runtime.peak_tflops=71.2'
        """
        measured = f"a product of matrices reaches {self.measured_tflops:.1f} TFLOP/s (measured)"
        if self.data_sheet_tflops is not None:
            return f"peak: {self.data_sheet_tflops:.1f} TFLOP/s by the data sheet; {measured}"
        return (
            f"peak: {self.name} is not in the list of data sheets; {measured}: "
            f"for the MFU give --set runtime.peak_tflops={self.measured_tflops:.1f}"
        )


@dataclass(frozen=True)
class MachineCheck:
    """What this machine computes with.

    Attributes:
        torch: Version of PyTorch.
        said: One sentence about device, precision and compilation.
        machine: What the bits of a run depend on.
        peak: What a GPU multiplies at best; None on a CPU.
        kernels: The implementation of each operation.
    """

    torch: str
    said: str
    machine: dict[str, str | int | bool]
    peak: PeakCheck | None
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
        peak=_check_peak(machine) if machine.device.type == "cuda" else None,
        kernels=[
            KernelCheck(operation, name, reason, errors[operation])
            for operation, (name, reason) in kernels.reasons(vocab_size, platform).items()
        ],
    )


def _check_peak(machine: Machine) -> PeakCheck:
    name = torch.cuda.get_device_name(machine.device)
    known = peak_tflops(name, half=machine.precision == "bf16")
    return PeakCheck(name, known, measure_tflops(machine.device, machine.products))
