"""The memory of a training run, counted without training.

The model runs once on PyTorch's `meta` device, which has shapes and no memory. Every tensor that autograd keeps for the
backward pass is counted once.
"""

from __future__ import annotations

import resource
import sys

import torch
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.models import count, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.loss import chunk_tokens


def peak_bytes(device: str) -> int:
    """Return the most memory that this process has held, in bytes: of the GPU for `cuda`, else of the host."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    # In KiB on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def training_bytes(config: ModelConfig, sequences: int) -> dict[str, int]:
    """Return the bytes of a training step by part.

    Args:
        config: Shape of the model.
        sequences: Sequences that go through the model at once.

    Returns:
        `states`: fp32 weights and gradients, and AdamW's two moments. `activations`: those of `sequences` in fp32; bf16
        autocast needs about two thirds of them. `logits`: those that exist at once.
    """
    tokens = sequences * config.context
    # The chunked loss works in one buffer. The plain loss keeps scores, probabilities and their gradient.
    chunked = config.vocab_size >= kernels.CHUNKED_LOSS_VOCAB
    rows = chunk_tokens(tokens, config.vocab_size) if chunked else 3 * tokens
    return {
        "states": 16 * count.param_count(config),
        "activations": _saved_bytes(config, sequences),
        "logits": 4 * rows * config.vocab_size,
    }


def _saved_bytes(config: ModelConfig, sequences: int) -> int:
    with torch.device("meta"):
        model = Decoder(config)
        inputs = torch.zeros(sequences, config.context, dtype=torch.long)
    held: dict[int, tuple[int, object]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Views of one tensor share a storage. A reference to it prevents that its identity is used again.
        held.setdefault(storage._cdata, (storage.nbytes(), storage))
        return tensor

    owned = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(inputs)
    return sum(size for key, (size, _) in held.items() if key not in owned)
