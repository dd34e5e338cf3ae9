"""`write_report`: one page, or one table, about many runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.errors import UsageError
from rotrain.files import write_atomic
from rotrain.report.page import page
from rotrain.report.results import read_runs
from rotrain.report.table import as_csv, as_latex, as_markdown, columns, rows_of

DEFAULT_TITLE = "Small language models for Romanian"
_TABLES = {".md": as_markdown, ".csv": as_csv, ".tex": as_latex}


@dataclass(frozen=True)
class ReportResult:
    """A report on the disk.

    Attributes:
        out: The file.
        runs: Runs in the report.
        rows: One row for each variant: text by name of the column.
    """

    out: Path
    runs: int
    rows: list[dict[str, str]]

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
    if file.suffix not in (".html", *_TABLES):
        raise UsageError(
            f"there is no report of the form {file.suffix!r}", hint="take .html, .md, .csv or .tex"
        )
    found = read_runs([Path(run) for run in runs])
    rows, heads = rows_of(found), columns(found)
    write_atomic(file, page(found, title) if file.suffix == ".html" else _TABLES[file.suffix](heads, rows))
    texts = [{column.name: column.text(row) for column in heads} for row in rows]
    return ReportResult(file, len(found), texts)
