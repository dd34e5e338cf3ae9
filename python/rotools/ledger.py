"""The ledger of decisions: why a document went, in words.

The columns are described in docs/ledger.md.
"""

from pathlib import Path
from typing import Any

from rotools import _rotext

__all__ = ["explain", "why"]

Row = dict[str, Any]
"""A row of the ledger, by the names of its columns; what is absent is None."""


def why(document: str, ledger: Path) -> dict[str, Any]:
    """What a ledger says of a document.

    Args:
        document: an id, or a place as `file:line`.
        ledger: the Parquet file.

    Returns:
        `rows`, the decisions about it in order; `stands_for`, how many documents went because this one stays;
        `examples`, the first ten of those.

    Raises:
        RotoolsError: no ledger there, a damaged one, or one of another version.
    """
    found: dict[str, Any] = _rotext.why(ledger, document)
    return found


_ACTIONS = {"drop": "dropped", "edit": "changed", "flag": "flagged", "keep": "kept"}

_RULES = {
    "exact": "it has the same text as {partner}, diacritics and white space aside",
    "near-containment": "{value:.1%} of its word 3-grams stand in {partner} (from {threshold:.0%} on it goes); "
    "Jaccard similarity {score:.2f}",
    "near-jaccard": "its word 3-grams and those of {partner} have a Jaccard similarity of {value:.2f} "
    "(from {threshold:.2f} on it goes)",
    "contaminated": "it shares {value:.0f} runs of 13 words with an evaluation text",
    "repeated-lines": "{value:.0f} lines ({score:.0f} bytes) stand in more than {threshold:.0f} documents and were cut",
}


def explain(row: Row) -> str:
    """One decision as a sentence without its subject: `dropped by dedup: ...`."""
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
