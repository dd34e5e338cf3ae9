"""Repair Romanian text: encodings, cedillas, entities, look-alikes, invisible characters, spaces.

The rules are in docs/reference/normalization-rules.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from rotools import _rotext
from rotools.counts import ReadCounts
from rotools.options import Paths, TextSplit, paths
from rotools.progress import Callback, run

__all__ = [
    "RULES",
    "Change",
    "NormalizeResult",
    "Rule",
    "diff",
    "diff_files",
    "normalize",
    "normalize_files",
]


class Rule(NamedTuple):
    """A rule of the normalizer."""

    id: str
    """The name in reports and diffs."""
    defect: str
    """Class of the defect, by number."""
    title: str
    """What the rule repairs, in a few words."""


RULES: Sequence[Rule] = tuple(Rule(*rule) for rule in _rotext.normalize_rules())
"""All rules, in the order in which they run."""


class Change(NamedTuple):
    """One place that the normalizer changes."""

    rule: str
    """Id of the rule."""
    start: int
    """The place: byte of the original text in UTF-8."""
    before: str
    """The text before the rule ran."""
    after: str
    """The text after the rule ran; empty for a deletion."""
    context_before: str
    """Up to 30 characters before the place."""
    context_after: str
    """Up to 30 characters after the place."""


@dataclass(frozen=True)
class NormalizeResult:
    """Counts of `normalize_files`."""

    out: Path
    read: ReadCounts

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools normalize --json` prints it."""
        return {"out": str(self.out), **self.read.to_dict()}


def normalize(text: str, *, protect_turkish: bool = True) -> str:
    """Repair a text.

    Args:
        text: Any text.
        protect_turkish: Keep ş in Turkish words such as Beşiktaş.

    Returns:
        The repaired text: the same object if nothing had to change.

    Examples:
        >>> normalize("ştiinţă")
        'știință'
        >>> normalize("Meci pe stadionul Beşiktaş din Istanbul, oraş din Turcia.")
        'Meci pe stadionul Beşiktaş din Istanbul, oraș din Turcia.'
    """
    return _rotext.normalize_text(text, protect_turkish=protect_turkish)


def diff(text: str, limit: int | None = None, *, protect_turkish: bool = True) -> list[Change]:
    """List the changes that `normalize` makes, in the order of the text.

    Args:
        text: Any text.
        limit: At most this many changes. None: all of them.
        protect_turkish: Keep ş in Turkish words.

    Returns:
        The changes. A change shows what its rule read, which an earlier rule may have written.

    Examples:
        >>> [(change.rule, change.before, change.after) for change in diff("ştiinţă")]
        [('cedilla', 'ş', 'ș'), ('cedilla', 'ţ', 'ț')]
    """
    return [Change(*place) for place in _rotext.diff_text(text, limit, protect_turkish=protect_turkish)]


def diff_files(
    inputs: Paths,
    limit: int,
    *,
    text_field: str = "text",
    split: TextSplit | None = None,
    protect_turkish: bool = True,
) -> list[tuple[str, Change]]:
    """List the first places that `normalize_files` changes.

    Args:
        inputs: Files, folders or globs.
        limit: At most this many changes.
        text_field: Field of the text.
        split: How text files are divided into documents. None: a file is a document.
        protect_turkish: Keep ş in Turkish words.

    Returns:
        (id of the document, change).

    Raises:
        RotoolsError: A file cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "web.jsonl"
        >>> _ = path.write_text('{"id": "d1", "text": "ştiu"}')
        >>> [(id, change.after) for id, change in diff_files(path, 5)]
        [('d1', 'ș')]
    """
    found = _rotext.diff_files(
        paths(inputs), limit, text_field=text_field, split=split, protect_turkish=protect_turkish
    )
    return [(id, Change(*place)) for id, place in found]


def normalize_files(
    inputs: Paths,
    out: str | PathLike[str],
    *,
    protect_turkish: bool = True,
    text_field: str = "text",
    id_field: str | None = None,
    split: TextSplit | None = None,
    strict: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
) -> NormalizeResult:
    """Repair files into one JSONL file.

    Args:
        inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        protect_turkish: Keep ş in Turkish words.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        split: How text files are divided into documents. None: a file is a document.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        Counts of what was read and repaired.

    Raises:
        RotoolsError: A file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "ştiu"}')
        >>> result = normalize_files(folder / "web.jsonl", folder / "clean.jsonl")
        >>> result.read.documents, result.read.normalize["changed_documents"]
        (1, 1)
    """
    counts = run(
        lambda counters: _rotext.normalize(
            paths(inputs),
            out,
            text_field=text_field,
            id_field=id_field,
            split=split,
            protect_turkish=protect_turkish,
            strict=strict,
            threads=threads,
            progress=counters,
        ),
        progress,
    )
    return NormalizeResult(Path(out), ReadCounts(**counts))
