"""Which of PyTorch's attention kernels computes full attention on a CUDA device."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from rotrain.models.attention_kernels import attention_sdpa

_FLASH = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
_CUDNN = (SDPBackend.CUDNN_ATTENTION, *_FLASH)


class AttentionBackend(NamedTuple):
    """PyTorch's kernels, the preferred one first, and why it is preferred."""

    order: tuple[SDPBackend, ...]
    why: str


def attention_backend(
    capability: tuple[int, int], *, half: bool, deterministic: bool = False
) -> AttentionBackend:
    """Choose by what a CUDA device can do. It asks no device, so every choice can be tested on any machine.

    Args:
        capability: Compute capability of the device.
        half: Whether products are 16-bit.
        deterministic: Whether the same command must give the same bits.

    Examples:
        >>> attention_backend((9, 0), half=True).order[0].name
        'CUDNN_ATTENTION'
        >>> attention_backend((9, 0), half=True, deterministic=True).order[0].name
        'FLASH_ATTENTION'
    """
    if not half:
        return AttentionBackend(_FLASH[1:], "flash kernels compute in 16 bits only, and this run is fp32")
    if capability < (8, 0):
        return AttentionBackend(_FLASH[1:], "flash kernels need compute capability 8.0")
    if capability[0] not in (9, 10):
        return AttentionBackend(_FLASH, "FlashAttention-2 is made for this GPU")
    if deterministic:
        # FlashAttention pull request 1893, H100, head dimension 128, 8k: backward 166 TFLOP/s, cuDNN 470.
        return AttentionBackend(
            _FLASH, "cuDNN is not deterministic; FlashAttention-2 is, at about a third of its speed backward"
        )
    return AttentionBackend(_CUDNN, "cuDNN uses the tensor cores of this GPU; FlashAttention-2 does not")


def attention_cudnn(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention, by cuDNN where it takes these tensors."""
    with sdpa_kernel(list(_CUDNN), set_priority=True):
        return attention_sdpa(q, k, v)


def attention_flash(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention, by PyTorch's FlashAttention where it takes these tensors."""
    with sdpa_kernel(list(_FLASH), set_priority=True):
        return attention_sdpa(q, k, v)
