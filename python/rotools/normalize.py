"""Repair and normalization of Romanian text. The rules are in docs/normalization.md.

>>> from rotools.normalize import diff, normalize_text
>>> normalize_text("Ştiinţă")
'Știință'
>>> diff("Ştiinţă")[0].rule
'cedilla'
"""

from typing import NamedTuple

from rotools import _rotext
from rotools._rotext import normalize_text

__all__ = ["RULES", "Change", "Rule", "diff", "diff_files", "normalize_text"]


class Rule(NamedTuple):
    """A rule of the rule book."""

    id: str
    """The name that reports and diffs use."""
    defect: str
    """The class of defect, by number."""
    title: str
    """What it repairs, in a few words."""


RULES = tuple(Rule(*rule) for rule in _rotext.normalize_rules())
"""All rules, in the order in which they run."""


class Change(NamedTuple):
    """One place that normalizing changes."""

    rule: str
    """Id of the rule that made the change."""
    start: int
    """Where it is: byte of the original text in UTF-8."""
    before: str
    """What stood there when the rule came to it."""
    after: str
    """What stands there now; empty for a deletion."""
    context_before: str
    """Up to 30 characters before it."""
    context_after: str
    """Up to 30 characters after it."""


def diff(text: str, limit: int | None = None, *, protect_turkish: bool = True) -> list[Change]:
    """The first `limit` changes that normalizing `text` makes, in the order of the text.

    Args:
        text: any text.
        limit: how many changes at most; all of them by default.
        protect_turkish: keep ş in Turkish words.

    Returns:
        The changes. Each shows what the rule saw, which may be what an earlier rule wrote.
    """
    return [Change(*place) for place in _rotext.diff_text(text, limit, protect_turkish=protect_turkish)]


def diff_files(
    inputs: list[str], limit: int, *, text_field: str = "text", protect_turkish: bool = True
) -> list[tuple[str, Change]]:
    """The first `limit` places that normalizing the files would change, each with its document's id.

    Args:
        inputs: files, folders or globs, as `rotools normalize` takes them.
        limit: how many changes at most.
        text_field: field of the text.
        protect_turkish: keep ş in Turkish words.

    Raises:
        RotoolsError: a file cannot be read.
    """
    found = _rotext.diff_files(inputs, limit, text_field=text_field, protect_turkish=protect_turkish)
    return [(id_, Change(*place)) for id_, place in found]
