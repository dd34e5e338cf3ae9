"""A model in PyTorch as a model to evaluate, in fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.evaluation.model import Ids, R
from rotrain.files import sha256_file
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.run.load import TrainedModel

BATCH_TOKENS = 2_048


class TorchModel:
    """A loaded run or folder as a `LanguageModel`, in fp32, on a CUDA device if there is one.

    Args:
        trained: The loaded model.
        name: The path that the user gave.
    """

    def __init__(self, trained: TrainedModel, name: str) -> None:
        self.name = name
        self.step = trained.step
        self.notes = trained.notes
        self.tokenizer = trained.tokenizer
        self.eos_id = trained.eos_id
        self.bos_id = trained.begin_id
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.decoder: Decoder = trained.model.to(self.device)
        self.context = self.decoder.config.context
        self.sha256 = trained.sha256
        self.run = trained.run

    def describe(self) -> dict[str, Any]:
        """Return name, architecture, parameters and hash of the model, see `LanguageModel`."""
        return {
            "name": self.name,
            "arch": self.decoder.config.arch,
            "parameters": count.param_count(self.decoder.config),
            "step": self.step,
            "sha256": self.sha256,
            "precision": "fp32",
            "engine": f"torch {torch.__version__} on {self.device}",
        }

    def data(self) -> Path | None:
        """Return the pack of the run, see `LanguageModel`."""
        record = self.run.read_config() if self.run.metrics.exists() else None
        if record is None:
            return None
        named = Path(record["config"]["data"])
        # A relative path was meant from the folder where the run was trained. Seen from elsewhere, that is a folder above
        # the run; the pack there must be the same one.
        for base in (Path(), *self.run.path.resolve().parents):
            manifest = base / named / "manifest.json"
            if manifest.exists() and sha256_file(manifest) == record["data"]["manifest_sha256"]:
                if base != Path():
                    self.notes.append(f"the held-out text is that of {base / named}")
                return base / named
        return None

    @torch.inference_mode()
    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        """Compute the logits of each sequence and reduce them, see `LanguageModel`.

        Sequences of similar length are computed in one batch. The shorter ones are padded at the end. The padding does not
        change the logits before it, because the model is causal.
        """
        results: dict[int, R] = {}
        for batch in batches(sequences, BATCH_TOKENS):
            width = len(sequences[batch[-1]])
            tokens = torch.full((len(batch), width), self.eos_id, dtype=torch.long)
            for row, index in enumerate(batch):
                tokens[row, : len(sequences[index])] = torch.from_numpy(sequences[index])
            hidden = self.decoder(tokens.to(self.device))
            for row, index in enumerate(batch):
                logits = self.decoder.logits(hidden[row, : len(sequences[index])]).float()
                results[index] = reduce(index, logits)
        return [results[index] for index in range(len(sequences))]


def batches(sequences: Sequence[Ids], tokens: int) -> list[list[int]]:
    """Return the indices of the sequences, sorted by length, in batches of at most `tokens` tokens with padding.

    A sequence that is longer is a batch of its own.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(sequences)), key=lambda i: (len(sequences[i]), i)):
        if groups and (len(groups[-1]) + 1) * len(sequences[index]) <= tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
