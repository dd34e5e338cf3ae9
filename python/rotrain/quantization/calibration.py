"""What the matrices of a model read: statistics of their inputs over Romanian training text.

The mean square of each input is llama.cpp's importance. GPTQ needs the whole second moment X'X / n. Both are measured on our
modules, in fp32, so they exist for every architecture. The tied embedding is counted as the output matrix: a look-up
multiplies nothing.
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
from rotrain.errors import RotrainError
from rotrain.models.decoder import Decoder

HEAD = "embed.weight"
TOKENS_AT_ONCE = 2048


@dataclass(frozen=True)
class Calibration:
    """Token sequences of training text.

    Attributes:
        tokens: Token ids (N, context) int64.
        origin: Pack, numbers and hash, for the record.
    """

    tokens: Tensor
    origin: dict[str, Any]


def calibration_tokens(path: Path, model: Decoder, tokenizer_sha256: str, tokens: int) -> Calibration:
    """Read sequences that are spread evenly over the training text of a pack, each phase by its share.

    The sequences depend on the pack and the numbers alone.

    Args:
        path: Pack directory.
        model: The model, for its context.
        tokenizer_sha256: Hash of the model's tokenizer.
        tokens: Tokens to read, about.

    Raises:
        RotrainError: The pack has another tokenizer, or too few tokens.
    """
    pack = open_pack(path)
    _check_tokenizer(pack, tokenizer_sha256)
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


def _check_tokenizer(pack: Pack, sha256: str) -> None:
    if hashlib.sha256(pack.tokenizer_file.read_bytes()).hexdigest() != sha256:
        raise RotrainError(
            "this pack has another tokenizer than the model",
            place=pack.path,
            hint="calibrate with the pack on which the model was trained",
        )


def matrices(model: Decoder) -> dict[str, nn.Linear | nn.Embedding]:
    """Return every module with a matrix to quantize, by the name of its parameter: the tied embedding, then the blocks."""
    found: dict[str, nn.Linear | nn.Embedding] = {HEAD: model.embed}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            found[f"{name}.weight"] = module
    return found


@torch.inference_mode()
def mean_squares(model: Decoder, tokens: Tensor) -> dict[str, Tensor]:
    """Return for each matrix the mean square of each of its inputs, (in,) fp64."""
    return {name: sums / count for name, (sums, count) in _collect(model, tokens, whole=False).items()}


@torch.inference_mode()
def second_moments(model: Decoder, tokens: Tensor) -> dict[str, Tensor]:
    """Return X'X / n (in, in) fp32 for the inputs X (n, in) of each matrix."""
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
