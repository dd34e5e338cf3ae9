"""A web server that sends parts of files, and can fail in the ways that real ones do."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Site:
    """The files of the server, and what it does wrong."""

    def __init__(self) -> None:
        self.address = ""
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        """The paths of all requests."""
        self.cut_every = 0
        """Each n-th answer ends in the middle."""
        self.busy_every = 0
        """Each n-th answer is status 503."""
        self.whole_only = False
        """It ignores ranges."""
        self.token = ""
        """What a request must bring along."""
        self.before: Callable[[int], None] = lambda number: None
        """Called with the number of each request."""
        self.api: dict[str, Any] = {}
        """Answers in JSON, by path."""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def _send(self, status: int, content: bytes, headers: dict[str, str], cut: bool = False) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):  # A reader that ends takes no more.
                self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = self.close_connection or cut

        def do_GET(self) -> None:
            site.asked.append(self.path)
            number = len(site.asked)
            site.before(number)
            if site.token and self.headers.get("Authorization") != f"Bearer {site.token}":
                self._send(401, b"", {})
                return
            if site.busy_every and number % site.busy_every == 0:
                self._send(503, b"", {})
                return
            path = self.path.partition("?")[0]
            if self.path in site.api:
                answer = site.api[self.path]
                headers = {"Link": answer["link"]} if "link" in answer else {}
                self._send(200, json.dumps(answer["body"]).encode(), headers)
                return
            if path not in site.files:
                self._send(404, b"", {})
                return
            content = site.files[path]
            tag = f'"{hashlib.md5(content).hexdigest()}"'
            asked = self.headers.get("Range")
            if asked is None or site.whole_only:
                self._send(200, content, {"ETag": tag})
                return
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1, len(content))
            if start >= len(content):
                self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers = {"ETag": tag, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
            cut = bool(site.cut_every) and number % site.cut_every == 0
            self._send(206, content[start:end], headers, cut)

    return Handler


@contextmanager
def serving() -> Iterator[Site]:
    """Runs the server on a free port."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
