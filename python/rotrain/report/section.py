"""A further table of a report, once as data: the page, report.md and report.tex show the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A table with its heading. Without rows, the explanation says why there are none.

    Attributes:
        identity: Anchor of the page and label in LaTeX.
        name: Heading.
        explain: What the table says and how to read it.
        heads: Headings of the columns.
        rows: The cells of each row.
        left: Columns with text, which are aligned left; figures are aligned right.
    """

    identity: str
    name: str
    explain: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 2


def as_markdown(section: Section) -> str:
    """Return a heading, the explanation and the table.

    Examples:
        >>> print(as_markdown(Section("a", "A", "Why.", ("model", "bits"), (("x", "2.1"),), left=1)), end="")
        <BLANKLINE>
        ## A
        <BLANKLINE>
        Why.
        <BLANKLINE>
        | model | bits |
        |---|---|
        | x | 2.1 |
    """
    lines = ["", f"## {section.name}", "", section.explain, ""]
    if not section.rows:
        return "\n".join(lines)
    lines += ["| " + " | ".join(section.heads) + " |", "|" + "---|" * len(section.heads)]
    if not section.rows:
        return "\n".join(lines)
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in section.rows]
    return "\n".join(lines) + "\n"
