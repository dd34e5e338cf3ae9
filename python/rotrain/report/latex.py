"""The tables of a report for a thesis: quality and cost apart, with captions and labels (needs the packages booktabs and longtable).

A `table` of LaTeX is never broken over pages: what does not fit is cut. So a table that may be higher than a page is a `longtable`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rotrain.report.figures import Figure
from rotrain.report.groups import Model, compare_models, engines_of, models_of
from rotrain.report.section import Section
from rotrain.report.table import NONE, Column, Row

FLOAT_LINES = 32
"""Lines of a table and its caption that surely fit on a page: an article of A4 in 10 pt has about 45, and booktabs adds space."""
CELL_SIGNS, CAPTION_SIGNS = 32, 70
"""Signs of a line in the wide column and in a caption, for the same estimate."""
# Signs that LaTeX reads as commands.
_SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def as_latex(heads: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return a document fragment with a table of architectures over seeds for each domain, of quality, and of cost."""
    models = models_of([(row.run, row.cell) for row in rows])
    tables = [
        _seeds(models, domain, engine) for domain in _domains(rows) for engine in engines_of(models, domain)
    ]
    for cost, label, caption in (
        (
            False,
            "quality",
            "Quality of each model and variant. Bits per byte with 95\\,\\% intervals over documents; lower is better.",
        ),
        (
            True,
            "cost",
            "Size, speed and memory of each model and variant. Speeds of two engines compare the engines.",
        ),
    ):
        if cost and any(row.disturbed for row in rows):
            caption += " A figure with a tilde was disturbed by other programs, and is likely too low."
        kept = [head for head in heads if head.cost in (None, cost)]
        if len(kept) > 2:
            body = [[head.text(row) for head in kept] for row in rows]
            tables.append(_table([head.name for head in kept], body, caption, label))
    return "\n".join(tables)


def section_as_latex(section: Section) -> str:
    """Return a further table of the report; the last column of text breaks its lines."""
    body = [list(row) for row in section.rows]
    return _table(section.heads, body, escape(section.explain), section.identity, left=section.left)


def figure_as_latex(figure: Figure, folder: str) -> str:
    """Return a figure with its caption and label (needs the package graphicx)."""
    return "\n".join(
        [
            r"\begin{figure}",
            r"\centering",
            rf"\includegraphics[width=\linewidth]{{{folder}/{figure.name}.pdf}}",
            rf"\caption{{{escape(figure.caption)}}}",
            rf"\label{{fig:{figure.name}}}",
            r"\end{figure}",
            "",
        ]
    )


def _domains(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(domain for row in rows for domain in row.text))


def _seeds(models: Sequence[Model], domain: str, engine: str) -> str:
    found = compare_models(models, domain, engine)
    body = []
    for group, interval, rank in zip(found.groups, found.intervals, found.ranks, strict=True):
        ends = "" if interval.low is None else f" [{interval.low:.3f}, {interval.high:.3f}]"
        sd = "" if group.sd is None else f"{group.sd:.4f}"
        body.append(
            [
                *(group.name, group.variant, str(len(group.scores)), f"{group.mean:.3f}{ends}", sd),
                "" if group.median is None else f"{group.median:.3f}",
                "" if rank is None else str(rank),
            ]
        )
    caption = (
        f"Bits per byte on {escape(domain)} in {escape(engine)}: mean over the seeds of the training, with 95\\,\\% intervals over seeds and documents. A rank needs "
        "three seeds; ranks differ where Holm's correction leaves the difference significant."
    )
    heads = ["model", "variant", "seeds", "bits/byte", "sd of a seed", "median document", "rank"]
    return _table(heads, body, caption, f"seeds-{domain}-{engine}")


def _table(
    heads: Sequence[str], body: Sequence[Sequence[str]], caption: str, label: str, left: int = 2
) -> str:
    if not all(map(all, body)):
        caption += f" {NONE}: not measured, or there is none."
        body = [[cell or NONE for cell in row] for row in body]
    # A table of text alone has long cells at its end.
    is_text = left == len(heads)
    columns = "l" * left + "r" * (len(heads) - left)
    if is_text:
        columns = columns[:-1] + r"p{0.55\linewidth}"
    name = "".join(sign if sign.isalnum() else "-" for sign in label)
    named = [rf"\caption{{{caption}}}", rf"\label{{tab:{name}}}"]
    head = [r"\toprule", " & ".join(map(escape, heads)) + r" \\", r"\midrule"]
    rows = [" & ".join(map(escape, row)) + r" \\" for row in body]
    heights = [-(-len(row[-1]) // CELL_SIGNS) if is_text else 1 for row in body]
    if -(-len(caption) // CAPTION_SIGNS) + sum(max(1, height) for height in heights) > FLOAT_LINES:
        lines = _over_pages(columns, named, head, rows, len(heads))
    else:
        lines = [r"\begin{table}", r"\centering", *named, rf"\begin{{tabular}}{{{columns}}}", *head, *rows]
        lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join([*lines, ""])


def _over_pages(
    columns: str, named: Sequence[str], head: Sequence[str], rows: Sequence[str], count: int
) -> list[str]:
    """Return the lines of a table that goes on over pages, with its heads on each."""
    return [
        r"\begingroup",
        r"\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{columns}}}",
        *named[:-1],
        rf"{named[-1]} \\",
        *head,
        r"\endfirsthead",
        *head,
        r"\endhead",
        r"\midrule",
        rf"\multicolumn{{{count}}}{{r}}{{continued on the next page}} \\",
        r"\endfoot",
        r"\bottomrule",
        r"\endlastfoot",
        *rows,
        r"\end{longtable}",
        r"\endgroup",
    ]


def escape(text: str) -> str:
    """Return a text as LaTeX shows it.

    Examples:
        >>> escape("q4_k_m: 5 %")
        'q4\\\\_k\\\\_m: 5 \\\\%'
    """
    return "".join(_SIGNS.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)
