"""The ledger of decisions: why a document was removed or changed. The columns are in docs/reference/ledger.md."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotools import _rotext

__all__ = ["WhyResult", "explain", "why"]

Row = dict[str, Any]
"""A row of the ledger, by the names of its columns. A missing value is None."""


@dataclass(frozen=True)
class WhyResult:
    """What a ledger records about one document."""

    document: str
    """The id or place that was asked for."""
    ledger: Path
    rows: list[Row]
    """The decisions about the document, in order. Empty: the document was kept unchanged, or no input has it."""
    stands_for: int
    """Number of documents that were removed because this one was kept."""
    examples: list[Row]
    """The decisions about the first ten of those."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools why --json` prints it."""
        return {**vars(self), "ledger": str(self.ledger)}


def why(
    document: str, *, pack: str | PathLike[str] = "pack", ledger: str | PathLike[str] | None = None
) -> WhyResult:
    """Find the decisions about a document. `explain` turns a decision into a sentence.

    Args:
        document: An id, or a place as `file:line`.
        pack: A pack, which contains a ledger.
        ledger: The ledger. None: the one of the pack.

    Returns:
        The decisions, and how many documents this one represents.

    Raises:
        RotoolsError: There is no ledger, or it is damaged or of another version.

    Examples:
        >>> import tempfile
        >>> from rotools import filter_files
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"id": "d1", "text": "Cumpără acum!"}', encoding="utf-8")
        >>> result = filter_files(folder / "web.jsonl", folder / "good.jsonl")
        >>> [explain(row) for row in why("d1", ledger=result.ledger).rows]
        ['dropped by filter: words, value 2, threshold 10']
    """
    path = Path(pack) / "ledger.parquet" if ledger is None else Path(ledger)
    return WhyResult(document, path, **_rotext.why(path, document))


_ACTIONS = {"drop": "dropped", "edit": "changed", "flag": "flagged", "keep": "kept"}

_RULES = {
    "exact": "it has the same text as {partner}, apart from diacritics, white space and what the normalizer repairs",
    "near-containment": "{value:.1%} of its word 3-grams occur in {partner} (threshold {threshold:.0%}); "
    "Jaccard similarity {score:.2f}",
    "near-jaccard": "its word 3-grams and those of {partner} have a Jaccard similarity of {value:.2f} "
    "(threshold {threshold:.2f})",
    "near-passage": "{value:.1%} of its words occur in {partner} in passages of 20 words and more (threshold {threshold:.0%})",
    "contaminated": "it shares {value:.0f} runs of 13 words with an evaluation text",
    "repeated-lines": "{value:.0f} lines ({score:.0f} bytes) occur in more than {threshold:.0f} documents and were cut",
}


def explain(row: Row) -> str:
    """Describe one decision in words, without the document: `dropped by dedup: ...`.

    Args:
        row: A row of the ledger, as `why` returns it.

    Examples:
        >>> explain({"action": "drop", "stage": "dedup", "rule": "exact", "partner": "d3"})
        'dropped by dedup: it has the same text as d3, apart from diacritics, white space and what the normalizer repairs'
    """
    beginning = f"{_ACTIONS.get(row['action'], row['action'])} by {row['stage']}: "
    if row["rule"] in _RULES:
        return beginning + _RULES[row["rule"]].format(**row)
    parts = [row["rule"]]
    if row["value"] is not None:
        parts.append(f"value {row['value']:.4g}")
    if row["threshold"] is not None:
        parts.append(f"threshold {row['threshold']:.4g}")
    if row["partner"] is not None:
        parts.append(f"partner {row['partner']}")
    if row["byte"] is not None:
        parts.append(f"at byte {row['byte']}")
    return beginning + ", ".join(parts)
