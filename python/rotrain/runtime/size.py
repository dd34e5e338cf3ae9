"""`--size auto`: the size that this machine can train."""

from __future__ import annotations

import torch

# 300m needs 16 bytes for each parameter (weights, gradients, AdamW), and about as much again for the activations of 4
# sequences of 2048 tokens. 12 GB is the least that holds both.
GPU_BYTES_300M = 12 * 10**9


def automatic_size() -> tuple[str, str]:
    """Return the size that this machine can train, and a sentence that says why."""
    if not torch.cuda.is_available():
        return "nano", "size: nano (no CUDA device found)"
    memory = torch.cuda.get_device_properties(0).total_memory
    gigabytes = f"{memory / 1e9:.0f} GB on {torch.cuda.get_device_name(0)}"
    if memory >= GPU_BYTES_300M:
        return "300m", f"size: 300m ({gigabytes})"
    return "nano", f"size: nano ({gigabytes}, and 300m needs {GPU_BYTES_300M / 1e9:.0f})"
