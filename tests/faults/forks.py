"""Run many commands without loading Python, PyTorch and the core for each: `python forks.py PROGRAM`.

It loads the program once, reads jobs as lines of JSON, and does each in a fork, a process with nothing in it but loaded
modules: it has started no thread, and computed nothing. A fork costs a few hundredths of a second, a start up to four seconds.

A job has `words`, `folder` (where to run), `environment`, and `after` and `signal` if it shall get a signal after some seconds.
The answer has `code` (minus the signal that ended it), `out`, `error`, `seconds` and `counts` of calls.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import fault_layer

LIMIT_S = 240
"""A command that takes longer hangs."""


def load(program: str) -> Callable[[], None]:
    """Import everything that a verb may need."""
    if program == "rotools":
        for name in (
            "rotools.cli.app",
            "rotools.books.run",
            "rotools.report.page",
            "rotools.pages.chart",
            "plotly.offline",
            "pydantic",
        ):
            importlib.import_module(name)
        return importlib.import_module("rotools.cli").main  # type: ignore[no-any-return]
    sys.path.insert(0, str(Path(__file__).parents[1] / "rotrain"))
    import tiny

    tiny.shrink()
    names = [
        "torch._dynamo", "gguf", "safetensors.torch", "tokenizers", "transformers.models.llama.modeling_llama",
        "transformers.models.auto.tokenization_auto", "transformers.integrations.accelerate", "scipy.special", "jinja2",
        "rotrain.cli.fit", "rotrain.cli.export", "rotrain.cli.quantize", "rotrain.cli.evaluate", "rotrain.cli.compare",
        "rotrain.cli.report", "rotrain.cli.average", "rotrain.evaluation.evaluate", "rotrain.evaluation.torch_model",
        "rotrain.exporters.hf", "rotrain.exporters.gguf.export", "rotrain.quantization.gguf", "rotrain.quantization.torch",
        "rotrain.report.page", "rotrain.train.average", "pydantic.type_adapter",
    ]  # fmt: skip
    for name in names:
        importlib.import_module(name)
    main: Callable[[], None] = importlib.import_module("rotrain.cli").main
    matrix = importlib.import_module("rotrain.compare.matrix")

    def run_step(step: Any, on_line: Callable[[str], None]) -> str | None:
        # As the function that it replaces, without the four seconds of a start.
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            os.dup2(writing, 2)
            os._exit(_run(main, ["rotrain", *step.args]))
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as lines:
            said = [line.rstrip("\n") for line in lines]
        for line in said:
            on_line(line)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return (
            None
            if code == 0
            else next((line for line in said if line.startswith("error")), f"ended with {code}")
        )

    matrix._run_step = run_step  # type: ignore[attr-defined]
    return main


def _run(main: Callable[[], None], words: list[str]) -> int:
    """Call the entry point as the script does; returns the exit code."""
    sys.argv = words
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does before it ends
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return code if isinstance(code, int) else 1


def child(main: Callable[[], None], program: str, job: dict[str, Any], notes: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(job["folder"])
    os.environ.update(job["environment"])
    for number, name in ((1, "out"), (2, "error")):
        os.dup2(os.open(notes / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    library = fault_layer.arm()
    code = _run(main, [program, *job["words"]])
    (notes / "counts").write_text(json.dumps(fault_layer.counted(library)))
    os._exit(code)


def wait(pid: int, job: dict[str, Any]) -> int:
    """Wait for the end, and send the signal when it is time; returns minus the signal, or the exit code."""
    began, sent = time.monotonic(), "after" not in job
    pause = 0.0005
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        passed = time.monotonic() - began
        if not sent and passed >= job["after"]:
            os.kill(pid, job["signal"])
            sent = True
        if passed > LIMIT_S:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -999
        time.sleep(pause if sent else min(pause, max(0.0001, job["after"] - passed)))
        pause = min(pause * 1.2, 0.02)


def gone(group: int) -> bool:
    """Whether all processes of a command ended, some seconds after it: its workers see the end of their input."""
    for _ in range(500):
        try:
            while os.waitpid(-group, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)
    return False


PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    # What a killed command leaves becomes a child of this process, which can wait for it.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    program, notes = sys.argv[1], Path(sys.argv[2])
    entry = load(program)
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        (notes / "counts").write_text("{}")
        began = time.monotonic()
        pid = os.fork()
        if not pid:
            child(entry, program, job, notes)
        code = wait(pid, job)
        seconds = time.monotonic() - began
        left = not gone(pid)
        answer = {
            "code": code,
            "out": (notes / "out").read_text(errors="replace"),
            "error": (notes / "error").read_text(errors="replace"),
            "seconds": seconds,
            "left": left,
            "counts": json.loads((notes / "counts").read_text() or "{}"),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
