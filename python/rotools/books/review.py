"""Review books, the worst first: a page for this machine only, or one file that needs no server.

Decisions are written to `OUT.decisions.jsonl` (`decisions`). The text comes from files of strangers, so it enters the page as
text, never as HTML. The address has a random token, because any page in a browser can send requests to 127.0.0.1.
"""

import base64
import json
import secrets
import subprocess
import sys
import tempfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.books import decisions, words
from rotools.books.assemble import read_shelf, work_folder
from rotools.books.languages import ROMANIAN
from rotools.errors import RotoolsError, printable
from rotools.files import write
from rotools.pages import embedded, render

__all__ = ["Review"]

PAGES = 40
"""At most this many pages of a book are shown: the worst ones, in their order."""
DPI = 110
MAX_RAM = 2 << 30
MAX_BODY = 1 << 20
"""Bytes of a decision: its longest part is a list of pages."""
MAX_WAIT_S = 30
"""A browser that sends nothing for so long is gone."""


def _judge() -> _rotext.BookJudge:
    """Return the judge that `rotools books` uses, so that a word it knows is not marked."""
    return words.judge(ROMANIAN, bool(words.lists(ROMANIAN, MAX_RAM).source))


class Review:
    """The books of `out`, with the results in its work folder.

    Raises:
        InputError: `out` was not written by `rotools books`, or its work folder is missing.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.work = out, work_folder(out)
        self.books: dict[str, dict[str, Any]] = {book["key"]: book for book in read_shelf(out)[0]}
        self.lock = threading.Lock()

    def listing(self) -> list[dict[str, Any]]:
        """List the books by score, the worst first."""
        verdicts = decisions.read(self.out)
        rows = []
        for key, book in self.books.items():
            verdict = book["verdict"]
            rows.append(
                {
                    "key": key, "id": printable(book["id"]), "digest": book["digest"], "pages": len(book["pages"]),
                    "score": verdict.get("score") or 0.0, "action": verdict["action"], "rule": verdict["rule"],
                    "decided": _said(verdicts.get(book["digest"])),
                }
            )  # fmt: skip
        return sorted(rows, key=lambda row: (row["score"], row["id"]))

    def decide(self, value: dict[str, Any]) -> str:
        """Record a decision. Returns what is decided about the book now, in words.

        Raises:
            InputError: The value is not a decision.
        """
        with self.lock:
            decisions.append(self.out, value)
            return _said(decisions.read(self.out).get(value["digest"]))

    def detail(self, key: str, most: int = PAGES) -> dict[str, Any]:
        """Return the worst pages of a book, with their text and the places of unknown words.

        Raises:
            KeyError: There is no such book.
        """
        book = self.books[key]
        data = (self.work / f"{key}.txt").read_bytes()
        starts = book["starts"] or [[0, 0]]
        ends = [byte for _, byte in starts[1:]] + [len(data)]
        texts = {page: data[byte:end].decode() for (page, byte), end in zip(starts, ends, strict=True)}
        pages = sorted(enumerate(book["pages"]), key=lambda pair: (pair[1]["score"], pair[0]))[:most]
        shown = []
        for number, page in sorted(pages, key=lambda pair: pair[0]):
            text = texts.get(number, "")
            raw = text.encode()
            fault = page["fault"]
            about = (
                f"{page['action']}, score {page['score']:.3f}, known words {page['measures']['known']:.3f}, plausible words {page['measures']['plausible']:.3f}"
                + ("" if page["agreement"] is None else f", agreement with OCR {page['agreement']:.0%}")
            )
            about += (
                f"; {fault['rule']} {fault['value']:.3f} (threshold {fault['threshold']:.3f})"
                if fault
                else ""
            )
            # JavaScript counts UTF-16 units.
            units = [(len(raw[:a].decode().encode("utf-16-le")) // 2, len(raw[:z].decode().encode("utf-16-le")) // 2)
                     for a, z in (_rotext.doubtful(text, _judge()) if book.get("language", ROMANIAN) == ROMANIAN else ())]  # fmt: skip
            image = f"image/{key}/{number}" if book["path"].lower().endswith(".pdf") else ""
            shown.append(
                {
                    "page": number + 1,
                    "about": about,
                    "bad": bool(fault),
                    "text": text,
                    "doubts": units,
                    "image": image,
                }
            )
        return {"pages": shown, "what": book.get("what", "")}

    def image(self, key: str, page: int) -> bytes:
        """Draw a page as PNG in a separate process. Empty if the page cannot be drawn.

        Raises:
            KeyError: There is no such book.
        """
        book = self.books[key]
        with self.lock, tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "page.png"
            job = {"path": book["path"], "key": key, "page": page, "dpi": DPI, "out": str(out)}
            command = [sys.executable, "-m", "rotools.books.worker", str(MAX_RAM)]
            try:
                subprocess.run(
                    command, input=json.dumps(job).encode() + b"\n", capture_output=True, timeout=60
                )
            except subprocess.TimeoutExpired:
                return b""
            return out.read_bytes() if out.exists() else b""

    def write_page(self, out: Path | None = None, books: int = 200, pages: int = 4) -> Path:
        """Write one HTML page that needs no server. The browser saves the decisions to a file.

        Args:
            out: The page to write. None: BOOKS.review.html.
            books: At most this many books, the worst first.
            pages: At most this many pages of each book, the worst ones.

        Returns:
            The path of the page.
        """
        out = out or self.out.with_name(self.out.name + ".review.html")
        rows = self.listing()[:books]
        details: dict[str, Any] = {"books": rows}
        for row in rows:
            detail = self.detail(row["key"], pages)
            for page in detail["pages"]:
                picture = self.image(row["key"], page["page"] - 1) if page["image"] else b""
                page["image"] = (
                    "data:image/png;base64," + base64.b64encode(picture).decode() if picture else ""
                )
            details[f"book/{row['key']}"] = detail
        data = {"details": details, "file": decisions.path_of(self.out).name}
        write(out, _page(data, connect=False))
        return out

    def serve(self, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
        """Start a server on 127.0.0.1 for a browser on this machine.

        Args:
            port: Port of the server. 0: a free one.

        Returns:
            The server, on which the caller calls `serve_forever`, and its address with the token.
        """
        review = self
        token = secrets.token_urlsafe(24)

        class Handler(BaseHTTPRequestHandler):
            timeout = MAX_WAIT_S

            def log_message(self, *_: object) -> None:
                """Log nothing: the log would contain the token."""

            def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Referrer-Policy", "no-referrer")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Cross-Origin-Resource-Policy", "same-origin")
                self.send_header("X-Frame-Options", "DENY")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def _asked(self) -> str | None:
                """Return the path after the token. If the token or the host is wrong, send an answer and return None."""
                _, given, rest = [*self.path.split("/", 2), "", ""][:3]
                # Another name in Host is a page that made its own name point here; another Origin is a page of its own.
                names = {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}  # type: ignore[attr-defined]
                origin = self.headers.get("Origin")
                if (
                    not secrets.compare_digest(given.encode(), token.encode())
                    or self.headers.get_all("Host", []) not in [[name] for name in names]
                    or (origin is not None and origin not in {f"http://{name}" for name in names})
                ):
                    self.close_connection = True
                    self._send(HTTPStatus.FORBIDDEN, "text/plain", b"the address needs its token")
                    return None
                return rest

            def do_GET(self) -> None:
                path = self._asked()
                if path is None:
                    return
                try:
                    match path.split("/"):
                        case [""]:
                            self._send(
                                HTTPStatus.OK,
                                "text/html; charset=utf-8",
                                _page(None, connect=True).encode(),
                            )
                        case ["books"]:
                            self._json(review.listing())
                        case ["book", key]:
                            self._json(review.detail(key))
                        case ["image", key, page] if page.isdigit():
                            self._send(HTTPStatus.OK, "image/png", review.image(key, int(page)))
                        case _:
                            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"not found")
                except KeyError:
                    self._send(HTTPStatus.NOT_FOUND, "text/plain", b"no such book")

            def _json(self, value: object) -> None:
                self._send(HTTPStatus.OK, "application/json", json.dumps(value, ensure_ascii=False).encode())

            def do_POST(self) -> None:
                if (path := self._asked()) is None:
                    return
                try:
                    size = self.headers.get("Content-Length") or ""
                    if not size.isascii() or not size.isdigit() or int(size[:10]) > MAX_BODY:
                        # The body is not read, so the connection cannot go on.
                        self.close_connection = True
                        self._send(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain", b"the body is too large"
                        )
                        return
                    value = json.loads(self.rfile.read(int(size)))
                    if path != "verdict" or not isinstance(value, dict):
                        raise ValueError("not a verdict")
                    said = review.decide(value)
                except (ValueError, RecursionError, RotoolsError) as error:
                    self._send(HTTPStatus.BAD_REQUEST, "text/plain", str(error).encode())
                    return
                self._json({"decided": said})

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        return server, f"http://127.0.0.1:{server.server_port}/{token}/"


def _said(decision: decisions.Decision | None) -> str:
    if decision is None or decision == decisions.Decision():
        return ""
    words = [decision.verdict] if decision.verdict else []
    words += [f"remove pages {', '.join(map(str, decision.pages))}"] if decision.pages else []
    words += [f"OCR again: pages {', '.join(map(str, decision.again))}"] if decision.again else []
    return "decided: " + "; ".join(words)


def _page(data: dict[str, Any] | None, *, connect: bool) -> str:
    title = "books to look at"
    return render(
        "rotools.books",
        "review.html.j2",
        own=("review.css", "review.js"),
        connect=connect,
        title=title,
        data=embedded(data),
    )
