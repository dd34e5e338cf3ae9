"""The decoder: embedding, blocks of mixer and feed-forward on a residual stream, tied output.

x = embed(tokens)
for each block:  x = x + mixer(norm(x));  x = x + mlp(norm(x))
logits = embed_matrix @ norm(x)

A block without a feed-forward (Mamba-2) and a parallel block (Falcon) have only the first half.
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
from rotrain.models.cuda_kernels import document_attention_varlen
from rotrain.models.documents import document_starts, number_documents
from rotrain.models.kernels import Kernels
from rotrain.models.mamba2 import Mamba2
from rotrain.models.mixer import Cache, Mixer, Positions
from rotrain.models.mlp import SwiGLU
from rotrain.models.parallel import ParallelMixer
from rotrain.models.precision import product_dtype, stream_dtype
from rotrain.models.rope import rope_table

MIXERS: dict[MixerName, Callable[[ModelConfig, Kernels], nn.Module]] = {
    "attention": Attention,
    "mamba2": Mamba2,
}


class Norm(nn.Module):
    """RMSNorm with a learned gain, or LayerNorm with gain and bias.

    Args:
        config: Shape of the model.
        ops: Kernels.
    """

    def __init__(self, config: ModelConfig, ops: Kernels) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden))
        self.bias = nn.Parameter(torch.zeros(config.hidden)) if config.norm == "layer" else None
        self.eps, self.ops = config.norm_eps, ops

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (B, T, h)."""
        if self.bias is None:
            return self.ops.rms_norm(x, self.weight, self.eps)
        return self.ops.layer_norm(x, self.weight, self.bias, self.eps)


class Block(nn.Module):
    """One layer: a mixer, then a feed-forward if the layer has one of its own, each after its norm.

    Args:
        config: Shape of the model.
        ops: Kernels.
        layer: Number of the layer, from 0.
    """

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
        """The mixer, with the interface that the decoder knows."""
        return cast(Mixer, self.mixer)

    def forward(self, x: Tensor, positions: Positions, cache: Cache | None) -> Tensor:
        """Return the stream (B, T, h) after the layer."""
        x = x + self.mixer(self.mixer_norm(x), positions, cache)
        if self.mlp is not None:
            x = x + self.mlp(self.mlp_norm(x))
        return x

    def init_weights(self, std: float, out_std: float, generator: torch.Generator) -> None:
        """Draw the weights of both parts. Gains stay one."""
        self.mix.init_weights(std, out_std, generator)
        if self.mlp is not None:
            self.mlp.init_weights(std, out_std, generator)


class DecoderCache:
    """The caches of all layers.

    Args:
        layers: The cache of each layer.
        context: Most tokens of a sequence.
        documents: Number of the document of each position (B, context + 1), in a model that keeps documents apart; not
            counted in `bytes`.

    Attributes:
        length: Positions in the cache.
    """

    def __init__(self, layers: list[Cache], context: int, documents: Tensor | None = None) -> None:
        self.layers, self.context, self.length = layers, context, 0
        self.documents = documents

    def bytes(self) -> int:
        """Return the bytes of all layers."""
        return sum(layer.bytes() for layer in self.layers)

    def reset(self) -> None:
        """Start a new sequence in the same memory."""
        self.length = 0
        for layer in self.layers:
            layer.reset()


class Decoder(nn.Module):
    """A language model.

    Args:
        config: Its shape, see `model_config`.
        ops: Kernels. Default: the fast ones that run anywhere.

    Examples:
        >>> from rotrain.models.presets import model_config
        >>> model = Decoder(model_config("llama-gqa", "nano", vocab_size=300))
        >>> model.init_weights(seed=0)
        >>> tokens = torch.tensor([[0, 5, 7, 9]])
        >>> model.logits(model(tokens)).shape
        torch.Size([1, 4, 300])
        >>> bool(model.loss(tokens[:, :-1], tokens[:, 1:]) > 0)
        True
    """

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

    def forward(
        self, tokens: Tensor, cache: DecoderCache | None = None, starts: Tensor | None = None
    ) -> Tensor:
        """Return the normalized last states.

        Args:
            tokens: Token ids (B, T) int64.
            cache: With a cache the tokens continue what it holds, and it grows by T.
            starts: Where the documents of the tokens start, see `document_starts`. It saves a mask on a GPU.

        Returns:
            States (B, T, h).

        Raises:
            ValueError: There are more positions than the context.
        """
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        if end > self.config.context:
            raise ValueError(f"{end} positions, but the context is {self.config.context}")
        x = self.embed(tokens)
        x = x.to(stream_dtype(x))
        cos, sin = self._rotations(start, end, product_dtype(x))
        positions = Positions(start, cos, sin, self._documents(tokens, cache), starts)
        for index, block in enumerate(self._stack()):
            x = block(x, positions, None if cache is None else cache.layers[index])
        if cache is not None:
            cache.length = end
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the scores of the next token (..., V), given states (..., h)."""
        return nn.functional.linear(hidden, self.embed.weight)

    def document_starts(self, tokens: Tensor) -> Tensor | None:
        """Return where the documents of tokens (B, T) start, or None if no kernel of this model needs that.

        Call it once a batch, outside of compiled code, see `documents.document_starts`.
        """
        if self.config.document_end is None or self.ops.document_attention is not document_attention_varlen:
            return None
        return document_starts(number_documents(tokens, self.config.document_end))

    def loss(self, tokens: Tensor, labels: Tensor, forward: Callable[..., Tensor] | None = None) -> Tensor:
        """Return the sum of -ln p(label) in nats, a scalar.

        Args:
            tokens: Token ids (B, T) int64.
            labels: The token after each of them (B, T) int64.
            forward: Replaces the model's forward pass, see `compiled_loss`.
        """
        hidden = (forward or self)(tokens, starts=self.document_starts(tokens))
        return self.ops.loss(hidden.flatten(0, 1), self.embed.weight, labels.flatten())

    def compiled_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return `loss` with compiled blocks. The loss from their states is not compiled.

        Compiling the chunked loss too doubled the time of compiling and saved 2 % (docs/log/training.md).
        """
        return partial(self.loss, forward=torch.compile(self.forward))

    def new_cache(
        self, batch: int = 1, context: int | None = None, dtype: torch.dtype | None = None
    ) -> DecoderCache:
        """Return an empty cache for `batch` sequences of at most `context` tokens."""
        context = context or self.config.context
        dtype = dtype or self.embed.weight.dtype
        caches = [block.mix.new_cache(batch, context, dtype) for block in self._stack()]
        documents = None
        if self.config.document_end is not None:
            documents = torch.zeros(batch, context + 1, dtype=torch.long, device=self.embed.weight.device)
        return DecoderCache(caches, context, documents)

    def init_weights(self, seed: int) -> None:
        """Draw the weights from a seed, on the CPU: they are the same on every device.

        Matrices are normal with std sqrt(2 / (5 h)) ("small init", Nguyen and Salazar 2019; 0.0198 at width 1024). So the
        logits of a fresh tied model have a variance of 2/5 at any width, and the first loss is ln V + 0.2. The matrices
        that write into the residual stream are divided by the square root of their number (GPT-2), so that the variance
        of the stream does not grow with depth. Gains are one.
        """
        generator = torch.Generator().manual_seed(seed)
        std = math.sqrt(2 / (5 * self.config.hidden))
        writers = self.config.layers * (1 if self.config.mlp == "none" else 2)
        with torch.no_grad():
            nn.init.normal_(self.embed.weight, std=std, generator=generator)
            for block in self._stack():
                block.init_weights(std, std / math.sqrt(writers), generator)

    def decayed(self) -> list[str]:
        """Return the names of the parameters with weight decay: the matrices of the blocks.

        Gains and biases have none, nor have Mamba-2's `A_log`, `D`, `dt_bias` and convolution. The tied embedding has none
        either: a row of it is read rarely, and decay between reads would shrink rare tokens (OLMo 2, section 3.4.1,
        excludes embeddings for stability).
        """
        return [name for name, parameter in self.blocks.named_parameters("blocks") if parameter.ndim == 2]

    def param_count(self) -> int:
        """Return the number of parameters; the tied matrix counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def flops_per_token(self, context: int | None = None) -> float:
        """Return the operations of one training token, see `count.flops_per_token`."""
        return count.flops_per_token(self.config, context)

    def cache_bytes(self, context: int | None = None, bytes_per_value: int = 2) -> int:
        """Return the bytes of the cache of one sequence, see `count.cache_bytes`."""
        return count.cache_bytes(self.config, context, bytes_per_value)

    def _stack(self) -> Sequence[Block]:
        # ModuleList does not know the class of its members.
        return cast(Sequence[Block], self.blocks)

    def _rotations(self, start: int, end: int, dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
        if not self.config.heads:
            return None, None
        cos, sin = self.get_buffer("cos"), self.get_buffer("sin")
        return cos[start:end].to(dtype), sin[start:end].to(dtype)

    def _documents(self, tokens: Tensor, cache: DecoderCache | None) -> Tensor | None:
        """Return how many documents ended before each position (B, start + T), or None."""
        if self.config.document_end is None:
            return None
        if cache is None:
            return number_documents(tokens, self.config.document_end)
        assert cache.documents is not None
        ended = (tokens == self.config.document_end).cumsum(1)
        start, end = cache.length, cache.length + tokens.shape[1]
        cache.documents[:, start + 1 : end + 1] = cache.documents[:, start : start + 1] + ended
        return cache.documents[:, :end]
