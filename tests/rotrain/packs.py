"""Small real packs for the tests, written from the format's description in plain numpy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SENTENCES = [
    "A fost odată ca niciodată un împărat care avea trei fete frumoase.",
    "Fata cea mică și-a luat rămas-bun și a plecat în pădurea deasă.",
    "Ședința Consiliului Județean a început la ora zece dimineața.",
    "Prețul pâinii a crescut cu cinci la sută față de anul trecut.",
    "Moșneagul îi zise: „Țara-i mare, dar drumul e lung!” și tăcu.",
    "Copiii s-au jucat toată ziua în curtea școlii, lângă fântână.",
]


def texts(count: int, seed: int) -> list[str]:
    """Documents of a few sentences each."""
    random = np.random.default_rng(seed)
    return [
        " ".join(SENTENCES[i] for i in random.integers(len(SENTENCES), size=random.integers(2, 9)))
        for _ in range(count)
    ]


def train_tokenizer(vocab_size: int = 320) -> Tokenizer:
    """A byte-level BPE tokenizer with <|endoftext|> as token 0."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def write_pack(
    path: Path,
    *,
    train: dict[str, int | list[str]] | None = None,
    valid_documents: int = 12,
    block_tokens: int = 128,
    shards: int = 2,
) -> Path:
    """A pack with the given training documents, or their number, in each phase, split over `shards` files."""
    path.mkdir(parents=True)
    tokenizer = train_tokenizer()
    tokenizer.save(str(path / "tokenizer.json"))
    phases = []
    given: dict[str, int | list[str]] = {"web": 160, "books": 60} if train is None else train
    for number, (name, documents) in enumerate(given.items()):
        phase: dict[str, Any] = {"name": name, "epochs": 1}
        for split, count in (("train", documents), ("valid", valid_documents)):
            phase[split] = _write_split(
                path,
                tokenizer,
                name,
                split,
                texts(count, seed=2 * number + (split == "valid")) if isinstance(count, int) else count,
                block_tokens,
                shards,
            )
        phases.append(phase)
    manifest = {
        "format": "rotools-pack",
        "version": 1,
        "dtype": "<u2",
        "block_tokens": block_tokens,
        "stride": block_tokens,
        "vocab_size": tokenizer.get_vocab_size(),
        "eos_id": 0,
        "tokenizer": {
            "file": "tokenizer.json",
            "sha256": hashlib.sha256((path / "tokenizer.json").read_bytes()).hexdigest(),
        },
        "phases": phases,
        "config": {},
        "provenance": {},
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def _write_split(
    path: Path, tokenizer: Tokenizer, name: str, split: str, documents: list[str], block: int, shards: int
) -> dict[str, Any]:
    entries = []
    for number, part in enumerate(np.array_split(np.arange(len(documents)), shards)):
        ids: list[int] = []
        ends = [0]
        for index in part:
            ids += [*tokenizer.encode(documents[index]).ids, 0]
            ends.append(len(ids))
        stem = f"{split}-{name}-{number:05d}"
        data = np.array(ids, dtype="<u2").tobytes()
        (path / f"{stem}.bin").write_bytes(data)
        np.save(path / f"{stem}.offsets.npy", np.array(ends, dtype="<u8"))
        entries.append(
            {
                "file": f"{stem}.bin",
                "tokens": len(ids),
                "documents": len(part),
                "bytes": sum(len(documents[i].encode()) for i in part),
                "size": len(data),
                "xxh3_64": [],
            }
        )
    tokens = sum(entry["tokens"] for entry in entries)
    return {
        "tokens": tokens,
        "documents": len(documents),
        "bytes": sum(entry["bytes"] for entry in entries),
        "blocks": max(0, (tokens - 1) // block),
        "shards": entries,
    }
