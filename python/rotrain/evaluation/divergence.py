"""Measure how much the predictions of a variant differ from those of a reference model, token by token.

For each scored token, p is the next-token distribution of the reference, and q is that of the variant:

    KL(p || q) = sum of p ln(p / q), in nats        same top = argmax p is argmax q
    dp = q(label) - p(label), the change of the probability of the right token

llama.cpp's `llama-perplexity --kl-divergence` (tools/perplexity) computes the same figures. It stores the scores of the
reference in a file with 16 bits, which adds an error. Here both models are in memory, and their scores are fp32. Both models
must have the same tokenizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rotrain.errors import RotrainError
from rotrain.evaluation.interval import Interval, ratio
from rotrain.evaluation.lossless import PROBE
from rotrain.evaluation.model import ROWS_AT_ONCE, LanguageModel
from rotrain.evaluation.text import Document, document_windows
from rotrain.evaluation.windows import Window


@dataclass(frozen=True)
class Divergence:
    """The divergence of each scored token.

    Attributes:
        kl: KL divergence in nats (N,).
        same_top: 1 where both models have the same most likely token, else 0 (N,).
        dp: Change of the probability of the label (N,).
        dnats: Change of the nats of the label (N,).
        window_index: Number of the window of each token (N,). Intervals are computed over windows.
    """

    kl: NDArray[np.float64]
    same_top: NDArray[np.float64]
    dp: NDArray[np.float64]
    dnats: NDArray[np.float64]
    window_index: NDArray[np.int64]

    def mean(self, values: NDArray[np.float64], *, most: float | None = None) -> Interval:
        """Return the mean over tokens of one of the attributes (N,), with its interval over windows.

        Args:
            values: The attribute.
            most: The largest possible mean; None for no limit.
        """
        sums: NDArray[np.float64] = np.bincount(self.window_index, weights=values).astype(np.float64)
        return ratio(sums, np.bincount(self.window_index).astype(np.float64), most=most)

    def as_json(self) -> dict[str, object]:
        """Return the figures for a result file, see docs/reference/evaluation-results.md."""
        p50, p90, p99, p999 = (float(x) for x in np.quantile(self.kl, [0.5, 0.9, 0.99, 0.999]))
        rise = self.mean(self.dnats)
        return {
            "tokens": len(self.kl),
            "mean_kl": self.mean(self.kl).as_json(),
            "kl_quantiles": {
                "p50": p50,
                "p90": p90,
                "p99": p99,
                "p99.9": p999,
                "max": float(self.kl.max()),
            },
            "same_top": self.mean(self.same_top, most=1.0).as_json(),
            "perplexity_ratio": {
                key: None if value is None else math.exp(value) for key, value in rise.as_json().items()
            },
            "mean_dp": float(self.dp.mean()),
            "rms_dp": float(np.sqrt(np.mean(self.dp**2))),
        }


def measure_divergence(
    reference: LanguageModel,
    variant: LanguageModel,
    documents: Sequence[Document],
    max_tokens: int,
    advance: Callable[[int], None] = lambda _: None,
) -> Divergence:
    """Compare the predictions of two models on the first tokens of documents.

    Args:
        reference: The model that p comes from.
        variant: The model that q comes from.
        documents: The documents.
        max_tokens: Tokens to compare. The last window is completed, so there can be a few more.
        advance: Called after each window with its number of tokens.

    Raises:
        RotrainError: The tokenizers differ, or there is no text.
    """
    _check_same_tokens(reference, variant)
    context = min(reference.context, variant.context)
    parts: list[NDArray[np.float64]] = []
    window_sizes: list[int] = []
    done = 0
    for document in documents:
        for window in document_windows(reference, document, context):
            if done >= max_tokens:
                break
            p = reference.map_logits([window.inputs], lambda _, logits: logits.clone())[0]
            parts.append(variant.map_logits([window.inputs], _compare(p, window))[0])
            window_sizes.append(len(window.labels))
            done += len(window.labels)
            advance(len(window.labels))
    if not parts:
        raise RotrainError("there is no text to compare the models on")
    kl, same, dp, dnats = np.concatenate(parts, axis=1)
    return Divergence(kl, same, dp, dnats, np.repeat(np.arange(len(window_sizes)), window_sizes))


def _compare(p_logits: Tensor, window: Window) -> Callable[[int, Tensor], NDArray[np.float64]]:
    def compared(_: int, q_logits: Tensor) -> NDArray[np.float64]:
        count = len(window.labels)
        labels = torch.from_numpy(window.labels)
        out = np.empty((4, count))
        for start in range(0, count, ROWS_AT_ONCE):
            part = slice(start, min(start + ROWS_AT_ONCE, count))
            # A padded vocabulary has more rows: they are no tokens.
            rows = min(p_logits.shape[-1], q_logits.shape[-1])
            p = p_logits[-count:, :rows][part].cpu().double().log_softmax(-1)
            q = q_logits[-count:, :rows][part].cpu().double().log_softmax(-1)
            label = labels[part, None]
            p_label, q_label = p.gather(1, label)[:, 0], q.gather(1, label)[:, 0]
            out[0, part] = (p.exp() * (p - q)).sum(-1).clamp_min(0).numpy()
            out[1, part] = (p.argmax(-1) == q.argmax(-1)).double().numpy()
            out[2, part] = (q_label.exp() - p_label.exp()).numpy()
            out[3, part] = (p_label - q_label).numpy()
        return out

    return compared


def _check_same_tokens(reference: LanguageModel, variant: LanguageModel) -> None:
    ours, theirs = reference.tokenizer.byte_lengths(), variant.tokenizer.byte_lengths()
    size = min(len(ours), len(theirs))
    # A pad token, special tokens and rows without a token have no bytes, and do not make another tokenizer.
    silent = (ours[:size] == 0) | (theirs[:size] == 0)
    same = np.array_equal(ours[:size][~silent], theirs[:size][~silent])
    same = same and not ours[size:].any() and not theirs[size:].any()
    if not same or reference.tokenizer.encode(PROBE) != variant.tokenizer.encode(PROBE):
        raise RotrainError(
            f"its tokenizer is not that of {reference.name}, so their predictions cannot be compared",
            place=variant.name,
            hint="compare models that were trained on one pack; across tokenizers, compare bits per byte",
        )
