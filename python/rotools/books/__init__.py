"""Read books: folders of PDF, EPUB, DOCX and other files, to one JSON line for each book.

Each book is read in a worker process (`worker`), because damaged files crash and hang their readers. The main process (`run`)
assigns the files, ends workers that do not answer, and writes the results in the order of the names.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotools.books.languages import tesseract_name
from rotools.books.run import Options, Screen, read_books
from rotools.errors import UsageError
from rotools.options import Paths, paths, size_bytes
from rotools.progress import Callback, Status, run_with

if TYPE_CHECKING:
    from rotools.books.review import Review

__all__ = ["BooksResult", "books", "review"]

OPTIONS = Options()


@dataclass(frozen=True)
class BooksResult:
    """Counts of `books`."""

    out: Path
    tesseract: str | None
    """Version of tesseract; None: it cannot be used."""
    books: int
    """Books that were found, read or not."""
    kept: int
    dropped: dict[str, int]
    """Removed books, by rule."""
    pages: dict[str, int]
    """Pages by action: `keep`, `repair`, `ocr`, `drop`, `blank`."""
    bytes: int
    """UTF-8 bytes of the texts."""
    wanting: int
    """Pages that need OCR and got none."""
    unread: dict[str, int]
    """Files of the shelf that were not read, by the ending of their names. The ledger has the reason of each."""
    left_out: dict[str, int]
    """Lost parts of books (`chapter-missing`), and characters that are no text of a book (`left-out header`), by rule."""
    missing: dict[str, str]
    """Programs that are needed to read a file, and lists of words that cannot be used: what is missing, and what to do."""
    ignored: int
    """Files that are no books: locks of Word, notes of file managers. They are in the ledger and in no other count."""
    ledger: Path
    """The Parquet file of decisions."""
    work: Path
    """The folder with the results of single books."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools books --json` prints it."""
        first = {"out": str(self.out), "tesseract": self.tesseract}
        return {**first, **vars(self), **first, "ledger": str(self.ledger), "work": str(self.work)}


def books(
    inputs: Paths,
    out: str | PathLike[str],
    *,
    language: str = OPTIONS.language,
    ocr: bool = OPTIONS.ocr,
    dpi: int = OPTIONS.dpi,
    workers: int = OPTIONS.workers,
    max_ram: int | str = OPTIONS.max_ram,
    timeout: float = OPTIONS.seconds,
    progress: Callback | None = None,
) -> BooksResult:
    """Read books: text in reading order, without running heads, with broken letters and hyphens repaired.

    A run that was stopped continues when it is called again. The decisions of a review are applied.

    Args:
        inputs: Folders and files: PDF, EPUB (also unpacked), DOCX, DOC, ODT, RTF, FB2, MOBI, AZW3, DJVU, HTML, text.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz, one line a book, in the order of the names.
        language: The language of the shelf, as a code of ISO 639-1. Books in other languages than Romanian are judged by
            letters and order, not by words, and are not repaired.
        ocr: Read pages without a usable text layer with tesseract, if it is installed.
        dpi: Resolution of the pictures for OCR, in dots per inch.
        workers: Processes. 0: one for each core.
        max_ram: Memory of one worker, in bytes or as `2G`.
        timeout: Seconds to wait for an answer before a file is skipped.
        progress: Called with the state of the work (see `rotools.progress`). `done` and `total` are bytes of files.

    Returns:
        Counts, and the path of the ledger that says why books and pages were removed.

    Raises:
        RotoolsError: There is no book, the language is not known, or the output cannot be written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "poveste.txt").write_text("A fost odată ca niciodată un împărat.\\n" * 9, encoding="utf-8")
        >>> result = books(folder / "poveste.txt", folder / "books.jsonl")
        >>> result.books, result.kept
        (1, 1)
    """
    from rotools.books import ocr as tesseract

    out = Path(out)
    if out.suffix not in (".jsonl", ".zst", ".gz") or not out.name.removesuffix(out.suffix):
        raise UsageError(
            f"invalid output {str(out)!r}", hint="end the name in .jsonl, .jsonl.zst or .jsonl.gz"
        )
    model = tesseract_name(language)
    options = Options(
        language=language, workers=workers, ocr=ocr, dpi=dpi, max_ram=size_bytes(max_ram), seconds=timeout
    )
    screen = Screen()
    summary = run_with(
        lambda: read_books([Path(path) for path in paths(inputs)], out, options, screen),
        lambda: _status(screen),
        screen.stop.set,
        progress,
    )
    program, version = tesseract.find(model)
    summary |= {"ledger": Path(summary["ledger"]), "work": Path(summary["work"])}
    return BooksResult(out, version if program else None, **summary)


def review(books: str | PathLike[str]) -> "Review":
    """Open the result of `books` for a review: list the books, look at their pages, record decisions.

    `Review.serve` shows them in a browser on this machine. `Review.write_page` writes one page that needs no server.

    Args:
        books: The file that `books` wrote.

    Raises:
        RotoolsError: The file was not written by `books`, or its work folder is gone.

    Examples:
        >>> import tempfile
        >>> import rotools
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "poveste.txt").write_text("A fost odată ca niciodată un împărat.\\n" * 9, encoding="utf-8")
        >>> _ = rotools.books(folder / "poveste.txt", folder / "books.jsonl")
        >>> [row["id"] for row in review(folder / "books.jsonl").listing()]
        ['poveste.txt']
    """
    # The server's modules are imported only for a review.
    from rotools.books.review import Review

    return Review(Path(books))


def _status(screen: Screen) -> Status:
    ocr = f", {screen.recognized:,} pages of OCR" if screen.recognized else ""
    note = f"{screen.books:,}/{screen.total:,} books, {screen.pages:,} pages{ocr}"
    return Status("books", 1, screen.total_bytes, screen.bytes, note=note)
