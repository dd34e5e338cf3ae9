"""System calls that fail on demand: `faults.c`, compiled once and preloaded into whole commands."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CALLS = (
    "write", "read", "fsync", "rename", "open", "create", "mmap", "truncate", "close", "unlink", "mkdir", "flock",
)  # fmt: skip
"""The kinds of calls that `faults.c` knows. `create` is an open for writing."""

HOW: dict[str, tuple[str, ...]] = {
    "write": ("ENOSPC", "EIO", "EINTR", "short"),
    "read": ("EIO", "EINTR", "short"),
    "fsync": ("EIO", "ENOSPC"),
    "rename": ("EIO", "EXDEV"),
    "open": ("EIO", "EMFILE"),
    "create": ("ENOSPC", "EACCES"),
    "mmap": ("ENOMEM",),
    "truncate": ("EIO",),
    "close": ("EIO",),
    "unlink": ("EIO",),
    "mkdir": ("ENOSPC",),
    "flock": ("ENOLCK",),
}
"""What can happen to each kind of call."""


@dataclass(frozen=True)
class Fault:
    """The `at`-th call of a kind goes wrong, and all later ones too if `count` is 0."""

    call: str
    at: int
    how: str
    count: int = 1

    def environment(self, root: Path) -> dict[str, str]:
        """What the library reads."""
        how = str(getattr(errno, self.how)) if self.how.startswith("E") else self.how
        return {
            "FAULTS_ROOT": str(root),
            "FAULTS_CALL": self.call,
            "FAULTS_AT": str(self.at),
            "FAULTS_FOR": str(self.count),
            "FAULTS_HOW": how,
        }


COUNT = Fault("write", 0, "EIO")
"""Nothing goes wrong; the calls are counted."""


def compiled(folder: Path) -> Path:
    """Compile the library into a folder."""
    library = folder / "faults.so"
    command = ["cc", "-O1", "-shared", "-fPIC", str(HERE / "faults.c"), "-o", str(library), "-ldl"]
    subprocess.run(command, check=True)
    return library


def arm() -> ctypes.CDLL:
    """Read the environment again, in a process that has the library already."""
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.faults_arm()
    return library


def counted(library: ctypes.CDLL) -> dict[str, int]:
    """How many calls of each kind there were since it was armed."""
    return {call: library.faults_count(call.encode()) for call in CALLS}
