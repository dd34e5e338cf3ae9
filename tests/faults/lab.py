"""Do a verb in a copy of a prepared folder, with a fault or a signal, and say what is wrong with the outcome."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_layer import COUNT, Fault, compiled

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / "python"
Files = dict[str, Any]
"""What a folder holds, by path; a value may be the bytes, or what of them does not depend on the clock."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or minus the signal."""

    code: int
    out: str
    error: str
    seconds: float
    left: bool
    counts: dict[str, int]


@dataclass(frozen=True)
class Verb:
    """A command, and where its results are.

    Attributes:
        name: A name for messages.
        words: Its arguments, run in the folder of the case. Paths are relative: some results name them.
        prepare: Makes the inputs, and the output of an earlier run for a verb that replaces it.
        again: The arguments of the next run, if they are others.
        refuses: The verb never replaces an output, so it is not run again after a success.
        read: What of a file counts; None: nothing.
        forgives: An input that the disk refuses is a named reject, and is read again by the next run.
        keeps: Endings of names in `out` that may stay after a failure, for the next run to continue from.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path, Lab], None]
    again: tuple[str, ...] | None = None
    refuses: bool = False
    read: Callable[[str, bytes], Any] = lambda _, data: data
    keeps: tuple[str, ...] = ()
    forgives: bool = False


class Lab:
    """One program, loaded once; its commands run in forks of it."""

    def __init__(self, program: str, space: Path) -> None:
        self.space, self.program = space, program
        self.notes = space / "notes"
        self.notes.mkdir()
        environment = {
            **os.environ,
            "LD_PRELOAD": str(compiled(space)),
            "PYTHONPATH": os.pathsep.join([str(HERE), str(PYTHON)]),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
        }
        for name in [name for name in environment if name.startswith("FAULTS_")]:
            del environment[name]
        command = [sys.executable, str(HERE / "forks.py"), program, str(self.notes)]
        self.server = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline()

    def close(self) -> None:
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait()

    def run(
        self,
        words: tuple[str, ...],
        folder: Path,
        fault: Fault = COUNT,
        after: float | None = None,
        number: int = 0,
        variables: dict[str, str] | None = None,
    ) -> Ended:
        """Run a command in a folder. `after`: seconds to the signal `number`."""
        environment = {**fault.environment(folder), **(variables or {})}
        job: dict[str, Any] = {"words": words, "folder": str(folder), "environment": environment}
        if after is not None:
            job |= {"after": after, "signal": number}
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        return Ended(**json.loads(self._line()))


def files(folder: Path, verb: Verb) -> Files:
    """What counts of every file under a folder, hidden ones too."""
    found: Files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            data = path.read_bytes()
            value = data if name.startswith(".") or "/." in name else verb.read(name, data)
            if value is not None:
                found[name] = value
    return found


@dataclass
class Case:
    """A verb, its prepared folder, and what an undisturbed run leaves."""

    lab: Lab
    verb: Verb
    template: Path = field(init=False)
    folder: Path = field(init=False)
    before: Files = field(init=False)
    whole: Files = field(init=False)
    ended: Ended = field(init=False)

    def __post_init__(self) -> None:
        base = self.lab.space / self.verb.name.replace(" ", "-")
        self.template, self.folder = base / "template", base / "case"
        self.template.mkdir(parents=True)
        (self.template / "out").mkdir()
        self.verb.prepare(self.template, self.lab)
        self.reset()
        self.before = files(self.folder / "out", self.verb)
        self.ended = self.lab.run(self.verb.words, self.folder)
        assert self.ended.code == 0, self.ended
        self.whole = files(self.folder / "out", self.verb)
        assert self.whole and self.whole != self.before

    def reset(self) -> None:
        """The folder as it was before the verb."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.template, self.folder, symlinks=True)

    def half(self) -> list[str]:
        """Files of the output that are neither of the earlier run nor of this one. Names that programs do not read are no output."""
        found = files(self.folder / "out", self.verb)
        return [
            name
            for name, value in found.items()
            if not self.is_own(name) and value not in (self.before.get(name), self.whole.get(name))
        ]

    def is_own(self, name: str) -> bool:
        """Whether the program keeps the file for itself: a temporary name, or what the next run continues from."""
        parts = name.split("/")
        return any(
            part.startswith(".") or part.endswith((".partial", ".partial.lock", ".part", *self.verb.keeps))
            for part in parts
        )

    def left(self) -> list[str]:
        """Temporary files after a failure."""
        found = files(self.folder / "out", self.verb)
        return [
            name for name in found if self.is_own(name) and name not in self.before and not self.is_kept(name)
        ]

    def is_kept(self, name: str) -> bool:
        return any(part.endswith(self.verb.keeps) for part in name.split("/")) if self.verb.keeps else False

    def differs(self) -> list[str]:
        """Files that are not as an undisturbed run leaves them."""
        found = files(self.folder / "out", self.verb)
        return sorted(name for name in {*found, *self.whole} if found.get(name) != self.whole.get(name))

    def is_whole(self) -> bool:
        """Whether the output has everything. A verb that never replaces it then has nothing to do."""
        return not [name for name in self.differs() if not self.is_own(name)]

    def finish(self, *, litter: bool = False) -> list[str]:
        """Run the verb again, undisturbed; returns what is wrong with that. With `litter` temporary files may be left."""
        again = self.lab.run(self.verb.again or self.verb.words, self.folder)
        wrong = []
        if again.code:
            wrong.append(f"the next run ended with {again.code}: {again.error.strip()[-600:]}")
        differing = [name for name in self.differs() if not (litter and self.is_own(name))]
        if differing:
            wrong.append(f"after the next run these differ: {differing}")
        return wrong


def message_is_good(ended: Ended) -> list[str]:
    """What is wrong with the words of a command that failed."""
    lines, wrong = ended.error.splitlines(), []
    if "Traceback" in ended.error or "panicked" in ended.error or ended.code < 0:
        wrong.append(f"a crash ({ended.code}): {ended.error.strip()[-1500:]}")
    elif not any(line.startswith(("error: ", "stopped: ")) for line in lines):
        wrong.append(f"no sentence: {ended.error.strip()[-600:]!r}")
    elif not any(line.startswith("hint: ") for line in lines):
        wrong.append(f"no hint: {ended.error.strip()[-600:]!r}")
    elif not any(line.startswith("error: ") and ": " in line[7:] for line in lines):
        wrong.append(f"no place: {ended.error.strip()[-600:]!r}")
    return wrong
