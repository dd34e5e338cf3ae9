"""What the choice of a kernel depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Platform:
    """A device as the choice of kernels sees it. It can be written down, so every choice can be tested on any machine.

    Attributes:
        device: Type of the device.
        capability: Compute capability of a CUDA device.
        half: Whether products are 16-bit.
        deterministic: Whether the same command must give the same bits.
        failures: Why a kernel does not run here, by operation and name. What is not in it runs.
    """

    device: str = "cpu"
    capability: tuple[int, int] = (0, 0)
    half: bool = False
    deterministic: bool = False
    failures: Mapping[tuple[str, str], str] = field(default_factory=dict)


def lacks_cpu_fp32(platform: Platform) -> str:
    """Return what a kernel for fp32 products on a CPU lacks on a platform, or nothing."""
    if platform.device != "cpu":
        return "it is for a CPU"
    return "it is for fp32, and this run has 16 bits" if platform.half else ""


def lacks_cuda(platform: Platform) -> str:
    """Return what a kernel of CUDA devices lacks on a platform, or nothing. From Ampere on they have what it takes."""
    if platform.device != "cuda":
        return "no CUDA device"
    return "the GPU's compute capability is under 8.0" if platform.capability < (8, 0) else ""


def lacks_cuda_half(platform: Platform) -> str:
    """Return the same for a kernel that computes in 16 bits only."""
    return lacks_cuda(platform) or (
        "" if platform.half else "it computes in 16 bits only, and this run is fp32"
    )
