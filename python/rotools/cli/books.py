"""`rotools books`."""

from pathlib import Path
from typing import Annotated

import typer

from rotools.books import books as read_books
from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import Json, Quiet


def books(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders and files: .pdf .epub .docx .odt .rtf .fb2 .mobi .azw3 .doc .djvu .html .txt."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")],
    language: Annotated[
        str,
        typer.Option(
            help="Language of the shelf (ISO 639-1). If it is not ro, books are judged by letters and order, not by words. Not zh, ja, th: they have no blanks between words."
        ),
    ] = "ro",
    ocr: Annotated[bool, typer.Option(help="Read pages without a usable text layer with tesseract.")] = True,
    dpi: Annotated[int, typer.Option(min=72, max=1200, help="Resolution for OCR, in dots per inch.")] = 300,
    workers: Annotated[int, typer.Option(min=0, help="Processes. 0: one for each core.")] = 0,
    max_ram: Annotated[str, typer.Option(help="Memory of one worker, for example 2G.")] = "2G",
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for an answer before a file is skipped.")
    ] = 120.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read books: text in reading order, running heads removed, broken letters and hyphens repaired, scans by OCR.

    The output has one JSON line for each book, in the order of the names. OUT.ledger.parquet records what was removed and why
    (`rotools why`), also each file that was not read and each chapter that is missing. OUT.work/ keeps the results, so a
    stopped run continues and `rotools review OUT` can show the pages. OUT.decisions.jsonl has the decisions of a review;
    later runs apply them.

    \b
    Examples:
      rotools books shelf/ --out books.jsonl.zst
      rotools books shelf/ novel.epub --out books.jsonl --no-ocr --workers 8
      rotools books carti-franceze/ --out books.jsonl --language fr
      rotools review books.jsonl.zst
    """
    from rotools.books import ocr as tesseract
    from rotools.books.languages import tesseract_name

    with Display(quiet=quiet) as display:
        result = read_books(
            inputs,
            out,
            language=language,
            ocr=ocr,
            dpi=dpi,
            workers=workers,
            max_ram=max_ram,
            timeout=timeout,
            progress=display.callback,
        )
    if as_json:
        console.print_json(result.to_dict())
        return
    unread = ", ".join(f"{ending} {count:,}" for ending, count in sorted(result.unread.items()))
    console.say(
        f"{out}: {result.kept:,} of {result.books:,} books" + (f"; not read: {unread}" if unread else ""),
        quiet=quiet,
    )
    pages = ", ".join(f"{action} {count:,}" for action, count in sorted(result.pages.items()))
    console.say(f"  text: {result.bytes / 1e6:.1f} MB; pages: {pages or 'none'}", quiet=quiet)
    for rule, count in sorted(result.dropped.items()):
        console.say(f"  removed, {rule}: {count:,}", quiet=quiet)
    for rule, count in sorted(result.left_out.items()):
        unit = " characters" if rule.startswith("left-out ") else ""
        console.say(f"  parts, {rule}: {count:,}{unit}", quiet=quiet)
    console.say(f"  reasons: {result.ledger}; look at the pages: rotools review {out}", quiet=quiet)
    for what, hint in sorted(result.missing.items()):
        console.say(f"  {what}", quiet=quiet)
        console.say(f"hint: {hint}, then run the same command again", quiet=quiet)
    if result.wanting and ocr and result.tesseract is None:
        model = tesseract_name(language)
        _, missing = tesseract.find(model)
        console.say(f"  {result.wanting:,} pages need OCR, and {missing}", quiet=quiet)
        console.say(f"hint: {tesseract.install(model)}, then run the same command again", quiet=quiet)
