"""`--size auto`: the size this machine can train."""

from __future__ import annotations

import torch

# 300m needs 16 bytes a parameter for weights, gradients and AdamW, and about as much again for
# the activations of 4 sequences of 2048: 12 GB is the least that holds both.
GPU_BYTES_300M = 12 * 10**9


def automatic_size() -> tuple[str, str]:
    """The size, and the sentence that says why."""
    if not torch.cuda.is_available():
        return "nano", "size: nano (no CUDA device found)"
    memory = torch.cuda.get_device_properties(0).total_memory
    gigabytes = f"{memory / 1e9:.0f} GB on {torch.cuda.get_device_name(0)}"
    if memory >= GPU_BYTES_300M:
        return "300m", f"size: 300m ({gigabytes})"
    return "nano", f"size: nano ({gigabytes}, and 300m needs {GPU_BYTES_300M / 1e9:.0f})"
