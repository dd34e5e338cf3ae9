"""Remove duplicates and near-duplicates. The method is in docs/concepts/deduplication.md."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

from rotools import _rotext
from rotools.counts import ReadCounts, ShardResult, shard_result
from rotools.options import MAX_RAM, Paths, Preset, Profile, paths, size_bytes
from rotools.progress import Callback, run

__all__ = ["DedupOptions", "DedupResult", "Similarity", "dedup", "dedup_shard", "similarity"]


class Similarity(NamedTuple):
    """How similar two texts are, by their sets of word 3-grams."""

    containment: float
    """Share of the first text's 3-grams that occur in the second."""
    jaccard: float
    """Jaccard similarity of the two sets."""


@dataclass(frozen=True)
class DedupResult:
    """Counts of `dedup`."""

    out: Path
    read: ReadCounts
    dedup: dict[str, Any]
    """What was compared and found, by name."""
    ledger: Path
    """The Parquet file of decisions, with the kept document of every duplicate."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools dedup --json` prints it."""
        return {**vars(self), "out": str(self.out), "read": self.read.to_dict(), "ledger": str(self.ledger)}


class DedupOptions(TypedDict, total=False):
    """The keyword arguments of `dedup`."""

    profile: Profile
    preset: Preset
    accept_loss: bool
    repeated_lines: int | None
    decontaminate: Paths
    against: Paths
    max_ram: int | str
    text_field: str
    id_field: str | None
    strict: bool
    threads: int
    progress: Callback | None


def similarity(first: str, second: str) -> Similarity:
    """Compare two texts as the last step of `dedup` does.

    Args:
        first: A text.
        second: A text.

    Returns:
        Containment of the first text in the second, and Jaccard similarity.

    Examples:
        >>> similarity("Ana are mere și pere.", "Ana are mere și pere. Ion are prune.")
        Similarity(containment=1.0, jaccard=0.5)
    """
    return Similarity(*_rotext.likeness(first, second))


def dedup(
    inputs: Paths,
    out: str | PathLike[str],
    *,
    profile: Profile = "web",
    preset: Preset = "default",
    accept_loss: bool = False,
    repeated_lines: int | None = None,
    decontaminate: Paths = (),
    against: Paths = (),
    max_ram: int | str = MAX_RAM,
    text_field: str = "text",
    id_field: str | None = None,
    strict: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
) -> DedupResult:
    """Remove duplicates and near-duplicates. The records that are kept are written unchanged.

    A document is removed when 90 % of its word 3-grams occur in a document that is kept, when both share 85 %, or when
    70 % of its words occur in long passages of one. The cleanest copy is kept. The result depends neither on threads nor
    on the order of the files.

    Args:
        inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        profile: What the inputs hold: `web` or `books`.
        preset: `default` (14 bands of 8 propose near-duplicates), `strict` (26 of 11), or `exact` (equal texts only).
        accept_loss: Allow near-duplicates to remove more than half of a source.
        repeated_lines: Cut lines of web text that occur in more documents than this.
        decontaminate: Evaluation files; a document that shares 13 words in a row with one is removed.
        against: Reference files. A document that is a copy of one in them is removed; the references themselves are only read.
        max_ram: Memory of the whole run, in bytes or as `4G`. What needs more goes to disk.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        Counts, and the path of the ledger.

    Raises:
        RotoolsError: An option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere."}\\n{"text": "Ana are mere."}\\n')
        >>> dedup(folder / "web.jsonl", folder / "clean.jsonl", accept_loss=True).read.documents
        1
    """
    options = {name: value for name, value in locals().items() if name not in ("inputs", "out", "progress")}
    found = _dedup(inputs, out, None, progress, options)
    return DedupResult(Path(out), ReadCounts(**found["read"]), found["dedup"], Path(found["ledger"]))


def dedup_shard(
    shard: tuple[int, int], inputs: Paths, out: str | PathLike[str], **options: Unpack[DedupOptions]
) -> ShardResult:
    """Run the first pass of `dedup` on one shard. Then `dedup` merges all shards.

    Args:
        shard: (number, of): number from 1, and how many shards there are.
        inputs: As for `dedup`: all inputs, not a part of them.
        out: The file that `dedup` is going to write.
        options: The keyword arguments of `dedup`, the same for all shards.

    Returns:
        Counts of the shard.

    Raises:
        RotoolsError: An option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere."}')
        >>> dedup_shard((2, 2), folder / "web.jsonl", folder / "clean.jsonl").documents
        1
    """
    progress = options.pop("progress", None)
    return shard_result(out, _dedup(inputs, out, shard, progress, dict(options)))


def _dedup(
    inputs: Paths,
    out: str | PathLike[str],
    shard: tuple[int, int] | None,
    progress: Callback | None,
    options: dict[str, Any],
) -> dict[str, Any]:
    options["max_ram"] = size_bytes(options.get("max_ram", MAX_RAM))
    options["decontaminate"] = paths(options.get("decontaminate", ()))
    options["against"] = paths(options.get("against", ()))
    return run(
        lambda counters: _rotext.dedup(paths(inputs), out, shard=shard, progress=counters, **options),
        progress,
    )
