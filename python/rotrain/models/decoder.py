"""The decoder: embedding, blocks of mixer and feed-forward on a residual stream, tied output.

x = embed(tokens)
for each block:  x = x + mixer(norm(x));  x = x + mlp(norm(x))
logits = embed_matrix @ norm(x)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from rotrain.config import ModelConfig
from rotrain.models import count, kernels
from rotrain.models.attention import Attention
from rotrain.models.kernels import Kernels
from rotrain.models.mixer import Cache
from rotrain.models.mlp import SwiGLU
from rotrain.models.precision import product_dtype
from rotrain.models.rope import rope_table


class Norm(nn.Module):
    """RMSNorm with a learned gain."""

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden))
        self.eps, self.ops = config.norm_eps, ops

    def forward(self, x: Tensor) -> Tensor:
        return self.ops.rms_norm(x, self.weight, self.eps)


class Block(nn.Module):
    """One layer: mixer, then feed-forward, each behind its norm."""

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        self.mixer_norm = Norm(config, ops)
        self.mixer = Attention(config, ops)
        self.mlp_norm = Norm(config, ops)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, start: int, cache: Cache | None) -> Tensor:
        x = x + self.mixer(self.mixer_norm(x), cos, sin, start, cache)
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class DecoderCache:
    """The caches of all layers and the number of positions they hold."""

    def __init__(self, layers: list[Cache], context: int) -> None:
        self.layers, self.context, self.length = layers, context, 0

    def bytes(self) -> int:
        """Bytes of all layers."""
        return sum(layer.bytes() for layer in self.layers)

    def reset(self) -> None:
        """Start a new sequence in the same memory."""
        self.length = 0
        for layer in self.layers:
            layer.reset()


class Decoder(nn.Module):
    """A language model of the shape `config`, computed by `ops` (default: the fast kernels)."""

    def __init__(self, config: ModelConfig, ops: Kernels | None = None) -> None:
        super().__init__()
        self.config = config
        self.ops = ops or kernels.choose(config.vocab_size)
        self.embed = nn.Embedding(config.vocab_size, config.hidden)
        self.blocks = nn.ModuleList(Block(config, self.ops) for _ in range(config.layers))
        self.norm = Norm(config, self.ops)
        cos, sin = rope_table(config.context, config.head_dim, config.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens: Tensor, cache: DecoderCache | None = None) -> Tensor:
        """Normalized last states (B, T, h) of tokens (B, T).

        With a cache the tokens continue what it holds, and it grows by T.
        """
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        if end > self.config.context:
            raise ValueError(f"{end} positions, but the context is {self.config.context}")
        x = self.embed(tokens)
        cos, sin = self._rotations(start, end, product_dtype(x))
        for index, block in enumerate(self._stack()):
            x = block(x, cos, sin, start, None if cache is None else cache.layers[index])
        if cache is not None:
            cache.length = end
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores (..., V) of the next token from states (..., h)."""
        return nn.functional.linear(hidden, self.embed.weight)

    def loss(
        self, tokens: Tensor, labels: Tensor, forward: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """Sum of -ln p(label) in nats over (B, T) tokens and their next tokens.

        `forward` stands in for the model's own, see `compiled_loss`.
        """
        hidden = (forward or self)(tokens)
        return self.ops.loss(hidden.flatten(0, 1), self.embed.weight, labels.flatten())

    def compiled_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """`loss` with the blocks compiled and the loss from their states as it is.

        Compiling the chunked loss too doubled the time of compiling and won 2 % (docs/log.md, train).
        """
        return partial(self.loss, forward=torch.compile(self.forward))

    def new_cache(
        self, batch: int = 1, context: int | None = None, dtype: torch.dtype | None = None
    ) -> DecoderCache:
        """An empty cache for `batch` sequences of at most `context` tokens."""
        context = context or self.config.context
        dtype = dtype or self.embed.weight.dtype
        caches: list[Cache] = [block.mixer.new_cache(batch, context, dtype) for block in self._stack()]
        return DecoderCache(caches, context)

    def init_weights(self, seed: int) -> None:
        """Draw the weights from a seed, on the CPU: the same on every device.

        Matrices are normal with std sqrt(2 / (5 h)) ("small init", Nguyen and Salazar 2019;
        0.0198 at width 1024), so the logits of a fresh tied model have a variance of 2/5 at
        any width and the first loss is ln V + 0.2. The two matrices of a block that write into
        the residual stream are divided by sqrt(2 layers) (GPT-2), so that its variance does
        not grow with depth. Gains are one.
        """
        generator = torch.Generator().manual_seed(seed)
        std = math.sqrt(2 / (5 * self.config.hidden))
        out_std = std / math.sqrt(2 * self.config.layers)
        with torch.no_grad():
            nn.init.normal_(self.embed.weight, std=std, generator=generator)
            for block in self._stack():
                block.mixer.init_weights(std, out_std, generator)
                nn.init.normal_(block.mlp.gate_up.weight, std=std, generator=generator)
                nn.init.normal_(block.mlp.down.weight, std=out_std, generator=generator)

    def param_count(self) -> int:
        """Parameters held, the tied matrix once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def flops_per_token(self, context: int | None = None) -> float:
        """See `count.flops_per_token`."""
        return count.flops_per_token(self.config, context)

    def cache_bytes(self, context: int | None = None, bytes_per_value: int = 2) -> int:
        """See `count.cache_bytes`."""
        return count.cache_bytes(self.config, context, bytes_per_value)

    def _stack(self) -> Sequence[Block]:
        # ModuleList forgets the class of its members.
        return cast(Sequence[Block], self.blocks)

    def _rotations(self, start: int, end: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        cos, sin = self.get_buffer("cos"), self.get_buffer("sin")
        return cos[start:end].to(dtype), sin[start:end].to(dtype)
