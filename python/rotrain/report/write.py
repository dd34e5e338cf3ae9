"""`write_report`: one page, or one table, about many runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, UsageError, reason
from rotrain.files import write_atomic
from rotrain.report.advice import repeat_sentence
from rotrain.report.charts import charts_of
from rotrain.report.figures import Figure, write_figures
from rotrain.report.latex import as_latex, figure_as_latex, section_as_latex
from rotrain.report.page import page, sections_of
from rotrain.report.results import Run, read_runs
from rotrain.report.section import as_markdown as section_as_markdown
from rotrain.report.table import NONE, WHY_NONE, as_csv, as_markdown, columns, rows_of

DEFAULT_TITLE = "Small language models for Romanian"
FORMS = (".html", ".md", ".csv", ".tex")


@dataclass(frozen=True)
class ReportResult:
    """A report on the disk.

    Attributes:
        out: The file.
        runs: Runs in the report.
        rows: One row for each variant: text by name of the column.
        notes: What was left out, and why.
    """

    out: Path
    runs: int
    rows: list[dict[str, str]]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain report --json` prints it."""
        return {"out": str(self.out), "rows": self.rows}


def write_report(
    runs: Sequence[str | PathLike[str]],
    out: str | PathLike[str] = "report.html",
    *,
    title: str = DEFAULT_TITLE,
) -> ReportResult:
    """Write one offline page about runs, or the table of all their variants alone.

    Args:
        runs: Run directories, with the results that `evaluate` and `run_benchmark` wrote there.
        out: File to write: .html, or .md, .csv, .tex for the table alone.
        title: Heading of the page.

    Raises:
        UsageError: There is no report of this form.
        RotrainError: A run cannot be read.

    Examples:
        >>> write_report(["runs/llama-mha-nano"], "table.md").runs
        1
    """
    file = Path(out)
    if file.suffix not in FORMS:
        raise UsageError(f"there is no report format {file.suffix!r}", hint="use .html, .md, .csv or .tex")
    found = read_runs([Path(run) for run in runs])
    figures, notes = list[Figure](), list[str]()
    try:
        if file.suffix in (".html", ".tex"):
            figures, notes = draw(found, file)
        content = render(found, title, file.suffix, figures, figures_of(file).name)
    except _OF_VALUES as error:
        raise _blame(found, title, file.suffix, error) from None
    write_atomic(file, content)
    heads = columns(found)
    return ReportResult(
        file,
        len(found),
        [{column.name: column.text(row) for column in heads} for row in rows_of(found)],
        notes,
    )


# What code raises over a value of another type than it expects. Every file was read whole, so nothing else can be wrong.
_OF_VALUES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def figures_of(file: Path) -> Path:
    """Return the folder of the figures of a report: `report-figures` beside report.html."""
    return file.with_name(f"{file.stem}-figures")


def draw(found: Sequence[Run], file: Path) -> tuple[list[Figure], list[str]]:
    """Write the charts of a report as SVG and PDF beside it.

    Args:
        found: The runs.
        file: The report.

    Returns:
        The figures; and why there are none, if matplotlib is not installed.
    """
    try:
        return write_figures(charts_of(found), figures_of(file)), []
    except RotrainError as error:
        return [], [f"{error.what}: {error.hint}" if error.hint else error.what]


def render(
    found: Sequence[Run], title: str, suffix: str, figures: Sequence[Figure] = (), folder: str = ""
) -> str:
    """Return the content of a report.

    Args:
        found: The runs.
        title: Heading of the page.
        suffix: `.html`, `.md`, `.csv` or `.tex`. CSV has the table of all variants alone.
        figures: Figures that LaTeX includes.
        folder: Folder of the figures, from the file of LaTeX.
    """
    if suffix == ".html":
        return page(found, title)
    heads, rows = columns(found), rows_of(found)
    if suffix == ".csv":
        return as_csv(heads, rows)
    sections = sections_of(found)
    if suffix == ".md":
        disturbed = [row for row in rows if row.disturbed]
        footnote = (
            f"\n~: other programs used the machine. {repeat_sentence(disturbed)}\n" if disturbed else ""
        )
        if any(not head.text(row) for head in heads for row in rows):
            footnote = f"\n{NONE}: {WHY_NONE}.\n{footnote}"
        return as_markdown(heads, rows) + footnote + "".join(map(section_as_markdown, sections))
    drawn = [figure_as_latex(figure, folder) for figure in figures]
    return "\n".join(
        [as_latex(heads, rows), *(section_as_latex(one) for one in sections if one.rows), *drawn]
    )


def _blame(found: Sequence[Run], title: str, suffix: str, error: Exception) -> RotrainError:
    """Find the run whose files hold a value that cannot be shown."""
    for run in found:
        try:
            render([run], title, suffix)
        except _OF_VALUES as own:
            error = own
            break
    return RotrainError(
        f"a record of the run holds a value that no report can show: {reason(error)}",
        place=run.path,
        hint="evaluate and bench the run again, or leave it out",
    )
