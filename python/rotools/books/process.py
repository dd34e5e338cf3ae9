"""A process that reads books, seen from the main process: jobs, limits, and what it means when the process ends."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rotools.books.languages import ROMANIAN

__all__ = ["Options", "Screen", "Worker"]

Result = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How to read books."""

    workers: int = 0
    """Processes. 0: one for each core."""
    language: str = ROMANIAN
    """The language of the shelf. Books in another language than Romanian are judged by letters and order."""
    ocr: bool = True
    """Read pages without a usable text layer with tesseract."""
    dpi: int = 300
    """Resolution of the pictures for OCR, in dots per inch."""
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


_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)


class Worker:
    """A process that reads books. It is started again when it dies."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = b""

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    # A job that was not yet handed over cannot be: the process is gone.
                    with contextlib.suppress(BrokenPipeError):
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
