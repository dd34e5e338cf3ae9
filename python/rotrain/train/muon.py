"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal before they move the weights.

`torch.optim.Muon` does the same but always multiplies in bf16, which a CPU without it emulates: a nano step of 0.7 s
took 8 s. Here the products have the type of the run's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Jordan's quintic: steep at 0, and it keeps singular values between 0.7 and 1.2, which serves as well as 1.
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized, times 0.2 sqrt(max(rows, columns)), and decoupled weight decay.

    The factor gives the update the RMS of AdamW's (Liu et al. 2025, "Muon is scalable", section 2.2).
    `products` is the type Newton-Schulz multiplies in. State: `momentum_buffer`, of each (m, n) parameter.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
        momentum: float,
        products: torch.dtype,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.products = products

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move every parameter that has a gradient. A `closure` is not called: gradients are there by then."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                momentum = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(momentum, group["momentum"])
                update = orthogonal(ahead.to(self.products))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-0.2 * math.sqrt(max(parameter.shape)) * group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly U V^T of an (m, n) matrix U S V^T, by Newton-Schulz iterations in its own type."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x: Tensor = wide / wide.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x if wide is matrix else x.T
