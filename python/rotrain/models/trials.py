"""Run a kernel once before a run depends on it.

A package that is installed may still not run: its binary may be of another PyTorch, a part of it may be missing, or the GPU
may be too new for it. So a kernel is tried on the device, forward and backward, and compared with the portable kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rotrain.errors import RotrainError

# Relative to the largest value. bf16 keeps 8 bits. Kernels multiply fp32 in TF32, which keeps 10.
LIMIT = {torch.bfloat16: 5e-2, torch.float32: 1e-2}


def try_kernel(
    operation: str,
    kernel: Callable[..., Any],
    portable: Callable[..., Any],
    device: torch.device,
    dtype: torch.dtype,
) -> str:
    """Return why a kernel is not used on a device, or an empty string if it ran and was right.

    The sizes are those of a small step of the 300m models, because what an autotuner measures here is kept for the run.

    Args:
        operation: Name of the operation in `kernels.Kernels`.
        kernel: The kernel.
        portable: Another kernel of the same operation.
        device: Where to run both.
        dtype: Type of the activations.

    Examples:
        >>> def broken(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        ...     raise ImportError("libcudart.so.12: cannot open shared object file")
        >>> try_kernel("attention", broken, broken, torch.device("cpu"), torch.float32)
        'ImportError: libcudart.so.12: cannot open shared object file'
    """
    try:
        found = _run(operation, kernel, device, dtype)
        truth = _run(operation, portable, device, dtype)
        # A GPU tells of an error when a result is read.
        distance = max(
            float((a.float() - b.float()).abs().max() / b.float().abs().max().clamp_min(1e-20))
            for a, b in zip(found, truth, strict=True)
        )
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed"
    except torch.OutOfMemoryError:
        raise  # it says nothing about the kernel
    except Exception as error:
        if "illegal memory access" in str(error):
            raise RotrainError(
                f"the kernel {operation} of {getattr(kernel, '__module__', '?')} broke the state of the GPU",
                hint="uninstall the package that has it, or update it",
            ) from error
        # A package of others can fail in any other way, and the run goes on: there is a next kernel.
        first = str(error).strip().partition("\n")[0]
        return f"{type(error).__name__}: {first}" if first else type(error).__name__
    # A comparison with NaN is false.
    return "" if distance <= LIMIT[dtype] else f"its result is off by {distance:.1%} of the largest value"


def _run(
    operation: str, kernel: Callable[..., Any], device: torch.device, dtype: torch.dtype
) -> list[Tensor]:
    """Return the output of a kernel and the gradients of its inputs."""
    inputs, others = _example(operation, device, dtype)
    leaves = [x.requires_grad_() for x in inputs]
    with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        out = kernel(*leaves, *others)
    out = out[0] if isinstance(out, tuple) else out
    weight = torch.linspace(0.5, 1.5, out.numel(), device=device).view(out.shape)
    return [out.detach(), *torch.autograd.grad((out.float() * weight).sum(), leaves)]


def _example(operation: str, device: torch.device, dtype: torch.dtype) -> tuple[list[Tensor], list[Any]]:
    """Return the inputs of an operation, and its further arguments."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int, scale: float = 1.0, to: torch.dtype = dtype) -> Tensor:
        return (scale * torch.randn(shape, generator=generator)).to(device, to)

    if "attention" in operation:
        length = 1024
        inputs = [draw(2, 8, length, 64), draw(2, 2, length, 64), draw(2, 2, length, 64)]
        documents = (torch.arange(length, device=device) // 400).expand(2, -1)
        starts = [0, 400, 800, 1024, 1424, 1824, 2048, 2048]
        ends = torch.tensor(starts, dtype=torch.int32, device=device)
        others: dict[str, list[Any]] = {
            "attention": [],
            "window_attention": [257],
            "document_attention": [documents, None, ends],
        }
        return inputs, others[operation]
    if operation == "scan":
        length, heads, state = 2048, 32, 128
        dt = torch.nn.functional.softplus(draw(1, length, heads, to=torch.float32) - 3)
        rates = -torch.linspace(1, 16, heads, device=device)
        keys = [draw(1, length, 1, state, scale=state**-0.5) for _ in range(2)]
        return [draw(1, length, heads, 64), dt, rates, *keys], [None, None, 128]
    if operation == "loss":
        vocab = 8192
        labels = torch.randint(vocab, (1024,), generator=generator).to(device)
        return [draw(1024, 256), draw(vocab, 256, scale=0.1, to=torch.float32)], [labels]
    raise ValueError(f"no example of {operation}")
