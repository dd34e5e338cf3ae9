"""Start a worker process, send it commands, and measure how much other processes used the machine meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import Any

from rotrain.bench.guard import contention, read_clock
from rotrain.errors import RotrainError

CRASHED = (
    "the engine crashed on this machine: try another build of it (llama.cpp: ROTRAIN_LLAMA_CPP=libllama.so)"
)
# Hints by exit code, for a process that a signal ended.
HINTS = {
    -signal.SIGKILL: "there was probably too little memory: measure fewer models at a time",
    -signal.SIGSEGV: CRASHED,
    -signal.SIGILL: CRASHED,
    -signal.SIGABRT: CRASHED,
}


class Worker:
    """A new process that loads one variant and answers commands.

    Args:
        spec: The specification of the variant. Errors name its `model`.
        module: The Python module that the process runs.

    Attributes:
        spec: The specification.
        started_at: Time of the start, by `time.perf_counter`.
        ready: The first answer of the process, after loading.

    Raises:
        RotrainError: The process reports an error, or it ends.
    """

    def __init__(self, spec: dict[str, Any], module: str = "rotrain.bench.worker") -> None:
        self.spec, self.started_at = spec, time.perf_counter()
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        self.ready = self._read()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send one command, and return its answer. `contention` is added: how much other processes used the machine.

        Raises:
            RotrainError: The process reports an error, or it ends.
        """
        before = read_clock()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._raise_ended()
        answer = self._read()
        return {**answer, "contention": contention(before, read_clock(), answer["cpu_s"])}

    def close(self) -> None:
        """End the process and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._stderr.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._raise_ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self.close()
            raise RotrainError(answer["error"], place=answer["place"], hint=answer["hint"])
        return answer

    def _raise_ended(self) -> None:
        code = self._process.wait()
        self._stderr.seek(0)
        last_line = (self._stderr.read().strip().splitlines() or ["no reason given"])[-1]
        ending = f"with exit code {code}" if code >= 0 else f"by signal {-code} ({signal.strsignal(-code)})"
        raise RotrainError(
            f"the worker process ended {ending}: {last_line}",
            place=self.spec["model"],
            hint=HINTS.get(code, "the file may be damaged; if it is not, this is a defect of rotrain"),
        )
