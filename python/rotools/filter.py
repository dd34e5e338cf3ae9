"""Filter Romanian prose: measure texts, remove the bad ones, replace personal data.

The rules and their thresholds are in docs/reference/filter-rules.md. They are checked in the order of `FILTER_RULES`. The first rule that a
document breaks removes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

from rotools import _rotext
from rotools.counts import ReadCounts, ShardResult, shard_result
from rotools.options import DiacriticsPolicy, Paths, Profile, paths
from rotools.progress import Callback, run

__all__ = [
    "FILTER_RULES",
    "BrokenRule",
    "FilterOptions",
    "FilterResult",
    "FilterRule",
    "Judgement",
    "Redaction",
    "Thresholds",
    "filter_files",
    "filter_shard",
    "judge",
    "redact",
]

Thresholds = Mapping[str, float | None]
"""Thresholds in place of the profile's, by the ids of the rules. None switches a rule off."""


class FilterRule(NamedTuple):
    """A rule of the filter."""

    id: str
    """The name in the ledger."""
    title: str
    """What the rule measures."""
    side: Literal["below", "above"]
    """A value on this side of the threshold breaks the rule."""
    web: float | None
    """Threshold for web text; None: the rule is off."""
    books: float | None
    """Threshold for books; None: the rule is off."""


FILTER_RULES: Sequence[FilterRule] = tuple(FilterRule(*rule) for rule in _rotext.filter_rules())  # type: ignore[arg-type]
"""All rules, in the order in which they are checked."""


@dataclass(frozen=True)
class BrokenRule:
    """The rule that removes a text."""

    rule: str
    """Id of the rule."""
    value: float
    """The measured value."""
    threshold: float
    """The threshold of the rule."""
    side: str
    """The side of the threshold on which the value lies: `below` or `above`."""


@dataclass(frozen=True)
class Judgement:
    """What the filter says about one text."""

    dropped: BrokenRule | None
    """The first rule that the text breaks. None: the text is kept."""
    measures: dict[str, Any]
    """Everything that was measured, by the names in docs/reference/filter-rules.md."""

    @property
    def kept(self) -> bool:
        """The text breaks no rule."""
        return self.dropped is None


@dataclass(frozen=True)
class Redaction:
    """A text without personal data."""

    text: str
    """The text, with a mark in place of each item."""
    replaced: dict[str, int]
    """Number of replaced items, by kind. Kinds that did not occur are absent."""


@dataclass(frozen=True)
class FilterResult:
    """Counts of `filter_files`."""

    out: Path
    read: ReadCounts
    ledger: Path
    """The Parquet file of decisions."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools filter --json` prints it."""
        return {"out": str(self.out), "read": self.read.to_dict(), "ledger": str(self.ledger)}


class FilterOptions(TypedDict, total=False):
    """The keyword arguments of `filter_files`."""

    profile: Profile
    thresholds: Thresholds | None
    annotate: bool
    redact: bool
    boilerplate: bool
    diacritics: DiacriticsPolicy
    text_field: str
    id_field: str | None
    strict: bool
    threads: int
    progress: Callback | None


def judge(text: str, profile: Profile = "web", *, thresholds: Thresholds | None = None) -> Judgement:
    """Measure a text and find the rule that removes it.

    Args:
        text: A repaired text (see `normalize`).
        profile: `web` or `books`.
        thresholds: Thresholds in place of the profile's; None switches a rule off.

    Returns:
        The rule with its value and threshold, and all measures.

    Raises:
        UsageError: There is no such profile or rule.

    Examples:
        >>> judgement = judge("Cumpără acum!")
        >>> judgement.kept, judgement.dropped.rule, judgement.dropped.value
        (False, 'words', 2.0)
        >>> judge("Cumpără acum!", thresholds={rule.id: None for rule in FILTER_RULES}).kept
        True
    """
    found = _rotext.judge(text, profile, list((thresholds or {}).items()))
    dropped = found["dropped"]
    return Judgement(None if dropped is None else BrokenRule(**dropped), found["measures"])


def redact(text: str) -> Redaction:
    """Replace personal data: CNP, IBAN, card numbers, e-mail addresses, telephone numbers.

    Args:
        text: Any text.

    Returns:
        The text and the number of items that were replaced.

    Examples:
        >>> redaction = redact("Scrieți la ana@exemplu.ro sau sunați la 0721 234 567.")
        >>> sorted(redaction.replaced.items())
        [('personal-email', 1), ('personal-telephone', 1)]
        >>> "ana@" in redaction.text
        False
    """
    clean, counts = _rotext.redact(text)
    return Redaction(clean, {kind: count for kind, count in counts if count})


def filter_files(
    inputs: Paths,
    out: str | PathLike[str],
    *,
    profile: Profile = "web",
    thresholds: Thresholds | None = None,
    annotate: bool = False,
    redact: bool = True,
    boilerplate: bool = True,
    diacritics: DiacriticsPolicy = "flag",
    text_field: str = "text",
    id_field: str | None = None,
    strict: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
) -> FilterResult:
    """Keep the documents that are Romanian prose worth training on.

    Args:
        inputs: Repaired text: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        profile: What the inputs hold: `web` or `books`.
        thresholds: Thresholds in place of the profile's; None switches a rule off.
        annotate: Remove nothing; write the measured values into the field `filter`.
        redact: Replace personal data.
        boilerplate: Cut cookie notices, buttons and links to other articles from web text.
        diacritics: Text without diacritics: `flag` it in the ledger, `drop` it or `keep` it.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        Counts, and the path of the ledger that says why each document was removed.

    Raises:
        RotoolsError: An option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Cumpără acum!"}', encoding="utf-8")
        >>> result = filter_files(folder / "web.jsonl", folder / "good.jsonl")
        >>> result.read.documents, result.read.filter["dropped"]
        (0, {'words': 1})
    """
    options = {name: value for name, value in locals().items() if name not in ("inputs", "out", "progress")}
    found = _filter(inputs, out, None, progress, options)
    return FilterResult(Path(out), ReadCounts(**found["read"]), Path(found["ledger"]))


def filter_shard(
    shard: tuple[int, int], inputs: Paths, out: str | PathLike[str], **options: Unpack[FilterOptions]
) -> ShardResult:
    """Run the first pass of `filter_files` on one shard. Then `filter_files` merges all shards.

    Args:
        shard: (number, of): number from 1, and how many shards there are.
        inputs: As for `filter_files`: all inputs, not a part of them.
        out: The file that `filter_files` is going to write.
        options: The keyword arguments of `filter_files`, the same for all shards.

    Returns:
        Counts of the shard.

    Raises:
        RotoolsError: An option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Cumpără acum!"}', encoding="utf-8")
        >>> [filter_shard((i, 2), folder / "web.jsonl", folder / "good.jsonl").records for i in (1, 2)]
        [0, 1]
        >>> filter_files(folder / "web.jsonl", folder / "good.jsonl").read.records
        1
    """
    progress = options.pop("progress", None)
    return shard_result(out, _filter(inputs, out, shard, progress, dict(options)))


def _filter(
    inputs: Paths,
    out: str | PathLike[str],
    shard: tuple[int, int] | None,
    progress: Callback | None,
    options: dict[str, Any],
) -> dict[str, Any]:
    options["thresholds"] = list((options.get("thresholds") or {}).items())
    return run(
        lambda counters: _rotext.filter(paths(inputs), out, shard=shard, progress=counters, **options),
        progress,
    )
