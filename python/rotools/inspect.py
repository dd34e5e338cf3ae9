"""Describe a corpus before anything is made from it."""

from dataclasses import dataclass
from typing import Any

from rotools import _rotext
from rotools.counts import ReadCounts
from rotools.options import Paths, TextSplit, paths
from rotools.progress import Callback, run

__all__ = ["CorpusSummary", "inspect"]


@dataclass(frozen=True)
class CorpusSummary:
    """What the files of a corpus hold."""

    sources: list[dict[str, Any]]
    """Name, format, compression, size in bytes and fields of each file."""
    read: ReadCounts
    """Counts of what `pack` would read, repair and reject."""
    lengths: dict[str, int] | None
    """Bytes of a document: `min`, `median`, `p90`, `max`; exact within a part in sixteen. None: there is no document."""
    first: dict[str, str] | None
    """`id` and first characters of the first document, repaired."""

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as `rotools inspect --json` prints it."""
        return {**vars(self), "read": self.read.to_dict()}


def inspect(
    inputs: Paths,
    *,
    text_field: str = "text",
    id_field: str | None = None,
    split: TextSplit | None = None,
    threads: int = 0,
    progress: Callback | None = None,
) -> CorpusSummary:
    """Read a corpus once and describe it. Open packs with `open_pack`, tokenizers with `Tokenizer.load`.

    Args:
        inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        split: How text files are divided into documents. None: a file is a document.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        The files, counts of records and repairs, and the lengths of the documents.

    Raises:
        RotoolsError: A file cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "web.jsonl"
        >>> _ = path.write_text('{"text": "ştiu"}\\n{"text": "nu"}\\n')
        >>> summary = inspect(path)
        >>> summary.read.documents, summary.read.normalize["changed_documents"], summary.lengths["max"]
        (2, 1, 5)
    """
    found = run(
        lambda counters: _rotext.inspect(
            paths(inputs),
            text_field=text_field,
            id_field=id_field,
            split=split,
            threads=threads,
            progress=counters,
        ),
        progress,
    )
    return CorpusSummary(found["sources"], ReadCounts(**found["read"]), found["lengths"], found["first"])
