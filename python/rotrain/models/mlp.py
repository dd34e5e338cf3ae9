"""SwiGLU feed-forward (Shazeer, GLU Variants 2020): `down(silu(gate(x)) * up(x))`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from rotrain.config import ModelConfig


class SwiGLU(nn.Module):
    """Gate and up are one matrix (gate rows first): one product of twice the width."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.hidden, 2 * config.ffn, bias=False)
        self.down = nn.Linear(config.ffn, config.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * up)
        return out
