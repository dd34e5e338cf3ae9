"""What to use: the cells no other beats, in words, and only as far as the intervals go."""

from __future__ import annotations

from collections.abc import Sequence

from rotrain.report.rank import better
from rotrain.report.table import MIB, Row

NEAR = 0.02  # of bits a byte: what a reader would give for a smaller file


def advice(rows: Sequence[Row], domain: str) -> list[str]:
    """Sentences about a domain: the best, its equals, and the smallest file that is not worse."""
    scored = [row for row in rows if domain in row.text]
    if not scored:
        return []
    first = [row for row in scored if row.ranks[domain] == 1]
    best = min(first, key=lambda row: row.text[domain]["bits_per_byte"]["value"])
    said = [
        f"{domain}: lowest is {best.cell.name}, {best.text[domain]['bits_per_byte']['value']:.3f} bits a byte."
    ]
    equals = [row.cell.name for row in first if row is not best]
    if equals:
        said.append(f"The data does not tell it from {', '.join(equals)}: more held-out text would.")
    near = [row for row in scored if _relative(row, best, domain) <= NEAR]
    merits: dict[str, list[str]] = {}
    equal = [row for row in scored if row.file_bytes and not better(best.text[domain], row.text[domain])]
    for rows_, merit in (
        (equal, "the smallest file not measurably worse"),
        (near, "the smallest within 2 %"),
    ):
        sized = [row for row in rows_ if row.file_bytes]
        if sized:
            least = min(sized, key=lambda row: row.file_bytes or 0)
            merits.setdefault(least.cell.name, []).append(
                f"{merit} ({(least.file_bytes or 0) / MIB:.1f} MiB)"
            )
    timed = [row for row in near if row.speed]
    if timed:
        fastest = max(timed, key=lambda row: row.speed or 0)
        merit = (
            f"the fastest measured here within 2 % ({fastest.speed:.0f} tokens a second in {fastest.engine})"
        )
        merits.setdefault(fastest.cell.name, []).append(merit)
    said += [f"{name} is {', '.join(found)}." for name, found in merits.items()]
    return said


def _relative(row: Row, best: Row, domain: str) -> float:
    least = best.text[domain]["bits_per_byte"]["value"]
    return float(row.text[domain]["bits_per_byte"]["value"] / least - 1)
