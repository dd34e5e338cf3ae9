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
from rotools.books import formats, ocr, words
from rotools.books.formats.programs import MissingProgram
from rotools.books.language import Foreign, foreign
from rotools.books.languages import ROMANIAN, tesseract_name
from rotools.distribution import install
from rotools.errors import ResourceError, RotoolsError
from rotools.files import write

__all__ = ["library", "main"]

Result = dict[str, Any]

SAMPLES = 3
"""Pages of a scan on which OCR checks the text layer. A page takes about 5 s."""


LAYER_WORDS = 20
"""A page with fewer words says nothing about the language of its book."""


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
    work, key = Path(job["work"]), job["key"]
    book = _rotext.PdfBook(Path(job["path"]), library(), words.judge(job["language"], job["general"]))
    pages = book.pages
    for page in range(pages):
        book.read_next()
        if page % 8 == 0:
            _say({"page": page, "pages": pages, "doing": "read"})
    wanting = sorted({*book.judge(), *(page - 1 for page in job["again"] if 0 < page <= pages)})
    failures: list[str] = []
    # OCR would only find out, for five seconds a page, that a book is in another language.
    romanian = job["language"] == ROMANIAN
    other = _foreign_layer(book.text_layer()) if wanting and romanian else None

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

    if job["ocr"] and (other is None or job["again"]):
        samples = [page for page in book.samples(SAMPLES) if page not in wanting]
        recognize(sorted([*wanting, *samples]), samples)
        recognize(book.doubted(), [])
    result: Result = book.finish([])
    left_out = result.pop("left_out").items()
    result["parts"] = [["flag", f"left-out {name}", "", count] for name, count in left_out if count]
    result["wanting"] = len(wanting)
    result["failures"] = failures[:20]
    return _with_language(result, None if job["again"] else other) if romanian else result


def _foreign_layer(layer: str) -> Foreign | None:
    """Find the language of a text layer, if half of the pages have one: a scan may begin with a page of its publisher."""
    pages = layer.split("\n")
    written = sum(page.count(" ") >= LAYER_WORDS for page in pages)
    return foreign(layer) if 2 * written >= len(pages) - 1 else None


def _with_language(result: Result, other: Foreign | None = None) -> Result:
    if other := other or foreign(result["text"]):
        result["foreign"] = {"language": other.language, "romanian": other.romanian}
        result["wanting"] = 0
    return result


def _recognize(book: _rotext.PdfBook, page: int, table: Path, job: Result) -> tuple[str, int]:
    """Return tesseract's table for a page, from an earlier run if there is one."""
    if table.exists():
        first, _, tsv = table.read_text(encoding="utf-8").partition("\n")
        return tsv, int(first)
    width, height, pixels = book.render(page, job["dpi"])
    model = tesseract_name(job["language"])
    tsv = ocr.read_picture(width, height, pixels, dpi=job["dpi"], seconds=job["seconds"], model=model)
    write(table, f"{height}\n{tsv}")
    return tsv, height


def _read_other(job: Result) -> Result:
    book = formats.read(Path(job["path"]), job["seconds"])
    text, stretches = _rotext.read_text(book.text, words.judge(job["language"], job["general"]))
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
    result = {
        "text": text, "starts": [[page, byte] for page, (_, _, byte) in enumerate(stretches)], "pages": pages, "repairs": [], "notes": 0, "furniture": 0, "wanting": 0,
        "failures": [], "parts": [[part.action, _printable(part.rule), _printable(part.where), part.value] for part in book.parts],
    }  # fmt: skip
    return _with_language(result) if job["language"] == ROMANIAN else result


def _render(job: Result) -> Result:
    """Draw one page of a book as a PNG file, for people."""
    from rotools.books.png import png

    book = _rotext.PdfBook(Path(job["path"]), library())
    Path(job["out"]).write_bytes(png(*book.render(job["page"], job["dpi"])))
    return {"done": job["key"]}


def _load(language: str, general: bool) -> Result | None:
    """Load the lists of words. Returns an answer if that fails: no file is to blame, so it is tried again."""
    try:
        words.judge(language, general)
    except MemoryError:
        return {
            "failed": "memory",
            "what": "the lists of words need more memory than --max-ram allows",
            "again": True,
        }
    except Exception as error:
        what = _printable(str(error)) or type(error).__name__
        return {"failed": "unreadable", "what": f"the lists of words cannot be loaded: {what}", "again": True}
    return None


def _work(job: Result) -> Result:
    if job.get("page") is not None:
        return _render(job)
    path = Path(job["path"])
    try:
        result = _read_pdf(job) if formats.kind_of(path) == "pdf" else _read_other(job)
    except MemoryError:
        return {"failed": "memory", "what": "the file needs more memory than --max-ram allows"}
    except MissingProgram as error:
        return {"failed": "needs-program", "what": error.what, "hint": error.hint, "again": True}
    except TimeoutError as error:
        return {"failed": "timeout", "what": str(error), "again": True}
    except Exception as error:
        what = str(error).removeprefix(f"{path}: ") or type(error).__name__
        # What the system refused may succeed the next time. What the bytes of a file are stays as it is.
        again = isinstance(error, (OSError, ResourceError))
        return {"failed": "unreadable", "what": _printable(what), "again": again}
    try:
        write(Path(job["work"]) / f"{job['key']}.txt", result.pop("text"))
    except ResourceError as error:
        return {"refused": [error.what, error.place and error.place.path, error.hint]}
    return {"result": result}


def _printable(text: str) -> str:
    """Return a text that can be written as UTF-8. A name of a file may hold bytes that cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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
        failed = None
        if language := job.get("lists"):
            _say({"answer": _load(language, True) or {"lists": language}})
            continue
        if job.get("page") is None:
            # The lists of words take a second or more: that is not the time of the first file.
            failed = _load(job["language"], job["general"])
            _say({"ready": True})
        _say({"answer": failed or _work(job)})


if __name__ == "__main__":
    main(int(sys.argv[1]))
