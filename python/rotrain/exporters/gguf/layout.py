"""Map our parameters to the tensors of a GGUF file.

A `Piece` is one tensor of the file: a parameter of ours, or some of its rows or columns. It knows which rows or columns. So a
measurement on our matrix, such as the mean squares of its inputs, can be used for the piece too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.models.hf.layout import attention_sizes

Transform = Callable[[Tensor, ModelConfig], Tensor]


@dataclass(frozen=True)
class Piece:
    """A tensor of the file.

    Attributes:
        name: Name of the tensor in the file.
        ours: Name of our parameter.
        matrix: Whether it is a matrix that may be stored in fewer bits. All other tensors stay fp32.
        start: First row (or column) of the parameter.
        size: Number of rows (or columns); 0 for the whole parameter.
        dim: 0 for rows, 1 for columns.
        transform: Function that changes the layout of the values, or None.
    """

    name: str
    ours: str
    matrix: bool = False
    start: int = 0
    size: int = 0
    dim: int = 0
    transform: Transform | None = None

    def extract(self, weights: Mapping[str, Tensor], c: ModelConfig) -> Tensor:
        """Return the tensor of the file, in the dtype of our parameter."""
        parameter = weights[self.ours].detach()
        part = parameter.narrow(self.dim, self.start, self.size) if self.size else parameter
        return (part if self.transform is None else self.transform(part, c)).contiguous()

    def insert(self, weights: Mapping[str, Tensor], values: Tensor, c: ModelConfig) -> None:
        """Write the values of the tensor into our matrix, in place. This is the inverse of `extract`, for matrices."""
        parameter = weights[self.ours]
        part = parameter.narrow(self.dim, self.start, self.size) if self.size else parameter
        with torch.no_grad():
            part.copy_(values if self.transform is None else pair_halves(values, c))


def pieces(c: ModelConfig) -> list[Piece]:
    """Return every tensor of the file, in the order of the file."""
    top = [
        Piece("token_embd.weight", "embed.weight", matrix=True),
        Piece("output_norm.weight", "norm.weight"),
    ]
    if c.norm == "layer":
        top.append(Piece("output_norm.bias", "norm.bias"))
    layers = [
        Piece(
            f"blk.{layer}.{p.name}", f"blocks.{layer}.{p.ours}", p.matrix, p.start, p.size, p.dim, p.transform
        )
        for layer in range(c.layers)
        for p in _layer(c, layer)
    ]
    return top + layers


def _layer(c: ModelConfig, layer: int) -> Iterator[Piece]:
    yield Piece("attn_norm.weight", "mixer_norm.weight")
    if c.parallel:
        yield from _falcon(c)
        return
    yield from _attention(c) if c.mixer(layer) == "attention" else _mamba2()
    if c.mlp == "swiglu":
        yield Piece("ffn_norm.weight", "mlp_norm.weight")
        yield Piece("ffn_gate.weight", "mlp.gate_up.weight", True, 0, c.ffn)
        yield Piece("ffn_up.weight", "mlp.gate_up.weight", True, c.ffn, c.ffn)
        yield Piece("ffn_down.weight", "mlp.down.weight", True)


def _attention(c: ModelConfig) -> Iterator[Piece]:
    start = 0
    for letter, size in zip("qkv", attention_sizes(c), strict=True):
        transform = None if letter == "v" else interleave
        yield Piece(f"attn_{letter}.weight", "mixer.qkv.weight", True, start, size, transform=transform)
        start += size
    yield Piece("attn_output.weight", "mixer.out_proj.weight", True)
    if c.window is not None:
        # This architecture needs one attention sink for each head. e^-1e30 is zero, so it does not change the softmax.
        yield Piece(
            "attn_sinks.weight", "mixer_norm.weight", transform=lambda x, c: torch.full((c.heads,), -1e30)
        )


def _falcon(c: ModelConfig) -> Iterator[Piece]:
    queries, width = c.heads * c.head_dim, sum(attention_sizes(c))
    yield Piece("attn_norm.bias", "mixer_norm.bias")
    yield Piece("attn_qkv.weight", "mixer.in_proj.weight", True, 0, width)
    yield Piece("ffn_up.weight", "mixer.in_proj.weight", True, width, c.ffn)
    yield Piece("attn_output.weight", "mixer.out_proj.weight", True, 0, queries, dim=1)
    yield Piece("ffn_down.weight", "mixer.out_proj.weight", True, queries, c.ffn, dim=1)


def _mamba2() -> Iterator[Piece]:
    yield Piece("ssm_in.weight", "mixer.in_proj.weight", True)
    yield Piece("ssm_conv1d.weight", "mixer.conv_weight", transform=lambda x, c: x.squeeze(1))
    yield Piece("ssm_conv1d.bias", "mixer.conv_bias")
    yield Piece("ssm_dt.bias", "mixer.dt_bias")
    yield Piece("ssm_a", "mixer.A_log", transform=lambda x, c: -x.exp()[:, None])
    yield Piece("ssm_d", "mixer.D", transform=lambda x, c: x[:, None])
    yield Piece("ssm_norm.weight", "mixer.gain", transform=_grouped)
    yield Piece("ssm_out.weight", "mixer.out_proj.weight", True)


def interleave(rows: Tensor, c: ModelConfig) -> Tensor:
    """Reorder the rows of query or key heads, from our rotary pairs (i, i + d/2) to llama.cpp's pairs (2i, 2i + 1)."""
    reordered: Tensor = rows.unflatten(0, (-1, 2, c.head_dim // 2)).transpose(1, 2).flatten(0, 2)
    return reordered


def pair_halves(rows: Tensor, c: ModelConfig) -> Tensor:
    """Reorder the rows of query or key heads back: the inverse of `interleave`."""
    reordered: Tensor = rows.unflatten(0, (-1, c.head_dim // 2, 2)).transpose(1, 2).flatten(0, 2)
    return reordered


def _grouped(gain: Tensor, c: ModelConfig) -> Tensor:
    assert c.ssm is not None
    grouped: Tensor = gain.unflatten(0, (c.ssm.groups, -1))
    return grouped


def check_supported(c: ModelConfig) -> None:
    """Check that llama.cpp has an architecture that computes the model.

    Raises:
        RotrainError: There is none.
    """
    if c.parallel and (c.window is not None or c.heads * c.head_dim != c.hidden or c.kv_heads != 1):
        raise RotrainError(f"no architecture of llama.cpp computes what this {c.arch} does")
    if c.ssm is not None and c.ssm.inner != 2 * c.hidden:
        raise RotrainError(
            f"llama.cpp's Mamba-2 has an inner size of twice the hidden size, and this model has {c.ssm.inner} for {c.hidden}"
        )
    if c.ssm is not None and c.window is not None:
        raise RotrainError("llama.cpp has no hybrid of Mamba-2 and attention in a window")
