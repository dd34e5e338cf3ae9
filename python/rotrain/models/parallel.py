"""Falcon's block (Almazrouei et al. 2023, 7B): attention and feed-forward side by side on one norm.

x + attention(norm(x)) + down(gelu(up(norm(x))))

Both read the same input and add to the same stream, so their four matrices are two here: [query key value | up] and
[out | down].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotrain.config import ModelConfig
from rotrain.models.attention import SelfAttention
from rotrain.models.cache import KeyValueCache
from rotrain.models.kernels import Kernels
from rotrain.models.mixer import Cache, Positions


class ParallelMixer(nn.Module):
    """Attention and the GELU feed-forward of one block as one mixer.

    Args:
        config: Shape of the model.
        ops: Kernels.

    Attributes:
        approximate: PyTorch's name for the form of GELU: "none" is the exact form; another engine may need another.
    """

    approximate = "none"

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        self.attend = SelfAttention(config, ops)
        self.ffn = config.ffn
        self.in_proj = nn.Linear(config.hidden, self.attend.width + config.ffn, bias=False)
        self.out_proj = nn.Linear(self.attend.queries + config.ffn, config.hidden, bias=False)

    def forward(self, x: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Mix (B, T, h), see `Mixer`."""
        qkv, up = self.in_proj(x).split((self.attend.width, self.ffn), -1)
        out: Tensor = self.out_proj(
            torch.cat((self.attend(qkv, positions, cache), F.gelu(up, approximate=self.approximate)), -1)
        )
        return out

    def new_cache(self, batch: int, context: int, dtype: torch.dtype) -> KeyValueCache:
        """Return an empty cache, see `Mixer.new_cache`."""
        return self.attend.new_cache(batch, context, dtype, self.in_proj.weight.device)

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights, see `Mixer.init_weights`."""
        nn.init.normal_(self.in_proj.weight, std=std, generator=generator)
        nn.init.normal_(self.out_proj.weight, std=out_std, generator=generator)
