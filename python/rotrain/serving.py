"""Serve a model on this machine with llama.cpp's own server: completions and chat as OpenAI's API, and a small page.

The server is the one in the package `xllamacpp`. It listens on 127.0.0.1 alone. Any page in a browser, and any user of the machine, can send
requests there, and the server does not check their `Host` or `Origin`. So it wants a key, drawn anew for each start, for all but its page and
`/health`. The key is the part after the `#` of the printed address. A browser does not send this part, and the served page does not contain it.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from rotrain.errors import RotrainError, install, reason
from rotrain.exporters.gguf.export import export_gguf
from rotrain.gguf_header import check_header
from rotrain.run.load import load_run

HOST = "127.0.0.1"
PAGE = Path(__file__).with_suffix(".html")


@dataclass(frozen=True)
class RunningServer:
    """A running server.

    Attributes:
        address: Its address, for example `http://127.0.0.1:8080`. The API of OpenAI is below `/v1`.
        key: The key of the API. A request has it in the header `Authorization: Bearer KEY`.

    Examples:
        >>> RunningServer("http://127.0.0.1:8080", "abc").page
        'http://127.0.0.1:8080/#abc'
    """

    address: str
    key: str

    @property
    def page(self) -> str:
        """The address of the page for a person, with the key."""
        return f"{self.address}/#{self.key}"


@contextmanager
def serve(
    model: str | PathLike[str], *, port: int = 8080, context: int | None = None
) -> Iterator[RunningServer]:
    """Serve a model while the block runs.

    Args:
        model: A GGUF file, or a run, which is exported to a temporary file with 16 bits.
        port: Port on 127.0.0.1; 0 takes a free one.
        context: Tokens of the context. None: that of the model, at most 4,096.

    Yields:
        The address and the key.

    Raises:
        RotrainError: The package is missing, the model cannot be loaded, or the port is taken.

    Examples:
        >>> with serve("runs/llama-mha-nano", port=0) as served:  # doctest: +SKIP
        ...     print(served.address)
        http://127.0.0.1:35531
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise RotrainError(
            "the server is in the package xllamacpp, which is not installed", hint=install("gguf")
        )
    with tempfile.TemporaryDirectory(prefix="rotrain-serve-") as name:
        folder, file = Path(name), Path(model)
        if file.suffix != ".gguf":
            file = folder / f"{file.name}.gguf"
            export_gguf(load_run(model), file, "f16")
        check_header(file)
        public = folder / "public"
        public.mkdir()
        shutil.copy(PAGE, public / "index.html")
        key = secrets.token_urlsafe()
        server = _start(file, public, port, context, key)
        try:
            yield RunningServer(str(server.listening_address), key)
        finally:
            del server  # llama.cpp stops its threads


def _start(file: Path, public: Path, port: int, context: int | None, key: str) -> Any:
    import xllamacpp

    options = xllamacpp.CommonParams()
    options.model.path = str(file)
    options.hostnames, options.port = [HOST], port
    options.api_keys = [key]
    options.endpoint_slots = False  # it shows the texts of other requests
    options.cors_origins = ""  # no page of another origin may read an answer; ours needs no permission
    options.public_path = str(public)
    options.n_parallel = 1
    options.n_ctx = context or min(_context_of(file), 4_096)
    threads = torch.get_num_threads()
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    options.verbosity = -1
    try:
        return xllamacpp.Server(options)
    except (RuntimeError, ValueError) as error:
        raise RotrainError(
            f"llama.cpp's server does not start: {reason(error)}",
            place=file,
            hint=f"is port {port} taken? give another --port",
        ) from None


def _context_of(file: Path) -> int:
    from rotrain.exporters.gguf.write import read_gguf

    reader = read_gguf(file)
    arch = str(reader.get_field("general.architecture").contents())
    return int(reader.get_field(f"{arch}.context_length").contents())
