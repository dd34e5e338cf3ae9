"""Evaluation during training: bits per byte and perplexity on the held-out text of every phase.

    bits per byte = sum of -log2 p(token) / bytes of UTF-8 text of those tokens

The tokens are those of the stream, cut into windows of the context; the last window is shorter. The bytes are those of
the tokens whose loss is counted (`Tokenizer.byte_lengths`), so the figure is exact for any part of the stream. The
end-of-document token counts with its loss and no bytes. A window sees nothing before itself, so the figure is a little
higher than a sliding evaluation of the same model gives.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rotrain.data.pack import TokenStream
from rotrain.runtime.device import Machine
from rotrain.train.micro import FIXED_MICRO
from rotrain.train.plan import Plan


class HasLoss(Protocol):
    """A model, or a `Learner`."""

    def loss(self, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the sum of -ln p(label) in nats over tokens (B, T)."""


@torch.inference_mode()
def evaluate_stream(
    model: HasLoss,
    stream: TokenStream,
    byte_lengths: NDArray[np.int64],
    machine: Machine,
    *,
    context: int,
    batch: int,
    max_tokens: int,
) -> dict[str, float | int] | None:
    """Score the beginning of a stream.

    Args:
        model: The model.
        stream: The tokens.
        byte_lengths: Bytes of text of each token id (V,).
        machine: Device and precision.
        context: Tokens of a window.
        batch: Windows that go through the model at once.
        max_tokens: Labels to score at most.

    Returns:
        bpb, ppl, loss (nats per token), tokens and bytes; None if the stream has no label to predict.
    """
    labels_total = min(stream.tokens - 1, max_tokens)
    if labels_total < 1:
        return None
    buffer = np.empty(labels_total + 1, dtype=np.int64)
    stream.read(0, buffer)
    text_bytes = int(byte_lengths[buffer[1:]].sum())
    tokens = torch.from_numpy(buffer)
    whole = labels_total // context
    nats = 0.0
    for start in range(0, whole, batch):
        count = min(batch, whole - start)
        begin, end = start * context, (start + count) * context
        nats += _loss(
            model,
            tokens[begin:end].view(count, context),
            tokens[begin + 1 : end + 1].view(count, context),
            machine,
        )
    if labels_total % context:
        tail = whole * context
        nats += _loss(model, tokens[None, tail:-1], tokens[None, tail + 1 :], machine)
    return {
        "bpb": nats / (math.log(2) * text_bytes) if text_bytes else math.nan,
        "ppl": math.exp(min(nats / labels_total, 700.0)),
        "loss": nats / labels_total,
        "tokens": labels_total,
        "bytes": text_bytes,
    }


def evaluate_phases(
    model: HasLoss, plan: Plan, byte_lengths: NDArray[np.int64], machine: Machine
) -> dict[str, dict[str, float | int]]:
    """Score the held-out text of every phase, as the configuration of the run says."""
    # A tokenizer may have fewer entries than the rounded vocabulary of its pack.
    lengths = np.pad(byte_lengths, (0, plan.pack.vocab_size - len(byte_lengths)))
    scores = {}
    for phase in plan.pack.phases:
        score = evaluate_stream(
            model,
            phase.valid,
            lengths,
            machine,
            context=plan.config.context,
            batch=FIXED_MICRO if plan.config.batch.micro == "auto" else plan.config.batch.micro,
            max_tokens=plan.config.evaluation.max_tokens,
        )
        if score is not None:
            scores[phase.name] = score
    return scores


def _loss(model: HasLoss, inputs: torch.Tensor, labels: torch.Tensor, machine: Machine) -> float:
    with machine.autocast():
        loss = model.loss(inputs.to(machine.device), labels.to(machine.device))
    return float(loss)
