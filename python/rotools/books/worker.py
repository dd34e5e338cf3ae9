"""The process that reads books: jobs as JSON lines on stdin, progress and results as JSON lines on stdout.

It may crash or hang at any file; only that file is lost. Its memory is limited before it opens the first file.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.books import ocr, texts
from rotools.distribution import install
from rotools.errors import ResourceError, RotoolsError

__all__ = ["library", "main"]

Result = dict[str, Any]

SAMPLES = 3
"""Pages of a scan on which OCR checks the text layer. A page takes about 5 s."""


def library() -> Path:
    """Find PDFium, the library that the package `pypdfium2` contains.

    Raises:
        ResourceError: The package is not installed.
    """
    from importlib.util import find_spec

    found = find_spec("pypdfium2_raw")
    names = ("libpdfium.so", "libpdfium.dylib", "pdfium.dll")
    for folder in found.submodule_search_locations or [] if found else []:
        for name in names:
            if (Path(folder) / name).exists():
                return Path(folder) / name
    raise ResourceError("PDF files need the package pypdfium2", hint=install("books"))


def _say(message: Result) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _read_pdf(job: Result) -> Result:
    path, work, key = Path(job["path"]), Path(job["work"]), job["key"]
    book = _rotext.PdfBook(path, library())
    pages = book.pages
    for page in range(pages):
        book.read_next()
        if page % 8 == 0:
            _say({"page": page, "pages": pages, "doing": "read"})
    wanting = sorted({*book.judge(), *(page - 1 for page in job["again"] if 0 < page <= pages)})
    failures: list[str] = []

    def recognize(wanted: list[int], samples: list[int]) -> None:
        for done, page in enumerate(wanted):
            _say({"page": done, "pages": len(wanted), "doing": "ocr"})
            table = work / f"{key}.{page}.tsv"
            try:
                tsv, height = _recognize(book, page, table, job)
            except RotoolsError as error:
                failures.append(f"page {page + 1}: {error}")
                continue
            book.recognized(page, tsv, job["dpi"], height, page in samples)

    if job["ocr"]:
        samples = [page for page in book.samples(SAMPLES) if page not in wanting]
        recognize(sorted([*wanting, *samples]), samples)
        recognize(book.doubted(), [])
    result: Result = book.finish([])
    result["wanting"] = len(wanting)
    result["failures"] = failures[:20]
    return result


def _recognize(book: _rotext.PdfBook, page: int, table: Path, job: Result) -> tuple[str, int]:
    """Return tesseract's table for a page, from an earlier run if there is one."""
    if table.exists():
        first, _, tsv = table.read_text(encoding="utf-8").partition("\n")
        return tsv, int(first)
    width, height, pixels = book.render(page, job["dpi"])
    tsv = ocr.read_picture(width, height, pixels, dpi=job["dpi"], seconds=job["seconds"])
    _write(table, f"{height}\n{tsv}")
    return tsv, height


def _write(path: Path, text: str) -> None:
    """Write a file completely or not at all. The part has the number of this process in its name, because a worker of a killed
    run may still read the same book."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="")
    os.replace(part, path)


def _read_other(job: Result) -> Result:
    text, stretches = _rotext.read_text(texts.read(Path(job["path"])))
    pages = [
        {
            "action": "keep",
            "measures": measures,
            "score": score,
            "fault": None,
            "pictures": 0.0,
            "agreement": None,
            "furniture": 0,
        }
        for measures, score, _ in stretches
    ]
    return {
        "text": text, "starts": [[page, byte] for page, (_, _, byte) in enumerate(stretches)], "pages": pages, "repairs": [], "notes": 0, "furniture": 0, "wanting": 0,
        "failures": [],
    }  # fmt: skip


def _render(job: Result) -> Result:
    """Draw one page of a book as a PNG file, for people."""
    from rotools.books.png import png

    book = _rotext.PdfBook(Path(job["path"]), library())
    Path(job["out"]).write_bytes(png(*book.render(job["page"], job["dpi"])))
    return {"done": job["key"]}


def _work(job: Result) -> Result:
    if job.get("page") is not None:
        return _render(job)
    pdf = Path(job["path"]).suffix.lower() == ".pdf"
    try:
        result = _read_pdf(job) if pdf else _read_other(job)
    except MemoryError:
        return {"failed": "memory", "what": "the file needs more memory than --max-ram allows"}
    except Exception as error:
        return {
            "failed": "unreadable",
            "what": str(error).removeprefix(f"{job['path']}: ") or type(error).__name__,
        }
    _write(Path(job["work"]) / f"{job['key']}.txt", result.pop("text"))
    return {"result": result}


def _die_with_parent() -> None:
    """Ask the kernel to end this process with its parent. A parent that is killed cannot end its workers, and a worker may
    hang in a file."""
    if sys.platform == "linux":
        set_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def main(max_ram: int) -> None:
    """Read jobs until stdin ends.

    Args:
        max_ram: Limit of the address space, in bytes.
    """
    _die_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (max_ram, max_ram))
    # The output of a library must not look like an answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(answers, "w", encoding="utf-8")
    _say({"ready": True})
    for line in sys.stdin:
        job = json.loads(line)
        _say({"answer": _work(job)})


if __name__ == "__main__":
    main(int(sys.argv[1]))
