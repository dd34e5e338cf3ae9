"""The exchange of gradients between processes that hold the whole model each (data parallel).

A gradient is added up over the processes as soon as the backward pass has it, so the exchange of a layer runs while the
layers before it compute (Li et al. 2020). Gradients are exchanged one by one, in the order of the backward pass, the same
in every process. Matrices of 300m have 4 to 23 MB in fp32, which is large enough for one message, and nothing is copied.

PyTorch's DistributedDataParallel does the same with buckets. But when one process runs out of memory in its backward pass,
the others wait for the rest of its gradients for ever. Here that process sends zeros in their place. All learn of the failure
before a weight changes, drop the gradients, and compute the step again in smaller parts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rotrain.runtime.distributed import Distributed


class GradientExchange:
    """Add up the gradients of all processes.

    Args:
        parameters: The parameters, in the order of the forward pass. The main process's values are sent to the others.
        distributed: The processes of the run.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], distributed: Distributed) -> None:
        import torch.distributed as dist

        self.distributed = distributed
        # The tied embedding is the first one, and its gradient is complete last.
        self._order = list(reversed(parameters))
        self._ready: set[int] = set()
        self._started: list[tuple[Any, Tensor]] = []
        self._last_part = False
        for parameter in parameters:
            dist.broadcast(parameter.detach(), src=0)
            parameter.register_post_accumulate_grad_hook(self._note)

    def begin(self) -> None:
        """Start a batch: nothing is exchanged yet."""
        self._ready.clear()
        self._started.clear()

    @contextlib.contextmanager
    def last_part(self) -> Iterator[None]:
        """Return the context of the backward pass after which all gradients of a batch are complete."""
        self._last_part = True
        try:
            yield
        finally:
            self._last_part = False

    def finish(self, *, failed: bool) -> bool:
        """Exchange what is left and wait for all of it. Every process calls this after each batch.

        Args:
            failed: This process has no gradients. What it sends in their place is dropped by all.

        Returns:
            Whether any process failed.
        """
        while len(self._started) < len(self._order):
            self._start()
        for work, _ in self._started:
            work.wait()
        self._started.clear()
        return any(self.distributed.gather(int(failed)))

    def _note(self, parameter: Tensor) -> None:
        """Exchange a gradient when it is there, and those before it in the order are too."""
        if not self._last_part:
            return
        self._ready.add(id(parameter))
        while len(self._started) < len(self._order) and id(self._order[len(self._started)]) in self._ready:
            self._start()

    def _start(self) -> None:
        import torch.distributed as dist

        parameter = self._order[len(self._started)]
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        # The gradient is held until all have it, whatever happens to the parameter's.
        self._started.append((dist.all_reduce(parameter.grad, async_op=True), parameter.grad))
