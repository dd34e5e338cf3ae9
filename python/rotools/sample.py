"""Write real Romanian text from the package index: the glosses of RoWordNet.

The package `rowordnet` ships its data as a pickle. It is read here without running any of its code: every class in the file
becomes an inert holder of attributes, so neither the package nor a forged file can do harm.
"""

import importlib.util
import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotools.distribution import install
from rotools.errors import UsageError
from rotools.files import write

__all__ = ["SampleResult", "sample"]

LICENCE = "RoWordNet 1.1 (D. Tufiș, V. Barbu Mititelu and others; package by S. Dumitrescu), GPL-3.0"

GLOSSES = 24
"""Glosses of one document: about 2 kB of text. One gloss would be too short for a document."""


class _Bag(dict[Any, Any]):
    """Replaces every object of the pickle, and holds its attributes."""

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


@dataclass(frozen=True)
class SampleResult:
    """The sample that was written."""

    out: Path
    documents: int
    licence: str
    """The licence of the text, which is also in every record."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools sample --json` prints it."""
        return {**vars(self), "out": str(self.out)}


def sample(out: str | os.PathLike[str] = "corpus.jsonl") -> SampleResult:
    """Write real Romanian text for a first try: the glosses of RoWordNet, as JSONL.

    Args:
        out: The file to write.

    Returns:
        The number of documents, and the licence.

    Raises:
        UsageError: The package `rowordnet` is not installed.

    Examples:
        >>> sample("corpus.jsonl").documents  # doctest: +SKIP
        3024
    """
    out = Path(out)
    found = importlib.util.find_spec("rowordnet")
    if found is None or not found.submodule_search_locations:
        raise UsageError("the package rowordnet is not installed", hint=install("sample"))
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

    records: list[str] = []
    for (domain, _), lines in groups.items():
        for start in range(0, len(lines), GLOSSES):
            record = {
                "id": f"rowordnet-{len(records):05}",
                "text": "\n".join(lines[start : start + GLOSSES]),
                "domain": domain,
                "licence": LICENCE,
            }
            records.append(json.dumps(record, ensure_ascii=False) + "\n")
    write(out, "".join(records))
    return SampleResult(out, len(records), LICENCE)
