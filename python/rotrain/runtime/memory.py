"""The memory of a training run, counted without training.

On a GPU a step is compiled, and a formula says what it keeps (`activations`). On a CPU the model runs once on tensors that
have shapes and no memory, and every tensor that autograd keeps for the backward pass is counted once.
"""

from __future__ import annotations

import importlib.util
import resource
import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.models import count, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.loss import chunk_tokens
from rotrain.models.loss_cuda import chunk_rows, token_loss_fused
from rotrain.models.platform import Platform
from rotrain.models.scan_mamba_ssm import scan_mamba_ssm
from rotrain.runtime.activations import activation_bytes, cast_bytes

# What a process takes of a GPU beside its tensors: the CUDA context with the code of all kernels, and what the allocator
# holds in blocks that fit nothing. Both are estimates.
CONTEXT_BYTES, ALLOCATOR_SHARE = 600_000_000, 0.06


@dataclass(frozen=True)
class Target:
    """What the memory is counted for.

    Attributes:
        platform: Device, and the kernels that are there.
        compiled: Whether the step is compiled.

    Examples:
        >>> Target(Platform("cuda", (9, 0), half=True), compiled=True).said
        'cuda, bf16, compiled'
    """

    platform: Platform
    compiled: bool

    @property
    def said(self) -> str:
        """Device, precision, and whether the step is compiled."""
        words = [self.platform.device, "bf16" if self.platform.half else "fp32"]
        return ", ".join([*words, "compiled"] if self.compiled else words)


def gpu_target(*, mamba_ssm: bool | None = None) -> Target:
    """Return a recent GPU in bf16 whose kernels all run.

    Args:
        mamba_ssm: Whether that package is there. Default: whether it is installed here.
    """
    if mamba_ssm is None:
        mamba_ssm = importlib.util.find_spec("mamba_ssm") is not None
    failures = {} if mamba_ssm else {("scan", "mamba-ssm"): "mamba_ssm is not installed"}
    return Target(Platform("cuda", (9, 0), half=True, failures=failures), compiled=True)


def peak_bytes(device: str) -> int:
    """Return the most memory that this process has held, in bytes: of the GPU for `cuda`, else of the host."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    # In KiB on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def training_bytes(config: ModelConfig, sequences: int, target: Target) -> dict[str, int]:
    """Return the bytes of a training step by part.

    Args:
        config: Shape of the model.
        sequences: Sequences that go through the model at once.
        target: What it is counted for.

    Returns:
        `states`: fp32 weights and gradients, and AdamW's two moments. `activations`: what all layers keep for the backward
        pass, with the bf16 copies of the weights. `logits`: those that exist at once, with what is made of them.

    Examples:
        >>> from rotrain.models.presets import model_config
        >>> parts = training_bytes(model_config("llama-gqa", "300m"), 4, gpu_target(mamba_ssm=False))
        >>> {name: round(size / 1e9, 1) for name, size in parts.items()}
        {'states': 4.8, 'activations': 6.7, 'logits': 0.6}
    """
    platform = target.platform
    if target.compiled and platform.device == "cuda":
        fused = kernels.chosen(config.vocab_size, platform)["scan"].function is scan_mamba_ssm
        activations = activation_bytes(config, sequences, half=platform.half, fused_scan=fused) + cast_bytes(
            config, half=platform.half
        )
    else:
        activations = _kept_bytes(config, sequences, platform)
    return {
        "states": 16 * count.param_count(config),
        "activations": activations,
        "logits": _logit_bytes(config, sequences, platform),
    }


def step_bytes(config: ModelConfig, sequences: int, target: Target) -> int:
    """Return the bytes of a whole training step on a GPU, with what its process takes beside its tensors: an estimate."""
    tensors = sum(training_bytes(config, sequences, target).values())
    return round(tensors * (1 + ALLOCATOR_SHARE)) + CONTEXT_BYTES


def _logit_bytes(config: ModelConfig, sequences: int, platform: Platform) -> int:
    tokens, entries = sequences * config.context, config.vocab_size
    if entries < kernels.CHUNKED_LOSS_VOCAB:
        return 4 * 3 * tokens * entries  # the plain loss: scores, probabilities, their gradient
    narrow = 2 if platform.half else 4
    copy = narrow * entries * config.hidden if platform.half else 0
    if platform.device != "cuda":
        return 4 * chunk_tokens(tokens, entries) * entries
    # The weight's gradient, before it is added to that of the other parts, and the weight in the type of products.
    matrices = 4 * entries * config.hidden + copy
    if kernels.chosen(entries, platform)["loss"].function is token_loss_fused:
        return narrow * chunk_rows(tokens, entries, narrow) * entries + matrices
    wide = 4 if platform.half else 0
    return (narrow + wide) * chunk_tokens(tokens, entries) * entries + matrices


def _kept_bytes(config: ModelConfig, sequences: int, platform: Platform) -> int:
    """Return what autograd keeps when the model runs operation by operation."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    held: dict[int, tuple[int, object]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Views of one tensor share a storage. A reference to it prevents that its identity is used again.
        held.setdefault(storage._cdata, (storage.nbytes(), storage))
        return tensor

    # Fake tensors of the CPU choose the CPU's fused attention. On the `meta` device SDPA would write T x T scores.
    with FakeTensorMode():
        model = Decoder(config, kernels.choose(config.vocab_size, Platform("cpu", half=platform.half)))
        inputs = torch.zeros(sequences, config.context, dtype=torch.long)
        owned = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
        with (
            torch.autocast("cpu", torch.bfloat16, enabled=platform.half),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            model(inputs)
    return sum(size for key, (size, _) in held.items() if key not in owned)
