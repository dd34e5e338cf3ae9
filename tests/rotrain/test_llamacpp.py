"""Stock llama.cpp in this process: one, and it outlives the thread that loaded it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rotrain.llamacpp import find_library

pytestmark = pytest.mark.skipif(find_library() is None, reason="llama.cpp is not installed")

# A process in which eight threads are the first to ask, as `rotrain quantize` asks for its rows; then llama.cpp
# logs: a file that is no model.
ASKED_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from rotrain.errors import RotrainError
from rotrain.llamacpp import LlamaCpp, library

start = Barrier(8)

def ask(_):
    start.wait()
    return id(library())

with ThreadPoolExecutor(8) as threads:
    print(len(set(threads.map(ask, range(8)))))
try:
    LlamaCpp(Path(sys.argv[1]), context=8)
except RotrainError as error:
    print(error)
"""


def test_threads_that_ask_at_once_get_the_same_library(tmp_path: Path) -> None:
    file = tmp_path / "no.gguf"
    file.write_bytes(b"not a model")
    ended = subprocess.run(
        [sys.executable, "-c", ASKED_AT_ONCE, str(file)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    count, said = ended.stdout.splitlines()
    assert count == "1" and "llama.cpp cannot load this" in said and "no reason given" not in said
