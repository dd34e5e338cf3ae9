"""The decoder: embedding, blocks of mixer and feed-forward on a residual stream, tied output.

x = embed(tokens)
for each block:  x = x + mixer(norm(x));  x = x + mlp(norm(x))
logits = embed_matrix @ norm(x)

A block without a feed-forward (Mamba-2) and a parallel one (Falcon) are the first half alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from rotrain.config import MixerName, ModelConfig
from rotrain.models import count, kernels
from rotrain.models.attention import Attention
from rotrain.models.kernels import Kernels
from rotrain.models.mamba2 import Mamba2
from rotrain.models.mixer import Cache, Mixer, Positions
from rotrain.models.mlp import SwiGLU
from rotrain.models.parallel import ParallelMixer
from rotrain.models.precision import product_dtype
from rotrain.models.rope import rope_table

MIXERS: dict[MixerName, Callable[[ModelConfig, Kernels], nn.Module]] = {
    "attention": Attention,
    "mamba2": Mamba2,
}


class Norm(nn.Module):
    """RMSNorm with a learned gain, or LayerNorm with gain and bias."""

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden))
        self.bias = nn.Parameter(torch.zeros(config.hidden)) if config.norm == "layer" else None
        self.eps, self.ops = config.norm_eps, ops

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return self.ops.rms_norm(x, self.weight, self.eps)
        return self.ops.layer_norm(x, self.weight, self.bias, self.eps)


class Block(nn.Module):
    """One layer: mixer, then feed-forward if it has one of its own, each behind its norm."""

    def __init__(self, config: ModelConfig, ops: Kernels, layer: int) -> None:
        super().__init__()
        self.mixer_norm = Norm(config, ops)
        self.mixer = (
            ParallelMixer(config, ops) if config.parallel else MIXERS[config.mixer(layer)](config, ops)
        )
        self.mlp: SwiGLU | None = None
        if config.mlp == "swiglu":
            self.mlp_norm = Norm(config, ops)
            self.mlp = SwiGLU(config)

    @property
    def mix(self) -> Mixer:
        """The mixer by what the decoder knows of it."""
        return cast(Mixer, self.mixer)

    def forward(self, x: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        x = x + self.mixer(self.mixer_norm(x), positions, cache)
        if self.mlp is not None:
            x = x + self.mlp(self.mlp_norm(x))
        return x

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights of both parts; gains stay one."""
        self.mix.init_weights(std, out_std, generator)
        if self.mlp is not None:
            self.mlp.init_weights(std, out_std, generator)


class DecoderCache:
    """The caches of all layers and the number of positions they hold.

    `documents`: (B, context) numbers of the documents of the positions, in a model that keeps
    documents apart; it is not counted in `bytes`.
    """

    def __init__(self, layers: list[Cache], context: int, documents: Tensor | None = None) -> None:
        self.layers, self.context, self.length = layers, context, 0
        self.documents = documents

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
        self.blocks = nn.ModuleList(Block(config, self.ops, layer) for layer in range(config.layers))
        self.norm = Norm(config, self.ops)
        if config.heads:
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
        positions = Positions(start, cos, sin, self._documents(tokens, cache))
        for index, block in enumerate(self._stack()):
            x = block(x, positions, None if cache is None else cache.layers[index])
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
        caches = [block.mix.new_cache(batch, context, dtype) for block in self._stack()]
        documents = None
        if self.config.document_end is not None:
            documents = torch.zeros(batch, context + 1, dtype=torch.long, device=self.embed.weight.device)
        return DecoderCache(caches, context, documents)

    def init_weights(self, seed: int) -> None:
        """Draw the weights from a seed, on the CPU: the same on every device.

        Matrices are normal with std sqrt(2 / (5 h)) ("small init", Nguyen and Salazar 2019;
        0.0198 at width 1024), so the logits of a fresh tied model have a variance of 2/5 at
        any width and the first loss is ln V + 0.2. The matrices that write into the residual
        stream are divided by the root of their number (GPT-2), so that its variance does not
        grow with depth. Gains are one.
        """
        generator = torch.Generator().manual_seed(seed)
        std = math.sqrt(2 / (5 * self.config.hidden))
        writers = self.config.layers * (1 if self.config.mlp == "none" else 2)
        with torch.no_grad():
            nn.init.normal_(self.embed.weight, std=std, generator=generator)
            for block in self._stack():
                block.init_weights(std, std / math.sqrt(writers), generator)

    def decayed(self) -> list[str]:
        """Names of the parameters that weight decay pulls on: the matrices of the blocks.

        Not the gains and biases, not Mamba-2's `A_log`, `D`, `dt_bias` and convolution, and not
        the tied embedding: a row of it is read rarely, and decay between reads would shrink rare
        tokens (OLMo 2, section 3.4.1, takes embeddings out for stability).
        """
        return [name for name, parameter in self.blocks.named_parameters("blocks") if parameter.ndim == 2]

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

    def _rotations(self, start: int, end: int, dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
        if not self.config.heads:
            return None, None
        cos, sin = self.get_buffer("cos"), self.get_buffer("sin")
        return cos[start:end].to(dtype), sin[start:end].to(dtype)

    def _documents(self, tokens: Tensor, cache: DecoderCache | None) -> Tensor | None:
        """(B, start + T): how many documents ended before each position, or None."""
        if self.config.document_end is None:
            return None
        ended = (tokens == self.config.document_end).cumsum(1)
        if cache is None:
            return nn.functional.pad(ended[:, :-1], (1, 0))
        assert cache.documents is not None
        start, end = cache.length, cache.length + tokens.shape[1]
        cache.documents[:, start + 1 : end + 1] = cache.documents[:, start : start + 1] + ended
        return cache.documents[:, :end]
