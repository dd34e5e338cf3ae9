"""SwiGLU feed-forward (Shazeer, GLU Variants 2020): `down(silu(gate(x)) * up(x))`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotrain.config import ModelConfig


class SwiGLU(nn.Module):
    """The feed-forward. Gate and up are one matrix, gate rows first: one product of twice the width.

    Args:
        config: Shape of the model.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.hidden, 2 * config.ffn, bias=False)
        self.down = nn.Linear(config.ffn, config.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, h), given (B, T, h)."""
        gate, up = self.gate_up(x).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * up)
        return out

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights: `out_std` is for the matrix that writes into the residual stream."""
        nn.init.normal_(self.gate_up.weight, std=std, generator=generator)
        nn.init.normal_(self.down.weight, std=out_std, generator=generator)
