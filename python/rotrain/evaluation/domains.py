"""The texts on which a model is scored: the held-out documents of a pack, or files of the user.

The documents of a pack are decoded from their tokens to text, so models with another tokenizer are scored on the same bytes.
A user's files are read by `rotools`, which reads every format that it packs and repairs the text as it repaired the training
text.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rotrain.data.pack import Pack, TokenStream, open_pack
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.text import Document

TRAINING_BYTES = 8_000_000  # of text in which the readings of `diacritics` are counted

Domains = dict[str, list[Document]]


def load_domains(
    model: LanguageModel,
    data: Path | None,
    files: Sequence[Path],
    max_bytes: int,
    *,
    text_field: str = "text",
) -> tuple[Domains, str | None]:
    """Return the domains on which a model is scored, and training text for the probes that need it.

    Args:
        model: The model.
        data: The pack. None: the pack on which the run was trained, if it is still where it was.
        files: Files of the user.
        most: Bytes of each domain at most.
        text_field: Field of the text in the files.

    Raises:
        RotrainError: A file or the pack cannot be read, or two domains have the same name.
    """
    pack_path = data or model.data()
    if pack_path is None:
        return read_files(files, max_bytes, text_field=text_field), None
    pack = open_pack(pack_path)
    domains = held_out(pack, max_bytes)
    for name, documents in read_files(files, max_bytes, text_field=text_field).items():
        if name in domains:
            raise RotrainError(f"{name} is a phase of the pack too", place=name, hint="rename the file")
        domains[name] = documents
    return domains, training_text(pack, TRAINING_BYTES)


def held_out(pack: Pack, max_bytes: int) -> Domains:
    """Return the held-out documents of every phase, spread evenly, at most `max_bytes` bytes of each phase."""
    tokenizer = Tokenizer(pack.tokenizer_file)
    return {
        phase.name: found
        for phase in pack.phases
        if (found := _sample_evenly(_decode_documents(phase.valid, pack.eos_id, tokenizer), max_bytes))
    }


def training_text(pack: Pack, max_bytes: int) -> str:
    """Return about `max_bytes` bytes from the start of the training text."""
    tokenizer = Tokenizer(pack.tokenizer_file)
    parts = []
    for phase in pack.phases:
        tokens = min(phase.train.tokens, max_bytes // (3 * len(pack.phases)) + 1)
        buffer = np.empty(tokens, dtype=np.int64)
        phase.train.read(0, buffer)
        parts.append(tokenizer.decode(buffer[buffer != pack.eos_id].tolist()))
    return "\n".join(parts)


def read_files(files: Sequence[Path], max_bytes: int, *, text_field: str = "text") -> Domains:
    """Return a domain for each file, by its name: .jsonl, .parquet and .txt, plain or compressed.

    Raises:
        RotrainError: A file cannot be read or has no text, or two files have the same name.
    """
    domains: Domains = {}
    for file in files:
        found = _sample_evenly(_read_file(file, text_field), max_bytes)
        if not found:
            raise RotrainError("there is no text here", place=file, hint="give another --text")
        name = file.name.split(".")[0]
        if name in domains:
            raise RotrainError(
                f"two files are named {name}", place=file, hint="rename one: names are domains"
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
    """Return every k-th document, so that about `max_bytes` bytes remain. A single longer document is cut."""
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
    """Read a file of the user with `rotools`, through a temporary file: it gives records only in files."""
    import rotools

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "text.jsonl"
        try:
            rotools.normalize_files(file, out, text_field=text_field)
        except rotools.RotoolsError as error:
            raise RotrainError(str(error), hint=error.hint) from None
        lines = out.read_bytes().splitlines()
    return [
        Document(str(record.get("id", number)), record[text_field])
        for number, record in enumerate(map(json.loads, lines))
    ]
