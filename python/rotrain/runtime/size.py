"""`--size auto`: the largest size that this machine can train, and the largest micro-batch that a GPU can hold."""

from __future__ import annotations

import torch

from rotrain.config import ModelConfig, Size
from rotrain.models.presets import ARCHS, model_config
from rotrain.runtime.memory import Target, gpu_target, step_bytes

# The architecture for which a size is chosen when none is given; the others of attention take as much.
USUAL_ARCH = "llama-gqa"

# What a display and other programs take of a GPU: an estimate.
OTHERS_BYTES = 500_000_000


def automatic_size(arch: str | None) -> tuple[Size, str]:
    """Return the size that this machine can train, and a sentence that says why.

    Args:
        arch: The architecture; an unknown name is reported elsewhere.
    """
    if not torch.cuda.is_available():
        return "nano", "size: nano (no CUDA device found)"
    memory = torch.cuda.get_device_properties(0).total_memory
    return largest_size(arch, memory, torch.cuda.get_device_name(0), gpu_target())


def largest_size(arch: str | None, memory: int, name: str, target: Target) -> tuple[Size, str]:
    """Return the largest size that fits a GPU with one sequence at a time, and a sentence that says why.

    Args:
        arch: The architecture.
        memory: Bytes of the GPU.
        name: Its name.
        target: What the memory is counted for.

    Examples:
        >>> largest_size("llama-gqa", 12 * 2**30, "a card", gpu_target(mamba_ssm=False))
        ('300m', 'size: 300m (13 GB on a card)')
    """
    known = arch if arch in ARCHS else USUAL_ARCH
    here = f"{memory / 1e9:.0f} GB on {name}"
    passed = ""
    sizes: tuple[Size, ...] = ("300m", "mini")
    for size in sizes:
        needs = step_bytes(model_config(known, size), 1, target) + OTHERS_BYTES
        if needs <= memory:
            return size, f"size: {size} ({here}{passed})"
        passed += f"; {size} of {known} needs {needs / 1e9:.1f} GB"
    return "nano", f"size: nano ({here}{passed})"


def largest_micro(config: ModelConfig, rows: int, memory: int, target: Target) -> int:
    """Return how many of `rows` sequences fit a GPU at once, by the estimate of `step_bytes`; 0 if none does.

    Examples:
        >>> shape = model_config("llama-gqa", "300m")
        >>> [largest_micro(shape, 64, gigabytes * 2**30, gpu_target(mamba_ssm=False)) for gigabytes in (8, 12, 24, 80)]
        [0, 2, 8, 32]
    """
    free = memory - OTHERS_BYTES
    return max((micro for micro in micro_sizes(rows) if step_bytes(config, micro, target) <= free), default=0)


def micro_sizes(rows: int) -> list[int]:
    """Return the sizes of a micro-batch that divide `rows`, each about twice the one before.

    Parts of equal size have one compiled program; a smaller last part would need another.

    Examples:
        >>> micro_sizes(64), micro_sizes(48), micro_sizes(7)
        ([1, 2, 4, 8, 16, 32, 64], [1, 3, 6, 12, 24, 48], [1, 7])
    """
    sizes = [rows]
    while sizes[-1] > 1:
        sizes.append(max(part for part in range(1, sizes[-1] // 2 + 1) if sizes[-1] % part == 0))
    return sizes[::-1]
