"""What to use: the cells no other beats, in words, and only as far as the intervals go."""

from __future__ import annotations

from collections.abc import Sequence

from rotrain.report.rank import better
from rotrain.report.table import MIB, Row


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
    sized = [row for row in scored if row.file_bytes is not None]
    small = [row for row in sized if not better(best.text[domain], row.text[domain])]
    if small:
        least = min(small, key=lambda row: row.file_bytes or 0)
        if least is not best:
            said.append(f"The smallest file not measurably worse is {least.cell.name}, {_mib(least)}.")
    within = [row for row in sized if _relative(row, best, domain) <= 0.02]
    if within:
        least = min(within, key=lambda row: row.file_bytes or 0)
        said.append(f"Within 2 % of the best, the smallest is {least.cell.name}, {_mib(least)}.")
    quick = [row for row in scored if row.speed is not None and _relative(row, best, domain) <= 0.02]
    if quick:
        fastest = max(quick, key=lambda row: row.speed or 0)
        said.append(
            f"Within 2 % of the best, the fastest measured here is {fastest.cell.name}, "
            f"{fastest.speed:.0f} tokens a second."
        )
    return said


def _relative(row: Row, best: Row, domain: str) -> float:
    least = best.text[domain]["bits_per_byte"]["value"]
    return float(row.text[domain]["bits_per_byte"]["value"] / least - 1)


def _mib(row: Row) -> str:
    return f"{(row.file_bytes or 0) / MIB:.1f} MiB"
