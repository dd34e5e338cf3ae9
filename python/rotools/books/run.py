"""Read a folder of books with several workers, and write the results.

The result of a book is in `OUT.work/` under a key: a hash of the bytes of the book and of the settings that matter. So a run
that was killed continues, a book is read once, and the output does not depend on the number of workers.
"""

import hashlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.books import decisions, formats, ocr
from rotools.books.files import refused, write
from rotools.books.formats import programs
from rotools.books.shelf import Other, find_books, shown
from rotools.books.verdict import judge
from rotools.errors import InputError, Place, ResourceError

__all__ = ["Options", "Screen", "read_books", "replay", "work_folder"]

VERSION = 5
"""Version of the results in the work folder. It is part of the key."""

SHELF = 2
"""Version of the list of books in the work folder."""

Result = dict[str, Any]
Row = tuple[str, str, str, str, float | None, float | None, float | None]
"""A row of the ledger: document, source, action, rule, value, threshold, score."""


@dataclass(frozen=True)
class Options:
    """How to read books."""

    workers: int = 0
    """Processes. 0: one for each core."""
    ocr: bool = True
    """Read pages without a usable text layer with tesseract."""
    dpi: int = 300
    """Resolution of the pictures for OCR, in dots an inch."""
    max_ram: int = 2 << 30
    """Address space of a worker, in bytes."""
    seconds: float = 120.0
    """A worker that reports nothing for so many seconds is stuck. It reports after eight pages, or after one page of OCR."""


@dataclass
class Screen:
    """Counters of a run, which another thread reads. `stop` ends the run."""

    books: int = 0
    total: int = 0
    pages: int = 0
    recognized: int = 0
    bytes: int = 0
    total_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    def add(self, **counts: int) -> None:
        """Add to counters, from any thread."""
        with self.lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


def work_folder(out: Path) -> Path:
    """Return the folder with the results of single books."""
    return out.with_name(out.name + ".work")


def _files(path: Path) -> list[Path]:
    """List the files of a book: itself, or those of an unpacked EPUB."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def _size(path: Path) -> int:
    with refused(path, "read"):
        return sum(file.stat().st_size for file in _files(path))


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


def _key(digest: str, kind: str, path: Path, options: Options, again: list[int]) -> str:
    """Return the key of a result: a hash of the file and of everything else that the result depends on."""
    settings = [VERSION, _rotext.__version__, formats.suffix(path), options.max_ram]
    if options.ocr and kind == "pdf":
        settings += [ocr.find()[1], options.dpi, again]
    settings += programs.names(kind)[:1]
    return digest[:24] + "-" + hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]


_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)


class _Worker:
    """A process that reads books. It is started again when it dies."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = b""

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    stream.close()
            self.process = None
        self.buffer = b""

    def _lines(self, stop: threading.Event) -> Iterator[Result | None]:
        """Yield the messages of the process until it ends, and None when nothing came for too long."""
        assert self.process is not None and self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            heard = time.monotonic()
            while True:
                while b"\n" in self.buffer:
                    line, _, self.buffer = self.buffer.partition(b"\n")
                    heard = time.monotonic()
                    yield json.loads(line)
                if stop.is_set() or time.monotonic() - heard > self.options.seconds:
                    yield None
                    return
                if selector.select(0.2):
                    data = os.read(descriptor, 1 << 20)
                    if not data:
                        return
                    self.buffer += data

    def ask(self, job: Result, screen: Screen) -> Result:
        """Let the process read a book. Returns `{"result": ...}` or `{"failed": rule, "what": sentence}`."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rotools.books.worker", str(self.options.max_ram)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            self.close()
            return {"failed": "crash", "what": "the reader could not be started", "again": True}
        where = "opening the file"
        for message in self._lines(screen.stop):
            if message is None:
                self.close()
                if screen.stop.is_set():
                    raise KeyboardInterrupt
                seconds = f"{self.options.seconds:.0f} s"
                return {"failed": "timeout", "what": f"no answer for {seconds} while {where}", "again": True}
            if "answer" in message:
                answer: Result = message["answer"]
                if answer.get("failed") == "memory":
                    self.close()
                return answer
            if "page" in message:
                where = f"{message['doing']} page {message['page'] + 1} of {message['pages']}"
                if message["doing"] == "ocr":
                    screen.add(recognized=1)
                else:
                    screen.add(pages=min(8, message["pages"] - message["page"]))
        code = self.process.wait()
        self.close()
        limit = f"{self.options.max_ram / (1 << 30):.1f} GB"
        died = f"signal {-code}" if code < 0 else f"exit code {code}"
        what = f"the reader died ({died}, memory limit {limit}) while {where}"
        # A file makes its reader crash. Only a person or the system ends it with one of these signals.
        return {"failed": "crash", "what": what, "again": -code in _FROM_OUTSIDE}


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
    with _lock(work):
        # Parts that a killed run was writing. Its workers ended with it, and each has its own names for its parts.
        for part in work.glob("*.part"):
            part.unlink(missing_ok=True)
        screen.total = len(books)
        screen.total_bytes = sum(_size(path) for _, path in books)
        verdicts = decisions.read(out)
        found: list[Result | None] = [None] * len(books)
        queue = iter(range(len(books)))
        take = threading.Lock()
        failures: list[BaseException] = []

        def serve() -> None:
            worker = _Worker(options)
            try:
                while not screen.stop.is_set():
                    with take:
                        index = next(queue, None)
                    if index is None:
                        return
                    name, path = books[index]
                    found[index] = _one(name, path, work, worker, options, verdicts, screen)
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
        write(work / "shelf.json", json.dumps({"version": SHELF, "books": results, "others": others}))
        return assemble(out, results, shelf.others, verdicts)


def read_shelf(out: Path) -> tuple[list[Result], list[Other]]:
    """Return the books of the last run, and the files that it did not try.

    Raises:
        InputError: There is no such run, or its list is damaged or of another version.
    """
    path = work_folder(out) / "shelf.json"
    again = f"rotools books FOLDER --out {out}"
    if not path.exists():
        raise InputError(f"there is no {path.parent.name} beside the file", Place(str(out)), again)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["version"] != SHELF:
            raise ValueError(f"version {value['version']}")
        return value["books"], [Other(**{**other, "path": Path(other["path"])}) for other in value["others"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            "the list of books is damaged or of another version", Place(str(path)), again
        ) from None


class _lock:
    """A lock: one run at a time in a work folder. The system releases it when the process ends."""

    def __init__(self, work: Path) -> None:
        self.path = work / "lock"

    def __enter__(self) -> None:
        import fcntl

        self.file = self.path.open("w")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ResourceError(
                "another run is writing to this folder",
                Place(str(self.path.parent)),
                "wait for it, or choose another --out",
            ) from None

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _one(
    name: str, path: Path, work: Path, worker: _Worker, options: Options,
    verdicts: dict[str, decisions.Decision], screen: Screen,
) -> Result:  # fmt: skip
    """Return the entry of one book: from an earlier run, or read now."""
    digest = _digest(path)
    with refused(path, "read"):
        kind = formats.kind_of(path)
    verdict = verdicts.get(digest)
    again = list(verdict.again) if verdict else []
    key = _key(digest, kind, path, options, again)
    entry = {"id": name, "path": str(path.absolute()), "digest": digest, "key": key, "again": again}
    done = work / f"{key}.json"
    if (kept := _kept(done)) is not None:
        return {**kept, **entry}
    program, _ = ocr.find()
    job = {
        "path": str(path), "work": str(work), "key": key, "ocr": options.ocr and program is not None,
        "dpi": options.dpi, "seconds": options.seconds * 0.9, "again": again,
    }  # fmt: skip
    answer = worker.ask(job, screen)
    if "refused" in answer:
        what, place, hint = answer["refused"]
        raise ResourceError(what, place and Place(place), hint)
    if "result" in answer:
        result = answer["result"]
        result["wanting"] = 0 if job["ocr"] else result["wanting"]
        result["verdict"] = judge(result)
        # Pages that OCR failed on are tried again. The tables of the others wait for it.
        again_later = bool(result["failures"])
    else:
        verdict_failed = {"action": "drop", "rule": answer["failed"]}
        result = {"pages": [], "starts": [], "verdict": verdict_failed, "wanting": 0}
        result |= {name: answer[name] for name in ("what", "hint") if answer.get(name)}
        again_later = bool(answer.get("again"))
        write(work / f"{key}.txt", "")
    if not again_later:
        write(done, json.dumps(result))
        for table in work.glob(f"{key}.*.tsv"):
            table.unlink(missing_ok=True)
    return {**result, **entry}


def _kept(done: Path) -> Result | None:
    """Return the result of an earlier run. A damaged one is made again."""
    try:
        result: Result = json.loads(done.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "verdict" in result else None


def assemble(
    out: Path, results: list[Result], others: list[Other], verdicts: dict[str, decisions.Decision]
) -> Result:
    """Write the books that are kept, by their scores and by the decisions of a person, and the ledger of all files."""
    with refused(out, "written"):
        return _assemble(out, results, others, verdicts)


def _assemble(
    out: Path, results: list[Result], others: list[Other], verdicts: dict[str, decisions.Decision]
) -> Result:
    work = work_folder(out)
    records = work / "records"
    shutil.rmtree(records, ignore_errors=True)
    records.mkdir()
    rows: list[Row] = []
    summary: Result = {
        "books": len(results), "kept": 0, "dropped": {}, "pages": {}, "bytes": 0, "wanting": 0, "unread": {},
        "left_out": {}, "missing": {}, "ignored": 0,
    }  # fmt: skip
    paths: list[str] = []
    first: dict[str, str] = {}
    for number, result in enumerate(results):
        name, source = result["id"], shown(result["path"])
        verdict, decision = result["verdict"], verdicts.get(result["digest"])
        rows += [*_page_rows(result), *_part_rows(result)]
        for action, rule, _, value in result.get("parts", []):
            _count(summary["left_out"], rule.split(" ")[0] if action == "drop" else rule, value)
        dropped = set(decision.pages) if decision else set()
        rows += [(name, source, "edit", "decided-pages", float(len(dropped)), None, None)] if dropped else []
        action, rule = verdict["action"], verdict["rule"]
        if decision and decision.verdict in ("keep", "drop"):
            action, rule = decision.verdict, "decided"
        read = "what" not in result
        if read and result["digest"] in first:
            action, rule = "drop", "same-file"
        if read:
            first.setdefault(result["digest"], name)
        for page in result["pages"]:
            _count(summary["pages"], page["action"])
        summary["wanting"] += result["wanting"]
        text = _without(
            (work / f"{result['key']}.txt").read_text(encoding="utf-8"), result["starts"], dropped
        )
        if action == "keep" and not text.strip():
            action, rule = "drop", "no-text"
        if action == "drop":
            _count(summary["dropped"], rule)
            if not read:
                _count(summary["unread"], formats.suffix(Path(source)) or "without ending")
                rows.append((name, source, "flag", f"reason: {result['what']}", None, None, None))
                if "hint" in result:
                    summary["missing"][result["what"]] = result["hint"]
            rows.append(
                (
                    name,
                    source,
                    "drop",
                    rule,
                    verdict.get("value"),
                    verdict.get("threshold"),
                    verdict.get("score"),
                )
            )
            continue
        if rule == "decided":
            rows.append((name, source, "keep", rule, None, None, verdict.get("score")))
        summary["kept"] += 1
        summary["bytes"] += len(text.encode())
        record = records / f"{number:08}.json"
        record.write_text(json.dumps(_record(result, text), ensure_ascii=False), encoding="utf-8")
        paths.append(str(record))
    for other in others:
        named = (other.id, shown(str(other.path)), "flag" if other.rule == "no-book" else "drop", other.rule)
        rows.append((*named, None, None, None))
        if other.rule == "no-book":
            summary["ignored"] += 1
            continue
        summary["books"] += other.book
        _count(summary["unread"], other.ending)
        _count(summary["dropped"], other.rule, int(other.book))
    summary["dropped"] = {rule: count for rule, count in summary["dropped"].items() if count}
    summary["ledger"] = str(_rotext.assemble(paths, rows, out))
    shutil.rmtree(records)
    summary["work"] = str(work)
    decisions.mark(out, verdicts)
    return summary


def _count(counts: dict[str, int], name: str, by: int = 1) -> None:
    counts[name] = counts.get(name, 0) + by


def replay(out: Path) -> bool:
    """Write `out` again if there are decisions that it was not written with. No book is read again.

    Returns:
        Whether `out` was written.

    Raises:
        RotoolsError: Pages wait for OCR, or the results are missing.
    """
    if not decisions.pending(out):
        return False
    work = work_folder(out)
    again = f"rotools books FOLDER --out {out}"
    if not (work / "shelf.json").exists():
        raise InputError(
            f"there is no {work.name} to apply the decisions to", Place(str(decisions.path_of(out))), again
        )
    verdicts = decisions.read(out)
    with _lock(work):
        results, others = read_shelf(out)
        for result in results:
            decision = verdicts.get(result["digest"])
            if decision and list(decision.again) != result["again"]:
                raise InputError("pages were marked to be read with OCR again", Place(result["id"]), again)
        assemble(out, results, others, verdicts)
    return True


def _record(result: Result, text: str) -> Result:
    pages = result["pages"]
    count = {
        action: sum(page["action"] == action for page in pages)
        for action in ("keep", "repair", "ocr", "drop")
    }
    about = {
        "pages": len(pages),
        "score": result["verdict"].get("score"),
        "sha256": result["digest"],
        **count,
    }
    return {"id": result["id"], "text": text, "source": shown(result["path"]), "book": about}


def _part_rows(result: Result) -> list[Row]:
    """List the ledger rows about the parts of a book without pages: lost chapters, text that was left out. And its language."""
    name, source = result["id"], shown(result["path"])
    rows: list[Row] = [
        (name, f"{source}#{where}" if where else source, action, rule, float(value), None, None)
        for action, rule, where, value in result.get("parts", [])
    ]
    if failures := result.get("failures"):
        rows.append((name, source, "flag", f"ocr-failed {failures[0]}", float(len(failures)), None, None))
    if other := result.get("foreign"):
        rows.append((name, source, "flag", f"language {other['language']}", other["romanian"], None, None))
    return rows


def _page_rows(result: Result) -> list[Row]:
    """List the ledger rows of a book: one for each range of pages with the same action and fault, and one for each repaired
    font. Ranges that were kept without a fault have none."""
    rows: list[Row] = []
    name, source = result["id"], shown(result["path"])
    previous: tuple[str, str] | None = None
    first = 0
    outcomes = [(page["action"], (page["fault"] or {}).get("rule", "")) for page in result["pages"]]
    for number, outcome in enumerate([*outcomes, None]):
        if outcome == previous:
            continue
        if previous is not None and (previous[0] in ("ocr", "drop", "repair") or previous[1]):
            action = {"drop": "drop", "ocr": "edit", "repair": "edit"}.get(previous[0], "flag")
            fault = result["pages"][first]["fault"] or {}
            score = sum(page["score"] for page in result["pages"][first:number]) / (number - first)
            where = f"{source}#page={first + 1}-{number}"
            rows.append(
                (name, where, action, "-".join(part for part in ("pages", *previous) if part),
                 fault.get("value"), fault.get("threshold"), score)
            )  # fmt: skip
        previous, first = outcome, number
    for repair in result.get("repairs", []):
        rule = f"font-letter {repair['shown']} {repair['meant']} {repair['font']}"
        rows.append((name, source, "edit", rule, float(repair["count"]), None, repair["known"]))
    return rows


def _without(text: str, starts: list[list[int]], dropped: set[int]) -> str:
    """Return the text without the pages `dropped` (from 1). `starts` has (page from 0, first byte of the page)."""
    if not dropped:
        return text
    data = text.encode()
    ends = [byte for _, byte in starts[1:]] + [len(data)]
    kept = [data[byte:end] for (page, byte), end in zip(starts, ends, strict=True) if page + 1 not in dropped]
    return b"".join(kept).decode()
