"""Keep what outside texts have in common with a pack, so that the next evaluation need not read the training text again.

Reading 5 GB of training text takes minutes, and all models of a study are asked about the same texts and the same pack. The name of a
file is the hash of all that decides the figures: the manifest of the pack, the length of a run, and the documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rotrain.data.pack import Pack
from rotrain.evaluation.contamination import RUN_TOKENS, measure_contamination
from rotrain.evaluation.text import Document
from rotrain.files import read_record, write_record

FOLDER = "contamination"
_FORMAT, _VERSION = "rotrain-contamination", 1


def find_contamination(
    pack: Pack, texts: Mapping[str, Sequence[Document]], folder: Path | None
) -> dict[str, dict[str, Any]]:
    """Return the contamination of each text, as a result file has it.

    The training text is read at most once, and only if the folder does not have all figures.

    Args:
        pack: The pack.
        texts: Documents by the name of their text.
        folder: Folder that keeps the figures. None: nothing is kept.
    """
    found: dict[str, dict[str, Any]] = {}
    files = {name: (folder or Path()) / f"{_key(pack, documents)}.json" for name, documents in texts.items()}
    if folder is not None:
        for name, file in files.items():
            if (known := _read(file)) is not None:
                found[name] = known
    missing = {name: documents for name, documents in texts.items() if name not in found}
    for name, measured in (measure_contamination(pack, missing) if missing else {}).items():
        found[name] = measured.as_json()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_record(files[name], {"format": _FORMAT, "version": _VERSION, "contamination": found[name]})
    return found


def _key(pack: Pack, documents: Sequence[Document]) -> str:
    key = hashlib.sha256(f"{pack.digest} {_VERSION} {RUN_TOKENS}".encode())
    for document in documents:
        text = document.text.encode()
        key.update(len(text).to_bytes(8, "big") + text)
    return key.hexdigest()[:32]


def _read(file: Path) -> dict[str, Any] | None:
    """Return kept figures; None where there are none, or where they are damaged or of another version."""
    try:
        record = read_record(file)
        if (record["format"], record["version"]) != (_FORMAT, _VERSION):
            return None
        known: dict[str, Any] = record["contamination"]
    except (OSError, ValueError, KeyError):
        return None
    return known
