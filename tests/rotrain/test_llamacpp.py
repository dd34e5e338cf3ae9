"""Tests of the loading of llama.cpp: a process loads it once, and its log works after the loading thread has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rotrain.exporters.gguf.write import write_gguf
from rotrain.llamacpp import find_library

pytestmark = pytest.mark.skipif(find_library() is None, reason="llama.cpp is not installed")

# In this process, eight threads load llama.cpp at the same time, as in `rotrain quantize`. Then llama.cpp logs an error, for a
# file that is no model.
CONCURRENT_LOADS = """
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


def test_concurrent_loads_return_the_same_library(tmp_path: Path) -> None:
    file = tmp_path / "no.gguf"
    # The header is whole, so llama.cpp is asked: there is no such architecture.
    write_gguf(file, "nothing", {"general.name": "no model"}, [])
    ended = subprocess.run(
        [sys.executable, "-c", CONCURRENT_LOADS, str(file)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    count, said = ended.stdout.splitlines()
    assert count == "1" and "llama.cpp cannot load this" in said and "no reason given" not in said
