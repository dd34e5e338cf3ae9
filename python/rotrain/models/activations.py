"""What a part of a layer keeps for its backward pass: everything, or what is dear to compute.

A Mamba-2 layer makes wide tensors by cheap passes: the convolution, the gate, the norm. With 300m and eight sequences they
are 17 GB of the 31 GB that a step takes (docs/log/training.md). On a GPU they are computed again from the result of the
first matrix: the passes are the same, so the bits are too. The output of a scan that is one kernel is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)

from rotrain.models import scan_mamba_ssm

# The compiler warns of operations in place. The parts of a Mamba-2 layer have them only in tensors of their own, and tests
# compare the compiled bits.
logging.getLogger("torch._higher_order_ops.wrap").addFilter(
    lambda record: "context_fn is passed to torch.utils.checkpoint" not in record.getMessage()
)


def activations_kept(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """Return `function(*inputs)`; autograd keeps what it wants.

    Examples:
        >>> float(activations_kept(torch.exp, torch.zeros(())))
        1.0
    """
    return function(*inputs)


def activations_recomputed(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """Return the same, and keep the inputs and the outputs of scan kernels only. The backward pass computes the rest again.

    `function` must give the same result each time, and change nothing.

    Examples:
        >>> x = torch.zeros((), requires_grad=True)
        >>> activations_recomputed(torch.exp, x).backward()
        >>> float(x.grad)
        1.0
    """
    if not torch.is_grad_enabled():
        return function(*inputs)
    # Nothing here is random, so no state of a generator is kept.
    result: Tensor = checkpoint(
        function,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=partial(create_selective_checkpoint_contexts, _policy),
    )
    return result


def _policy(context: Any, operator: Any, *args: Any, **words: Any) -> CheckpointPolicy:
    """The compiler calls this for each operation that it traces, and PyTorch for each that it runs."""
    dear = operator is scan_mamba_ssm.OPERATOR
    return CheckpointPolicy.MUST_SAVE if dear else CheckpointPolicy.PREFER_RECOMPUTE
