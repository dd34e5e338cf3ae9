"""Measure the inputs of every matrix of a model on Romanian training text.

llama.cpp's importance is the mean square of each input. GPTQ needs the full second moment X'X / n. Both are measured on our
modules in fp32, so they exist for every architecture. The tied embedding is measured as the output matrix, because the
lookup of an embedding multiplies nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rotrain.data.pack import Pack, open_pack
from rotrain.data.tokenizer import same_tokenizer
from rotrain.errors import RotrainError
from rotrain.models.decoder import Decoder

HEAD = "embed.weight"
TOKENS_AT_ONCE = 2048


@dataclass(frozen=True)
class Calibration:
    """Token sequences of training text.

    Attributes:
        tokens: Token ids (N, context) int64.
        origin: Pack, sizes and hashes, for the record.
    """

    tokens: Tensor
    origin: dict[str, Any]


def calibration_tokens(path: Path, model: Decoder, tokenizer: Path, tokens: int) -> Calibration:
    """Read sequences that are spread evenly over the training text of a pack.

    Each phase gives sequences in proportion to its tokens. The same pack, context and number of tokens give the same
    sequences. A sequence has the length of the context, at most 1,024 tokens.

    Args:
        path: Pack directory.
        model: The model. Its context is the length of a sequence.
        tokenizer: The model's tokenizer.json.
        tokens: Tokens to read, approximately.

    Raises:
        RotrainError: The pack has another tokenizer, or too few tokens.
    """
    pack = open_pack(path)
    _check_tokenizer(pack, tokenizer)
    context = min(model.config.context, 1024)
    streams = [phase.train for phase in pack.phases if phase.train.tokens > context]
    whole = sum(stream.tokens for stream in streams)
    if not whole:
        raise RotrainError(f"no phase has {context} tokens to calibrate with", place=path)
    rows = []
    for stream in streams:
        count = max(1, round(tokens / context * stream.tokens / whole))
        count = min(count, stream.tokens // context)
        for start in np.linspace(0, stream.tokens - context, count).astype(np.int64).tolist():
            row = np.empty(context, np.int64)
            stream.read(start, row)
            rows.append(row)
    data = np.stack(rows)
    return Calibration(
        torch.from_numpy(data),
        {
            "pack": str(path),
            "pack_sha256": pack.digest,
            "sequences": len(rows),
            "context": context,
            "tokens": int(data.size),
            "tokens_sha256": hashlib.sha256(data.astype("<u2").tobytes()).hexdigest(),
        },
    )


def _check_tokenizer(pack: Pack, tokenizer: Path) -> None:
    if not same_tokenizer(pack.tokenizer_file, tokenizer):
        raise RotrainError(
            "the tokenizer of this pack is not the tokenizer of the model",
            place=pack.path,
            hint="calibrate with the pack that the model was trained on",
        )


def matrices(model: Decoder) -> dict[str, nn.Linear | nn.Embedding]:
    """Return every module that has a matrix to quantize, by the name of its parameter.

    The tied embedding is first. The linear layers of the blocks follow.
    """
    found: dict[str, nn.Linear | nn.Embedding] = {HEAD: model.embed}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            found[f"{name}.weight"] = module
    return found


@torch.inference_mode()
def mean_squares(model: Decoder, tokens: Tensor) -> dict[str, Tensor]:
    """Measure the mean square of each input of each matrix.

    Args:
        model: The model.
        tokens: Token ids (N, T) int64.

    Returns:
        Mean squares (in,) fp64, by name of the matrix.
    """
    return {name: sums / count for name, (sums, count) in _collect(model, tokens, whole=False).items()}


@torch.inference_mode()
def second_moments(model: Decoder, tokens: Tensor) -> dict[str, Tensor]:
    """Measure X'X / n for the inputs X (n, in) of each matrix.

    Args:
        model: The model.
        tokens: Token ids (N, T) int64.

    Returns:
        Second moments (in, in) fp32, by name of the matrix.
    """
    return {
        name: (sums / count).float() for name, (sums, count) in _collect(model, tokens, whole=True).items()
    }


def _collect(model: Decoder, tokens: Tensor, *, whole: bool) -> dict[str, tuple[Tensor, int]]:
    held: dict[str, tuple[Tensor, int]] = {}

    def take(name: str, x: Tensor) -> None:
        rows = x.detach().flatten(0, -2).float()
        found = rows.T @ rows if whole else rows.square().sum(0).double()
        before = held.get(name)
        held[name] = (found, len(rows)) if before is None else (before[0] + found, before[1] + len(rows))

    handles = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: take(name, inputs[0]))
        for name, module in matrices(model).items()
        if name != HEAD
    ]
    try:
        for rows in tokens.split(max(1, TOKENS_AT_ONCE // tokens.shape[1])):
            take(HEAD, model(rows))
    finally:
        for handle in handles:
            handle.remove()
    return held
