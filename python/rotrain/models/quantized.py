"""Matrices of few bits inside a decoder: codes, and a scale and a zero point for each group of inputs.

weight = (code - zero) * scale,   codes 0 ... 2^bits - 1, groups of neighbouring inputs of one row

The tied embedding is quantized once: a look-up reads rows of it, the head reads all of it. Products are computed on the
dequantized matrix, in the type of the scales. In memory a code takes a byte; on the disk it has its bits (`pack_codes`).

Dequantizing a matrix costs some ten times the product with one token (docs/log). So a model that is only read
dequantizes each matrix once and caches it, if memory allows (`cache_dequantized`): it then decodes as fast as floats and
takes their memory. Otherwise, and while `distill_scales` changes the scales, each product dequantizes its matrix again.
PyTorch's kernels of 4-bit weights were measured and not used: in fp32 they are slower than dequantizing, and in bf16 they
round scales and zero points to 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.models.decoder import Decoder

# Rows that are packed at once: on the way each bit takes a byte.
ROWS = 1024
# The part of the free memory that cached matrices may take: key/value caches and activations need some too.
CACHE_SHARE = 0.5


@dataclass(frozen=True)
class QuantizedMatrix:
    """A quantized matrix.

    Attributes:
        codes: Codes (out, in) uint8.
        scale: Scales (out, in / group) fp32, exact in fp16.
        zero: Zero points (out, in / group) fp32, exact in fp16.
        bits: Bits of a code.

    Examples:
        >>> matrix = QuantizedMatrix(torch.tensor([[0, 3]], dtype=torch.uint8), torch.ones(1, 1), torch.ones(1, 1), 2)
        >>> matrix.weight().tolist(), matrix.bytes
        ([[-1.0, 2.0]], 5)
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor
    bits: int

    @property
    def group(self) -> int:
        """Inputs that share a scale."""
        return self.codes.shape[1] // self.scale.shape[1]

    @property
    def bytes(self) -> int:
        """Bytes on the disk."""
        return quantized_bytes(self.codes.shape[0], self.codes.shape[1], self.bits, self.group)

    def weight(self) -> Tensor:
        """Return the dequantized matrix (out, in) fp32."""
        return dequantize(self.codes, self.scale, self.zero)


def quantized_bytes(rows: int, inputs: int, bits: int, group: int) -> int:
    """Return the bytes of a matrix on the disk: codes, and two 16-bit numbers for each group."""
    return rows * (-(-inputs * bits // 8) + 4 * (inputs // group))


def dequantize(codes: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """Return (code - zero) * scale (..., in) for codes (..., in) and groups (..., in / group), in the type of `scale`."""
    grouped = codes.unflatten(-1, (scale.shape[-1], -1)).to(scale.dtype)
    weight: Tensor = ((grouped - zero[..., None]) * scale[..., None]).flatten(-2)
    return weight


class _Quantized(nn.Module):
    def __init__(self, grid: QuantizedMatrix) -> None:
        super().__init__()
        self.codes: Tensor
        self.register_buffer("codes", grid.codes)
        self.scale, self.zero = nn.Parameter(grid.scale), nn.Parameter(grid.zero)
        self.bits = grid.bits
        self.cached: Tensor | None
        self.register_buffer("cached", None, persistent=False)

    @property
    def weight(self) -> Tensor:
        """The dequantized matrix: the cached one, or a new one at each call."""
        return dequantize(self.codes, self.scale, self.zero) if self.cached is None else self.cached

    def cache_dequantized(self) -> None:
        """Dequantize once and keep the result. The scales are final from here on."""
        self.cached = dequantize(self.codes, self.scale, self.zero).detach()
        self.requires_grad_(False)

    def quantized(self) -> QuantizedMatrix:
        """Return the quantized matrix, with scales and zero points rounded to fp16."""
        scale, zero = (p.detach().half().float() for p in (self.scale, self.zero))
        return QuantizedMatrix(self.codes, scale, zero, self.bits)


class QuantizedLinear(_Quantized):
    """Replaces `nn.Linear` without a bias."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out), given (..., in)."""
        return F.linear(x, self.weight.to(x.dtype))


class QuantizedEmbedding(_Quantized):
    """Replaces `nn.Embedding`; the head uses its `weight` too."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return rows (..., h) of token ids (...)."""
        if self.cached is not None:
            return F.embedding(tokens, self.cached)
        return dequantize(self.codes[tokens], self.scale[tokens], self.zero[tokens])


def replace_matrix(model: Decoder, name: str, grid: QuantizedMatrix) -> None:
    """Replace the module whose parameter is called `name` by a quantized one."""
    path = name.removesuffix(".weight")
    kind = QuantizedEmbedding if path == "embed" else QuantizedLinear
    model.set_submodule(path, kind(grid))


def quantized_matrices(model: Decoder) -> dict[str, QuantizedMatrix]:
    """Return the quantized matrices of a model, by the names of the parameters that they replace."""
    return {
        f"{path}.weight": module.quantized()
        for path, module in model.named_modules()
        if isinstance(module, _Quantized)
    }


def cache_dequantized(model: Decoder, free: int | None) -> str:
    """Dequantize every matrix of a model that is only read, if memory allows it.

    Args:
        model: The model.
        free: Free bytes of the device. None: not known, and nothing is cached.

    Returns:
        The choice, and why.
    """
    modules = [module for module in model.modules() if isinstance(module, _Quantized)]
    needed = sum(module.codes.numel() * module.scale.element_size() for module in modules)
    mib = f"{needed / 2**20:,.0f} MiB"
    if free is None:
        return f"dequantized in every product ({mib} would be cached, and the free memory is not known)"
    if needed > CACHE_SHARE * free:
        return f"dequantized in every product ({mib} would be cached, and {free / 2**20:,.0f} are free)"
    for module in modules:
        module.cache_dequantized()
    return f"dequantized once and cached ({mib} of {free / 2**20:,.0f} free)"


def free_bytes() -> int | None:
    """Return the memory in bytes that new work may take without swapping (Linux; elsewhere None)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def check_not_quantized(model: Decoder, place: object) -> None:
    """Refuse a quantized model where float weights are needed.

    Raises:
        RotrainError: The model is quantized.
    """
    if quantized_matrices(model):
        raise RotrainError(
            "this model is already quantized", place=place, hint="give the run from which it was made"
        )


def pack_codes(codes: Tensor, bits: int) -> Tensor:
    """Pack codes (out, in) into bytes (out, ceil(in * bits / 8)): the bits of each code, highest first, without gaps.

    Examples:
        >>> pack_codes(torch.tensor([[1, 2, 3]], dtype=torch.uint8), bits=2).tolist()  # 01 10 11 00
        [[108]]
    """
    parts = []
    for part in codes.split(ROWS):
        spread = np.unpackbits(part.numpy()[..., None], axis=-1)[..., 8 - bits :]
        parts.append(np.packbits(spread.reshape(len(part), -1), axis=-1))
    return torch.from_numpy(np.concatenate(parts))


def unpack_codes(packed: Tensor, bits: int, inputs: int) -> Tensor:
    """Return the codes (out, inputs) uint8 that `pack_codes` packed."""
    parts = []
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint8)
    for part in packed.split(ROWS):
        spread = np.unpackbits(part.numpy(), axis=-1, count=inputs * bits).reshape(len(part), inputs, bits)
        parts.append((spread * weights).sum(-1, dtype=np.uint8))
    return torch.from_numpy(np.concatenate(parts))


def to_tensors(model: Decoder) -> dict[str, Tensor]:
    """Return the tensors of the file: packed codes, fp16 scales and zero points, everything else fp32."""
    found = quantized_matrices(model)
    out: dict[str, Tensor] = {}
    for name, grid in found.items():
        out[f"{name}.codes"] = pack_codes(grid.codes, grid.bits)
        out[f"{name}.scale"], out[f"{name}.zero"] = grid.scale.half(), grid.zero.half()
    for name, parameter in model.named_parameters():
        owner = name.rpartition(".")[0]
        if f"{owner}.weight" not in found:
            out[name] = parameter.detach().float()
    return out


def from_tensors(c: ModelConfig, bits: dict[str, int], tensors: dict[str, Tensor]) -> Decoder:
    """Return the model that `to_tensors` wrote.

    Args:
        c: Shape of the model.
        bits: Bits of each matrix by name.
        tensors: The tensors of the file.

    Raises:
        RotrainError: A tensor is missing or has another shape.
    """
    model = Decoder(c)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    try:
        for name, width in bits.items():
            inputs = shapes[name][1]
            codes = unpack_codes(tensors[f"{name}.codes"], width, inputs)
            scale, zero = tensors[f"{name}.scale"].float(), tensors[f"{name}.zero"].float()
            if codes.shape != shapes[name] or scale.shape != zero.shape or inputs % scale.shape[1]:
                raise RotrainError(f"{name} is {list(codes.shape)}, not {list(shapes[name])}")
            replace_matrix(model, name, QuantizedMatrix(codes, scale, zero, width))
        plain = {name: tensors[name] for name in shapes if name not in bits}
    except KeyError as error:
        raise RotrainError(f"the tensor {error.args[0]!r} is missing") from None
    model.load_state_dict(plain, strict=False)
    return model
