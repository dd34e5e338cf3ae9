"""The answer of a report in plain words: which model to use, why, and what the data cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rotrain.report.rank import better
from rotrain.report.table import MIB, Row

NEAR = 0.02
"""Relative difference in bits per byte that a user accepts for a smaller or faster model."""
FEW_DOCUMENTS = 30


@dataclass(frozen=True)
class Answer:
    """The answer for one domain.

    Args:
        headline: The recommendation, one sentence.
        reasons: Sentences with the figures behind it.
        cautions: Sentences that say what the data cannot tell.
    """

    headline: str
    reasons: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """All of it, in order."""
        return [self.headline, *self.reasons, *self.cautions]


def advice(rows: Sequence[Row], domain: str) -> Answer | None:
    """Answer "which model should I use?" for the text of one domain.

    The recommendation is the fastest timed model within 2 % of the best bits per byte; without timings it is the smallest file
    within 2 %, and without files the best model.

    Args:
        rows: All models and variants, with their ranks.
        domain: The name of the text, for example `web`.

    Returns:
        The answer, or None if no row was evaluated on this domain.
    """
    scored = [row for row in rows if domain in row.text]
    if not scored:
        return None
    first = [row for row in scored if row.ranks[domain] == 1]
    best = min(first, key=lambda row: _bits(row, domain))
    near = [row for row in scored if _bits(row, domain) <= _bits(best, domain) * (1 + NEAR)]
    timed = [row for row in near if row.speed]
    sized = [row for row in near if row.file_bytes]
    if timed:
        use = max(timed, key=lambda row: row.speed or 0)
        because = f"it is the fastest within 2 % of the best ({use.speed:.0f} tokens/s in {use.engine})"
    elif sized:
        use = min(sized, key=lambda row: row.file_bytes or 0)
        because = f"it is the smallest file within 2 % of the best ({(use.file_bytes or 0) / MIB:.1f} MiB)"
    else:
        use, because = best, "it has the lowest bits per byte"
    reasons = [
        f"Lowest bits per byte on {domain}: {best.cell.name} with {_bits(best, domain):.3f}.",
        *_equals(first, best),
        *_smallest(scored, near, best, domain),
    ]
    headline = f"On this machine, for text like {domain}, use {use.cell.name}, because {because}."
    return Answer(headline, reasons, list(_cautions(rows, scored, best, domain)))


def _equals(first: Sequence[Row], best: Row) -> list[str]:
    names = [row.cell.name for row in first if row is not best]
    if not names:
        return []
    return [f"The data cannot tell it from {_joined(names)}."]


def _smallest(scored: Sequence[Row], near: Sequence[Row], best: Row, domain: str) -> list[str]:
    """The smallest file that is not measurably worse, and the smallest within 2 %."""
    equal = [row for row in scored if row.file_bytes and not better(best.text[domain], row.text[domain])]
    merits: dict[str, list[str]] = {}
    for group, merit in ((equal, "not measurably worse than the best"), (near, "within 2 % of the best")):
        sized = [row for row in group if row.file_bytes]
        if sized:
            least = min(sized, key=lambda row: row.file_bytes or 0)
            size = f"{least.cell.name} ({(least.file_bytes or 0) / MIB:.1f} MiB)"
            merits.setdefault(size, []).append(merit)
    return [f"The smallest file {' and '.join(found)}: {name}." for name, found in merits.items()]


def _cautions(rows: Sequence[Row], scored: Sequence[Row], best: Row, domain: str) -> list[str]:
    said = []
    documents = best.text[domain].get("documents")
    if documents is not None and documents < FEW_DOCUMENTS:
        said.append(
            f"Only {documents} held-out documents were scored: the intervals speak of these texts, not of all texts like them."
        )
    seeds: dict[str, set[int]] = {}
    for row in scored:
        seeds.setdefault(row.run.arch, set()).add(int(row.run.config.get("seed", 0)))
    if len(seeds) > 1 and all(len(found) == 1 for found in seeds.values()):
        said.append(
            "Each architecture was trained once (one seed). The intervals cover the choice of documents, not the luck of a seed: "
            "repeat the study with three seeds before you rank architectures."
        )
    disturbed = [row.cell.name for row in rows if row.disturbed]
    if disturbed:
        said.append(
            f"Other programs disturbed the timing of {_joined(disturbed)}: time them again on a quiet machine."
        )
    missing = [row.cell.name for row in rows if domain not in row.text]
    if missing:
        said.append(f"Not evaluated on {domain}: {_joined(missing)}.")
    return said


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _bits(row: Row, domain: str) -> float:
    return float(row.text[domain]["bits_per_byte"]["value"])
