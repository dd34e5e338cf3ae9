"""Muon (Jordan et al. 2024): the momentum of each matrix is made orthogonal before it changes the weights.

`torch.optim.Muon` does the same, but it always multiplies in bf16, which a CPU without bf16 emulates: a nano step of
0.7 s took 8 s. Here the products have the precision of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from rotrain.runtime.distributed import Distributed
from rotrain.runtime.shards import full_tensor, is_sharded, take_shard

# Jordan's quintic: steep at 0. It keeps singular values between 0.7 and 1.2, which works as well as 1.
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized, times 0.2 sqrt(max(rows, columns)), with decoupled weight decay.

    The factor gives the update the RMS of AdamW's (Liu et al. 2025, "Muon is scalable", section 2.2). The state is one
    `momentum_buffer` for each parameter (m, n).

    Args:
        params: Matrices.
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        momentum: Coefficient of the momentum.
        products: Type in which Newton-Schulz multiplies.
        batched: Whether matrices of one shape are multiplied together. A GPU then starts a few large products in place of
            hundreds of small ones. A CPU gains nothing, and the stack takes memory.
        distributed: The processes of the run. Each one orthogonalizes its share of the matrices of a shape, and sends the
            results to the others.

    Examples:
        >>> weight = nn.Parameter(torch.eye(2))
        >>> optimizer = Muon([weight], lr=0.1, weight_decay=0.0, momentum=0.95, products=torch.float32)
        >>> weight.grad = torch.ones(2, 2)
        >>> optimizer.step()
        >>> bool((weight < torch.eye(2)).all())
        True
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
        momentum: float,
        products: torch.dtype,
        batched: bool = False,
        distributed: Distributed | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.products, self.batched = products, batched
        self.distributed = distributed or Distributed()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Change every parameter that has a gradient. `closure` is not called: the gradients are already there."""
        for group in self.param_groups:
            ready = [parameter for parameter in group["params"] if parameter.grad is not None]
            together = self.batched or self.distributed.size > 1
            for parameters in _together(ready) if together else [[parameter] for parameter in ready]:
                # Shards are gathered for it: one matrix for each process at a time.
                most = self.distributed.size if is_sharded(parameters[0]) else len(parameters)
                for first in range(0, len(parameters), most):
                    self._update(parameters[first : first + most], group)

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Change parameters of one shape."""
        ahead = []
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            momentum = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
            ahead.append(parameter.grad.lerp(momentum, group["momentum"]).to(self.products))
        for parameter, update in zip(parameters, self._orthogonalize(ahead), strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(
                take_shard(update, parameter), alpha=-0.2 * math.sqrt(max(parameter.shape)) * group["lr"]
            )

    def _orthogonalize(self, matrices: list[Tensor]) -> list[Tensor]:
        """Return the updates of matrices of one shape, whole. Several processes share the work."""
        rank, size = self.distributed.rank, self.distributed.size
        whole = [full_tensor(matrix).contiguous() for matrix in matrices]
        mine = whole[rank::size]
        if self.batched and len(mine) > 1:
            done = list(orthogonalize(torch.stack(mine)).unbind())
        else:
            done = [orthogonalize(matrix) for matrix in mine]
        if size == 1:
            return done
        import torch.distributed as dist

        for index, update in enumerate(done):
            whole[rank + index * size] = update.contiguous()
        # Each sends its own, and overwrites what it has of the others'.
        sent = [dist.broadcast(x, src=index % size, async_op=True) for index, x in enumerate(whole)]
        for work in sent:
            assert work is not None  # it is asynchronous
            work.wait()
        return whole


def _together(parameters: list[Tensor]) -> list[list[Tensor]]:
    """Return the parameters by shape and device."""
    by_shape: dict[Any, list[Tensor]] = {}
    for parameter in parameters:
        by_shape.setdefault((parameter.shape, parameter.device), []).append(parameter)
    return list(by_shape.values())


def orthogonalize(matrix: Tensor) -> Tensor:
    """Return nearly U V^T of a matrix (m, n) = U S V^T, by Newton-Schulz iterations in the type of the matrix.

    A stack of matrices (k, m, n) gives the stack of their results, by batched products.
    """
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    if wide.ndim == 3:
        x: Tensor = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
        for _ in range(ITERATIONS):
            gram = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    else:
        x = wide / wide.norm().clamp(min=1e-7)
        for _ in range(ITERATIONS):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x if wide is matrix else x.mT
