"""Read what the page shows: report, manifest and ledger of a pack, and texts from its sources."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotools import _rotext
from rotools.errors import InputError, Place
from rotools.normalize import normalize
from rotools.pack_reader import read_offsets

Json = dict[str, Any]

EXAMPLES, CLUSTERS = 5, 20


@dataclass(frozen=True)
class Gathered:
    """Everything that the page shows."""

    pack: Path
    manifest: Json
    report: Json
    ledger: Json
    texts: dict[str, str]
    """Texts of examples and clusters by document id, repaired and redacted as in the pack. Empty if a source was moved."""
    missing: str | None
    """Why texts are missing, or None."""
    lengths: dict[str, NDArray[np.int64]]
    """Tokens of each training document, by phase."""


def gather(
    pack: Path, *, texts: bool, watch: Callable[[Callable[[_rotext.Progress], Any]], Any] | None = None
) -> Gathered:
    """Read the files of a pack and, with `texts`, the documents that are shown.

    Args:
        pack: The directory.
        texts: Read the sources again for the texts of examples, until all are found.
        watch: Runs a task with a progress bar.

    Raises:
        RotoolsError: There is no pack, or its ledger or report is damaged.
    """
    manifest = _rotext.manifest(pack)
    try:
        report = json.loads((pack / "report.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        what = f"the report of the pack cannot be read: {error}"
        place = Place(str(pack / "report.json"))
        raise InputError(what, place, "copy it again, or pack the corpus again") from None
    ledger = _rotext.ledger_summary(pack / "ledger.parquet", EXAMPLES, CLUSTERS)
    found: dict[str, str] = {}
    missing: str | None = None
    if texts:
        found, missing = _texts(manifest, sorted(set(_shown(ledger))), watch or _plain)
    return Gathered(pack, manifest, report, ledger, found, missing, dict(_lengths(pack, manifest)))


def _shown(ledger: Json) -> Iterator[str]:
    """Ids of the documents of which a text is shown."""
    for rule in ledger["rules"]:
        for row in rule["examples"]:
            yield row["document"]
            if row["partner"]:
                yield row["partner"]
    for cluster in ledger["clusters"]:
        yield cluster["document"]
        yield from (row["document"] for row in cluster["members"])


def _texts(
    manifest: Json, ids: list[str], watch: Callable[[Callable[[_rotext.Progress], Any]], Any]
) -> tuple[dict[str, str], str | None]:
    sources = list(dict.fromkeys(source["name"] for source in manifest["provenance"]["sources"]))
    gone = [name for name in sources if not Path(name).exists()]
    there = [name for name in sources if name not in gone]
    if not ids or not there:
        return {}, f"{gone[0]} is not there any more" if gone and ids else None
    config = manifest["config"]

    def find(progress: _rotext.Progress) -> dict[str, str]:
        return _rotext.pick(
            there, ids, text_field=config["text_field"], id_field=config["id_field"], progress=progress
        )

    # As the pack has them: repaired, and without personal data.
    found = {id_: _rotext.redact(normalize(text))[0] for id_, text in watch(find).items()}
    return found, f"{gone[0]} is not there any more" if gone else None


def _lengths(pack: Path, manifest: Json) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for phase in manifest["phases"]:
        ends = [
            read_offsets(
                pack / shard["file"], manifest["dtype"], shard["documents"], manifest["eos_id"]
            ).astype(np.int64)
            for shard in phase["train"]["shards"]
        ]
        yield phase["name"], np.concatenate([np.diff(part) for part in ends] or [np.empty(0, np.int64)])


def _plain(task: Callable[[_rotext.Progress], Any]) -> Any:
    return task(_rotext.Progress())
