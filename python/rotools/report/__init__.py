"""The report of a pack: one offline page about every document and every decision."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotools.errors import InputError, Place
from rotools.files import write
from rotools.progress import Callback, run

__all__ = ["ReportResult", "report"]


@dataclass(frozen=True)
class ReportResult:
    """The page that was written."""

    out: Path
    rows: int
    """Decisions in the ledger."""
    rules: int
    """Different rules in it."""
    clusters: int
    """Clusters of duplicates on the page."""
    texts: int
    """Texts of documents on the page."""
    missing: str | None
    """Why texts are missing, or None."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools report --json` prints it."""
        return {
            "out": str(self.out),
            "rows": self.rows,
            "rules": self.rules,
            "clusters": self.clusters,
            "texts": self.texts,
        }


def report(
    pack: str | PathLike[str] = "pack",
    out: str | PathLike[str] | None = None,
    *,
    texts: bool = True,
    progress: Callback | None = None,
) -> ReportResult:
    """Write one offline HTML page: what happened to the documents, by stage and rule, with examples.

    Args:
        pack: The pack.
        out: The page to write. None: report.html in the pack.
        texts: Read the sources again for the texts of examples and duplicates.
        progress: Called with the state of reading the sources (see `rotools.progress`).

    Returns:
        What the page shows.

    Raises:
        RotoolsError: There is no pack, or its ledger or report is damaged.

    Examples:
        >>> import json, tempfile
        >>> import rotools
        >>> folder = Path(tempfile.mkdtemp())
        >>> lines = [json.dumps({"text": f"Propoziția {i} are mere și pere."}) for i in range(40)]
        >>> _ = (folder / "web.jsonl").write_text("\\n".join(lines))
        >>> _ = rotools.pack(folder / "web.jsonl", folder / "pack", vocab_size=300, filter=False, dedup=False)
        >>> report(folder / "pack").out.name
        'report.html'
    """
    # numpy is imported only for a page.
    from rotools.report.gather import gather
    from rotools.report.page import page

    pack = Path(pack)
    found = gather(pack, texts=texts, watch=lambda task: run(task, progress))
    path = pack / "report.html" if out is None else Path(out)
    try:
        content = page(found, f"Report of {pack.name}")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Everything else that the page shows was checked when it was read.
        what = f"the report of the pack is damaged: {type(error).__name__}: {' '.join(str(error).split())}"
        place = Place(str(pack / "report.json"))
        raise InputError(what, place, "copy it again, or pack the corpus again") from None
    write(path, content)
    ledger = found.ledger
    return ReportResult(
        path, ledger["rows"], len(ledger["rules"]), len(ledger["clusters"]), len(found.texts), found.missing
    )
