"""Read a folder of books with several workers, and write the results.

The result of a book is in `OUT.work/` under a key: a hash of the bytes of the book and of the settings that matter. So a run
that was killed continues, a book is read once, and the output does not depend on the number of workers.
"""

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.books import decisions, formats, ocr, words
from rotools.books.assemble import SHELF, Lock, assemble, sealed, text_hash, work_folder
from rotools.books.formats import programs
from rotools.books.languages import tesseract_name
from rotools.books.process import Options, Screen, Worker
from rotools.books.shelf import find_books
from rotools.books.verdict import judge
from rotools.errors import Place, ResourceError
from rotools.files import refused, write

__all__ = ["Options", "Screen", "read_books"]


VERSION = 10
"""Version of the results in the work folder. It is part of the key."""

Result = dict[str, Any]


def _files(path: Path) -> list[Path]:
    """List the files of a book: itself, or those of an unpacked EPUB."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def _size(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in _files(path))
    except OSError:
        return 0


def _digest(path: Path) -> str:
    digests = []
    for part in _files(path):
        with refused(part, "read"), part.open("rb") as file:
            digests.append(
                (os.fsencode(part.relative_to(path)), hashlib.file_digest(file, "sha256").digest())
            )
    if not path.is_dir():
        return digests[0][1].hex()
    return hashlib.sha256(
        b"".join(len(name).to_bytes(4) + name + digest for name, digest in digests)
    ).hexdigest()


def _key(digest: str, kind: str, path: Path, options: Options, general: str, again: list[int]) -> str:
    """Return the key of a result: a hash of the file and of everything else that the result depends on."""
    settings = [VERSION, _rotext.__version__, formats.suffix(path), options.max_ram]
    settings += [options.language, general]
    if options.ocr and kind == "pdf":
        settings += [ocr.find(tesseract_name(options.language))[1], options.dpi, again]
    settings += programs.names(kind)[:1]
    return digest[:24] + "-" + hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]


def read_books(inputs: list[Path], out: Path, options: Options, screen: Screen) -> Result:
    """Read every book of `inputs` into `out`, and write `OUT.ledger.parquet` beside it.

    Args:
        inputs: Files and folders.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        options: How to read.
        screen: Counters to watch. Set its `stop` to end the run.

    Returns:
        `books`, `kept`, `dropped` by rule, `pages` by action, `bytes`, `wanting` (pages that need OCR and got none),
        `ledger` and `work`.

    Raises:
        RotoolsError: There is nothing to read, or `out` cannot be written.
        KeyboardInterrupt: `screen.stop` was set.
    """
    shelf = find_books(inputs, out)
    books = shelf.books
    work = work_folder(out)
    with refused(work, "written"):
        work.mkdir(parents=True, exist_ok=True)
    if any(formats.suffix(path) == ".pdf" for _, path in books):
        from rotools.books.worker import library

        library()
    # Before the first book, so that all books are judged alike.
    lists = words.lists(options.language, options.max_ram)
    with Lock(work):
        # Files that could not be read the last time, and parts that a killed run was writing. Its workers ended with it, and each has its own names for its parts.
        for part in [*work.glob("*.part"), *work.glob(".*.part"), *work.glob("unread-*.txt")]:
            part.unlink(missing_ok=True)
        screen.total = len(books)
        screen.total_bytes = sum(_size(path) for _, path in books)
        verdicts = decisions.read(out)
        found: list[Result | None] = [None] * len(books)
        queue = iter(range(len(books)))
        take = threading.Lock()
        failures: list[BaseException] = []

        def serve() -> None:
            worker = Worker(options)
            try:
                while not screen.stop.is_set():
                    with take:
                        index = next(queue, None)
                    if index is None:
                        return
                    name, path = books[index]
                    found[index] = _one(name, path, work, worker, options, lists.source, verdicts, screen)
                    screen.add(books=1, bytes=_size(path))
            except BaseException as error:
                failures.append(error)
                screen.stop.set()
            finally:
                worker.close()

        count = options.workers or os.cpu_count() or 1
        threads = [threading.Thread(target=serve) for _ in range(min(count, len(books)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        real = [error for error in failures if not isinstance(error, KeyboardInterrupt)]
        if real:
            raise real[0]
        if failures or screen.stop.is_set():
            raise KeyboardInterrupt
        results = [result for result in found if result is not None]
        others = [{**vars(other), "path": str(other.path.absolute())} for other in shelf.others]
        shelf_list = {"version": SHELF, "books": results, "others": others}
        write(work / "shelf.json", json.dumps({**shelf_list, "seal": sealed(shelf_list)}))
        summary = assemble(out, results, shelf.others, verdicts)
        if lists.what:
            summary["missing"][lists.what] = lists.hint
        return summary


def _one(
    name: str, path: Path, work: Path, worker: Worker, options: Options, general: str,
    verdicts: dict[str, decisions.Decision], screen: Screen,
) -> Result:  # fmt: skip
    """Return the entry of one book: from an earlier run, or read now."""
    try:
        digest, kind = _digest(path), formats.kind_of(path)
    except (OSError, ResourceError) as error:
        # The disk refuses one file: the others are read.
        key = "unread-" + hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:24]
        entry: Result = {
            "id": name, "path": str(path.absolute()), "digest": "", "key": key, "again": [],
        }  # fmt: skip
        what = error.what if isinstance(error, ResourceError) else error.strerror or type(error).__name__
        return {**_failed({"failed": "unreadable", "what": what}, work / f"{key}.txt"), **entry}
    verdict = verdicts.get(digest)
    again = list(verdict.again) if verdict else []
    key = _key(digest, kind, path, options, general, again)
    entry = {"id": name, "path": str(path.absolute()), "digest": digest, "key": key, "again": again}
    done = work / f"{key}.json"
    if (kept := _kept(done, work / f"{key}.txt")) is not None:
        return {**kept, **entry}
    program, _ = ocr.find(tesseract_name(options.language))
    job = {
        "path": str(path), "work": str(work), "key": key, "ocr": options.ocr and program is not None,
        "dpi": options.dpi, "seconds": options.seconds * 0.9, "again": again,
        "language": options.language, "general": bool(general),
    }  # fmt: skip
    answer = worker.ask(job, screen)
    if "refused" in answer:
        what, place, hint = answer["refused"]
        raise ResourceError(what, place and Place(place), hint)
    if "result" in answer:
        result = answer["result"]
        result["text_sha256"] = text_hash(work / f"{key}.txt")
        result["wanting"] = 0 if job["ocr"] else result["wanting"]
        result["language"] = options.language
        result["verdict"] = judge(result)
        # Pages that OCR failed on are tried again. The tables of the others wait for it.
        again_later = bool(result["failures"])
    else:
        result = _failed(answer, work / f"{key}.txt")
        again_later = bool(answer.get("again"))
    if not again_later:
        write(done, json.dumps({**result, "seal": sealed(result)}))
        for table in work.glob(f"{key}.*.tsv"):
            table.unlink(missing_ok=True)
    return {**result, **entry}


def _failed(answer: Result, text: Path) -> Result:
    """Return the entry of a book that was not read, and write its empty text."""
    write(text, "")
    verdict = {"action": "drop", "rule": answer["failed"]}
    told = {name: answer[name] for name in ("what", "hint") if answer.get(name)}
    return {
        "pages": [], "starts": [], "verdict": verdict, "wanting": 0, "text_sha256": text_hash(text), **told,
    }  # fmt: skip


def _kept(done: Path, text: Path) -> Result | None:
    """Return the result of an earlier run. A damaged one is made again."""
    try:
        result: Result = json.loads(done.read_text(encoding="utf-8"))
        seal = result.pop("seal")
        whole = seal == sealed(result) and result["text_sha256"] == text_hash(text)
    except (OSError, ResourceError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return result if whole else None
