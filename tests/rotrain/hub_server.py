"""A stand-in for the Hugging Face hub: it takes repositories, commits and large files, and keeps what it got."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hub:
    def __init__(self) -> None:
        self.address = ""
        self.refuses = False
        self.private: bool | None = None
        self.tokens: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.large: dict[str, bytes] = {}


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, found: Any, status: int = 200) -> None:
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            if self.path.startswith("/api/models/me/model") and hub.private is not None:
                self._answer({"id": "me/model", "private": hub.private, "sha": "0" * 40, "siblings": []})
            else:
                self._answer({"error": "not found"}, 404)

        def do_PUT(self) -> None:
            hub.large[self.path.rpartition("/")[2]] = self._body()
            self._answer({})

        def do_POST(self) -> None:
            body = self._body()
            hub.tokens.add(self.headers.get("Authorization") or "")
            if hub.refuses:
                self._answer({"error": "Invalid username or password."}, 401)
            elif self.path.endswith("/repos/create"):
                asked = json.loads(body)  # newer packages say it in another word
                known = hub.private is not None
                if not known:
                    hub.private = asked.get("private", asked.get("visibility") == "private")
                # The hub knows the name already, and does not change who sees it.
                found = {"url": f"{hub.address}/me/model", "name": "me/model", "id": "1"}
                self._answer(
                    found | {"error": "You already created this model repo"} if known else found,
                    409 if known else 200,
                )
            elif "/preupload/" in self.path:
                files = [
                    {"path": one["path"], "shouldIgnore": False}
                    | {"uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular"}
                    for one in json.loads(body)["files"]
                ]
                self._answer({"files": files})
            elif self.path.endswith("/objects/batch"):
                objects = [
                    one | {"actions": {"upload": {"href": f"{hub.address}/lfs/{one['oid']}"}}}
                    for one in json.loads(body)["objects"]
                ]
                self._answer({"transfer": "basic", "objects": objects})
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                    elif line["key"] == "lfsFile":
                        hub.files[line["value"]["path"]] = hub.large[line["value"]["oid"]]
                self._answer(
                    {"commitUrl": f"{hub.address}/me/model/commit/{'0' * 40}", "commitOid": "0" * 40}
                )
            else:
                self._answer({})

    return Handler


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
