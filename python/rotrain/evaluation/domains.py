"""Load the texts that a model is scored on: the held-out documents of a pack, and files of the user.

The documents of a pack are decoded from tokens to text. So a model with another tokenizer is scored on the same bytes. The
files of the user are read with `rotools`, which normalizes their text in the same way as the training text.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rotrain.data.pack import Pack, TokenStream
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.evaluation.text import Document

# Bytes of training text in which the probe `diacritics` counts the readings of words.
TRAINING_BYTES = 8_000_000

Domains = dict[str, list[Document]]


def load_domains(
    pack: Pack | None,
    files: Sequence[Path],
    max_bytes: int,
    *,
    text_field: str = "text",
) -> Domains:
    """Load the domains that a model is scored on.

    Args:
        pack: The pack, or None.
        files: Files of the user.
        max_bytes: Maximum bytes of each domain.
        text_field: Field of the text in the files.

    Returns:
        The documents by domain.

    Raises:
        RotrainError: A file or the pack cannot be read, or two domains have the same name.
    """
    if pack is None:
        return read_files(files, max_bytes, text_field=text_field)
    domains = held_out(pack, max_bytes)
    for name, documents in read_files(files, max_bytes, text_field=text_field).items():
        if name in domains:
            raise RotrainError(
                f"the pack has a phase with the same name: {name}", place=name, hint="rename the file"
            )
        domains[name] = documents
    return domains


def held_out(pack: Pack, max_bytes: int) -> Domains:
    """Return held-out documents of every phase, about `max_bytes` bytes of each, evenly spread over the phase."""
    tokenizer = Tokenizer(pack.tokenizer_file)
    return {
        phase.name: found
        for phase in pack.phases
        if (found := _sample_evenly(_decode_documents(phase.valid, pack.eos_id, tokenizer), max_bytes))
    }


def training_text(pack: Pack, max_bytes: int = TRAINING_BYTES) -> str:
    """Return about `max_bytes` bytes of training text, in equal parts from the start of every phase."""
    tokenizer = Tokenizer(pack.tokenizer_file)
    parts = []
    for phase in pack.phases:
        tokens = min(phase.train.tokens, max_bytes // (3 * len(pack.phases)) + 1)
        buffer = np.empty(tokens, dtype=np.int64)
        phase.train.read(0, buffer)
        parts.append(tokenizer.decode(buffer[buffer != pack.eos_id].tolist()))
    return "\n".join(parts)


def read_files(
    files: Sequence[Path], max_bytes: int, *, text_field: str = "text", option: str = "--text"
) -> Domains:
    """Read each file as one domain. The name of the domain is the file name up to the first dot.

    Args:
        files: Files: .jsonl, .parquet or .txt, plain or compressed.
        max_bytes: Maximum bytes of each domain.
        text_field: Field of the text.
        option: The option that named the files, for hints.

    Raises:
        RotrainError: A file cannot be read or has no text, or two files have the same name.
    """
    domains: Domains = {}
    for file in files:
        found = _sample_evenly(_read_file(file, text_field), max_bytes)
        if not found:
            raise RotrainError("there is no text here", place=file, hint=f"give another file with {option}")
        name = file.name.split(".")[0]
        if name in domains:
            raise RotrainError(
                f"two files have the name {name}", place=file, hint="rename one: the name is the domain"
            )
        domains[name] = found
    return domains


def _decode_documents(stream: TokenStream, eos_id: int, tokenizer: Tokenizer) -> list[Document]:
    if not stream.tokens:
        return []
    tokens = np.empty(stream.tokens, dtype=np.int64)
    stream.read(0, tokens)
    ends = np.flatnonzero(tokens == eos_id)
    starts = np.concatenate(([0], ends[:-1] + 1))
    name = stream.name.replace(" ", "/")
    return [
        Document(f"{name}:{number}", tokenizer.decode(tokens[start:end].tolist()))
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        if end > start
    ]


def _sample_evenly(documents: list[Document], max_bytes: int) -> list[Document]:
    """Return every k-th document, at most `max_bytes` bytes together. The last document may be truncated."""
    total = sum(len(document.text.encode()) for document in documents)
    if total <= max_bytes:
        return documents
    step = max(1, -(-total // max_bytes))
    kept, remaining_bytes = [], max_bytes
    for document in documents[::step]:
        raw = document.text.encode()[:remaining_bytes]
        kept.append(Document(document.id, raw.decode("utf-8", "ignore")))
        remaining_bytes -= len(raw)
        if remaining_bytes <= 0:
            break
    return kept


def _read_file(file: Path, text_field: str) -> list[Document]:
    """Read a file of the user with `rotools`. It writes its records to a file, so a temporary file is needed."""
    import rotools
    from rotools import jsonl

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "text.jsonl"
        try:
            rotools.normalize_files(file, out, text_field=text_field)
        except rotools.RotoolsError as error:
            raise RotrainError(str(error), hint=error.hint) from None
        records = [record for _, record in jsonl.read(out)]
    return [
        Document(str(record.get("id", number)), record[text_field]) for number, record in enumerate(records)
    ]
