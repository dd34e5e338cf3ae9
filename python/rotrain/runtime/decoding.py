"""One token through a model in fixed memory, so that a GPU can record the step once and replay it.

A token of a small model is hundreds of short kernels, and starting them takes longer than they run: the host is the limit. A
recorded step (a CUDA graph) starts them all at once. A recording repeats addresses and sizes, so nothing in it may depend on
a number of the host: the position is a tensor, keys and values are written at a place that it names, attention looks at the
whole cache under a mask, and the next token is drawn on the device.

On a CPU the same step runs without a recording. It gives the tokens of `generate_tokens`, which the tests compare.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotrain.models.attention import SelfAttention
from rotrain.models.cache import KeyValueCache, RingCache
from rotrain.models.decoder import Block, Decoder, DecoderCache
from rotrain.models.mixer import Cache, Positions
from rotrain.models.precision import product_dtype

# A recording is made after a few steps that choose kernels and take memory (PyTorch's notes on CUDA graphs).
WARM_UP = 3


def place_for_decoding(model: Decoder, device: torch.device, *, half: bool) -> None:
    """Move a model to a device; with `half` its matrices become bf16.

    Gains, and Mamba-2's rates and convolution, stay fp32: they are a thousandth of the bytes, and a rate in bf16 decays
    otherwise. Quantized matrices stay as they are. Run such a model inside of `decoding_precision`.
    """
    model.to(device)
    for module in model.modules() if half else ():
        if isinstance(module, nn.Linear | nn.Embedding):
            module.to(torch.bfloat16)


def decoding_precision(model: Decoder) -> contextlib.AbstractContextManager[None]:
    """Return the context of forward passes: autocast for a model whose matrices are bf16, else nothing. It can be entered again."""
    weight = model.embed.weight
    if weight.dtype != torch.bfloat16:
        return contextlib.nullcontext()
    # Autocast's copies of weights would be made inside of a recording and die with it.
    return torch.autocast(weight.device.type, torch.bfloat16, cache_enabled=False)


class _FixedCache:
    """The memory of a cache, written at a position that is on the device."""

    def __init__(self, held: KeyValueCache, position: Tensor) -> None:
        self.store, self.position = held.store, position
        self.slots = held.store.shape[3]
        self.is_ring = isinstance(held, RingCache)

    def extend(self, start: int, keys: Tensor, values: Tensor, *, ordered: bool) -> tuple[Tensor, Tensor]:
        """Write one position, and return the whole memory. `start` is a number of the host, and not used."""
        slot = (self.position % self.slots if self.is_ring else self.position).view(1)
        self.store[0].index_copy_(2, slot, keys.to(self.store.dtype))
        self.store[1].index_copy_(2, slot, values.to(self.store.dtype))
        return self.store[0], self.store[1]

    def bytes(self) -> int:
        """Return the bytes of the memory."""
        return self.store.numel() * self.store.element_size()

    def reset(self) -> None:
        """Do nothing: what was not written is masked."""


class DecodingStep:
    """The step that appends one token to the sequences of a cache.

    Args:
        model: The model. It must see across documents.
        cache: Its cache, with the prompt. The step continues it in its own memory.
        after: What is done with the logits (B, V) of each step, on the device: for example the draw of the next token. Its
            result is kept in one tensor.

    Examples:
        >>> from rotrain.models.presets import model_config
        >>> model = Decoder(model_config("llama-gqa", "nano", vocab_size=300))
        >>> model.init_weights(0)
        >>> cache = model.new_cache(context=8)
        >>> with torch.inference_mode():
        ...     _ = model(torch.tensor([[0, 5]]), cache)
        ...     step = DecodingStep(model, cache, lambda logits: logits.argmax(-1, keepdim=True))
        ...     step(torch.tensor([[7]])).shape
        torch.Size([1, 1])
    """

    def __init__(self, model: Decoder, cache: DecoderCache, after: Callable[[Tensor], Tensor]) -> None:
        if model.config.document_end is not None:
            raise ValueError("a model that separates documents counts them on the host")
        self.model, self.cache, self._after = model, cache, after
        device = model.embed.weight.device
        self.position = torch.zeros((), dtype=torch.long, device=device)
        self._layers = [self._fixed(layer) for layer in cache.layers]
        slots = {layer.slots for layer in self._layers if isinstance(layer, _FixedCache)}
        self._numbers = {count: torch.arange(count, device=device) for count in slots}
        self._seen: dict[int, Tensor] = {}
        self._ops = replace(
            model.ops, attention=self._attend, window_attention=lambda q, k, v, window: self._attend(q, k, v)
        )
        self._token: Tensor | None = None
        self._graph: Any = None
        self._recordable = True
        self._precision = decoding_precision(model)
        self._result: Tensor | None = None
        self._steps = 0

    def __call__(self, token: Tensor) -> Tensor:
        """Append tokens (B, 1) and return what `after` makes of their logits. The next call overwrites it on a GPU.

        Raises:
            ValueError: The cache is full.
        """
        if self.cache.length >= self.cache.context:
            raise ValueError(f"the cache has {self.cache.context} positions, and all are taken")
        if self._token is None:
            self._token = token.clone()
        self._token.copy_(token)
        self.position.fill_(self.cache.length)
        if self._recordable and token.is_cuda and self._steps >= WARM_UP:
            self._recordable = False
            self._record()
        if self._graph is None:
            self._result = self._run()
        else:
            self._graph.replay()
        self._steps += 1
        self.cache.length += 1
        assert self._result is not None
        return self._result

    def _record(self) -> None:
        """Record the step. Where a kernel cannot be recorded, the step stays as it is, and is slower."""
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            # Other threads of the process may use the GPU meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                result = self._run()
        except RuntimeError:
            return
        self._graph, self._result = graph, result

    def _run(self) -> Tensor:
        model = self.model
        # What was written: up to this position, or the whole ring once it is full.
        self._seen = {
            slots: (numbers <= self.position).view(1, 1, 1, slots) for slots, numbers in self._numbers.items()
        }
        with self._precision, self._fixed_attention():
            return self._after(self._logits(model))

    def _logits(self, model: Decoder) -> Tensor:
        x = model.embed(self._token)
        cos = sin = None
        if model.config.heads:
            kind = product_dtype(x)
            here = self.position.view(1)
            cos, sin = (model.get_buffer(name).index_select(0, here).to(kind) for name in ("cos", "sin"))
        positions = Positions(0, cos, sin, None)
        for block, layer in zip(model.blocks, self._layers, strict=True):
            x = block(x, positions, layer)
        return model.logits(model.norm(x)[:, -1])

    def _fixed(self, layer: Cache) -> Cache:
        return cast(Cache, _FixedCache(layer, self.position)) if isinstance(layer, KeyValueCache) else layer

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend to all slots that were written. Their order does not matter to a softmax."""
        grouped = q.shape[1] != k.shape[1]
        mask = self._seen[k.shape[2]]
        out: Tensor = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=grouped)
        return out

    @contextlib.contextmanager
    def _fixed_attention(self) -> Iterator[None]:
        """Let the attention of the model look at the whole cache, for one step."""
        blocks = cast(list[Block], self.model.blocks)
        attending = [cast(SelfAttention, b.mixer.attend) for b in blocks if hasattr(b.mixer, "attend")]
        for one in attending:
            one.ops = self._ops
        try:
            yield
        finally:
            for one in attending:
                one.ops = self.model.ops
