"""`rotools books`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rotools.background import Background
from rotools.cli import console
from rotools.cli.options import Json, Quiet, size


def books(
    inputs: Annotated[list[Path], typer.Argument(help="Folders and files: .pdf .epub .docx .html .txt.")],
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")],
    ocr: Annotated[bool, typer.Option(help="Read pages without a usable text layer with tesseract.")] = True,
    dpi: Annotated[int, typer.Option(min=72, max=1200, help="Dots an inch for OCR.")] = 300,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core.")] = 0,
    max_ram: Annotated[str, typer.Option(help="Memory of one worker, for example 2G.")] = "2G",
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds without a sign of life after which a file is given up.")
    ] = 120.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read books: text in the order of reading, running heads off, broken letters and hyphens repaired, scans by OCR.

    One JSON line a book, in the order of the names. What went and why is in OUT.ledger.parquet (`rotools why`).
    OUT.work/ keeps the results, so a stopped run goes on and `rotools review OUT` can show the pages; what a person
    decides there (OUT.decisions.jsonl) is replayed.

    \b
    Examples:
      rotools books shelf/ --out books.jsonl.zst
      rotools books shelf/ novel.epub --out books.jsonl --no-ocr --workers 8
      rotools review books.jsonl.zst
    """
    from rotools.books import Options, read_books
    from rotools.books import ocr as tesseract
    from rotools.books.run import Screen

    options = Options(workers=workers, ocr=ocr, dpi=dpi, max_ram=size(max_ram), seconds=timeout)
    if out.suffix not in (".jsonl", ".zst", ".gz") or not out.name.removesuffix(out.suffix):
        raise typer.BadParameter(f"{out}: the file must end in .jsonl, .jsonl.zst or .jsonl.gz")
    screen = Screen()
    summary = _watch(lambda: read_books(inputs, out, options, screen), screen, quiet=quiet)
    program, said = tesseract.find()
    if as_json:
        console.print_json({"out": str(out), "tesseract": said if program else None, **summary})
        return
    console.say(
        f"{out}: {summary['kept']:,} of {summary['books']:,} books, {summary['bytes'] / 1e6:.1f} MB of text",
        quiet=quiet,
    )
    pages = ", ".join(f"{action} {count:,}" for action, count in sorted(summary["pages"].items()))
    console.say(f"  pages: {pages or 'none'}", quiet=quiet)
    for rule, count in sorted(summary["dropped"].items()):
        console.say(f"  left out, {rule}: {count:,}", quiet=quiet)
    console.say(f"  why each went: {summary['ledger']}; look at them: rotools review {out}", quiet=quiet)
    if summary["wanting"] and ocr and program is None:
        console.say(f"  {summary['wanting']:,} pages need OCR, and {said}", quiet=quiet)
        console.say(f"hint: {tesseract.INSTALL}, then run the same command again", quiet=quiet)


def _watch(work: Callable[[], dict[str, Any]], screen: Any, *, quiet: bool) -> dict[str, Any]:
    """Runs `work` in a thread with a bar or lines of progress; Ctrl-C stops it and its processes."""
    running = Background(work, screen.stop.set)
    if quiet:
        return running.result()
    show = _draw if sys.stderr.isatty() else _log
    return running.result(lambda running: show(running, screen))


def _state(screen: Any, began: float) -> str:
    seconds = max(time.monotonic() - began, 1e-3)
    ocr = f", {screen.recognized:,} pages of OCR" if screen.recognized else ""
    return f"{screen.books:,}/{screen.total:,} books, {screen.pages / seconds:,.0f} pages/s{ocr}"


def _log(running: Background[Any], screen: Any) -> None:
    began = time.monotonic()
    while running.runs(console.LOG_SECONDS):
        seconds = time.monotonic() - began
        left = seconds * (screen.total_bytes - screen.bytes) / screen.bytes if screen.bytes else 0
        console.say(f"books: {_state(screen, began)}" + (f", about {left:.0f} s left" if left else ""))


def _draw(running: Background[Any], screen: Any) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("books"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        began = time.monotonic()
        task = bars.add_task("books", total=None, state="")
        while running.runs(0.2):
            bars.update(
                task, total=screen.total_bytes or None, completed=screen.bytes, state=_state(screen, began)
            )
