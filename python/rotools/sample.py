"""Real Romanian text from the package index: the glosses of RoWordNet.

The package `rowordnet` ships its data as a pickle. It is read here without running anything of it: every
class in the file becomes an inert bag of attributes, so neither its code nor a forged file can do harm.
"""

import importlib.util
import json
import os
import pickle
from pathlib import Path
from typing import Any

from rotools.distribution import install
from rotools.errors import usage

LICENCE = "RoWordNet 1.1 (D. Tufiș, V. Barbu Mititelu and others; package by S. Dumitrescu), GPL-3.0"

GLOSSES = 24
"""Glosses of one document: about 2 kB of text, so that a document is longer than a sentence."""


class _Bag(dict[Any, Any]):
    """Stands for any object of the pickle; holds its attributes."""

    attributes: Any

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.attributes = state


class _Inert(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "set"):
            return set
        return (lambda *_: _Bag) if (module, name) == ("builtins", "getattr") else _Bag


def write(out: Path) -> tuple[int, str]:
    """Writes the sample as JSONL, whole or not at all.

    Returns:
        The number of documents and the licence, which is also in every record.

    Raises:
        RotoolsError: the package is not installed.
    """
    found = importlib.util.find_spec("rowordnet")
    if found is None or not found.submodule_search_locations:
        raise usage("the package rowordnet is not installed", install("sample"))
    with (Path(found.submodule_search_locations[0]) / "rowordnet.pickle").open("rb") as file:
        synsets = _Inert(file).load().attributes["_synsets"]

    groups: dict[tuple[str, str], list[str]] = {}
    for bag in synsets.values():
        synset = bag.attributes
        words = [str(word).replace("_", " ") for word in synset["_literals"]]
        gloss = str(synset["_definition"] or "").strip()
        if words and gloss:
            line = f"{', '.join(words)}: {gloss.rstrip('.')}."
            groups.setdefault((str(synset["_domain"]), str(synset["_pos"])), []).append(
                line[:1].upper() + line[1:]
            )

    documents = 0
    partial = out.with_name(f".{out.name}.part")
    try:
        with partial.open("w", encoding="utf-8") as file:
            for (domain, _), lines in groups.items():
                for start in range(0, len(lines), GLOSSES):
                    record = {
                        "id": f"rowordnet-{documents:05}",
                        "text": "\n".join(lines[start : start + GLOSSES]),
                        "domain": domain,
                        "licence": LICENCE,
                    }
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
                    documents += 1
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return documents, LICENCE
