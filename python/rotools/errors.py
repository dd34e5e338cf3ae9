"""The errors of rotools. The Rust core and the Python code raise the same classes.

`str(error)` is one sentence that starts with the place. The command line prints it, then the hint, and exits with
`exit_code`.

Examples:
    >>> import rotools
    >>> try:
    ...     rotools.judge("text", profile="poems")
    ... except rotools.UsageError as error:
    ...     print(error.exit_code, error.hint)
    2 use one of: web, books
"""

import errno
import re
from dataclasses import dataclass

__all__ = [
    "InputError",
    "InternalError",
    "Place",
    "ResourceError",
    "RotoolsError",
    "UsageError",
    "system_hint",
]


@dataclass(frozen=True)
class Place:
    """A point in a file, in the form that editors can open: `web.jsonl:17 byte 3`."""

    path: str
    """The file, as the user named it."""
    line: int | None = None
    """Line, from 1."""
    byte: int | None = None
    """Byte, from 0; within the line if there is a line, else within the file."""

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        byte = "" if self.byte is None else f" byte {self.byte}"
        return f"{self.path}{line}{byte}"


class RotoolsError(Exception):
    """What went wrong, where, and what to do next. All errors of rotools are of this class.

    Attributes:
        what: One sentence without the place.
        place: File, line and byte, where there is one.
        hint: The next step, where there is one.
        exit_code: Exit code of the command line.
    """

    exit_code = 1

    def __init__(self, what: str, place: Place | None = None, hint: str | None = None) -> None:
        # All arguments go to the base class: pickle calls the class with them again.
        super().__init__(what, place, hint)
        self.what, self.place, self.hint = what, place, hint

    def __str__(self) -> str:
        return self.what if self.place is None else f"{self.place}: {self.what}"


class UsageError(RotoolsError):
    """The arguments make no sense: an unknown rule, two options that exclude each other (exit code 2)."""

    exit_code = 2


class InputError(RotoolsError):
    """The data are wrong: broken, cut off, of another format or version (exit code 1)."""


class ResourceError(RotoolsError):
    """The system refuses: a missing file or program, a full disk, no permission (exit code 1)."""


class InternalError(RotoolsError):
    """A defect of rotools: a step of the core panicked, and no single document is the cause (exit code 1)."""


_HINTS = {
    errno.ENOSPC: "free some space or choose another --out, then run the same command again",
    errno.EDQUOT: "your quota is used up: free some space or choose another --out, then run the same command again",
    errno.EFBIG: "the file system or `ulimit -f` allows no file of this size: choose another --out",
    errno.EIO: "the disk or the network failed: look at the system's log, then run the same command again",
    errno.EACCES: "check who owns the file and its folder",
    errno.EPERM: "check who owns the file and its folder",
    errno.EROFS: "the file system is read-only: choose another --out",
    errno.EMFILE: "the process has too many open files: raise the limit with `ulimit -n 4096`",
    errno.ENFILE: "the machine has too many open files: close other programs",
    errno.ENOMEM: "the machine has too little memory: close other programs, or give less work at once",
    errno.ENOLCK: "the file system has no locks (NFS without a lock service): choose an --out on a local disk",
    errno.ENOTSUP: "the file system cannot do this: choose an --out on a local disk",
    errno.ENAMETOOLONG: "take a shorter name",
    errno.ELOOP: "a link points to itself: name the file itself",
    errno.EXDEV: "the two are on different file systems: choose an --out on the same one",
    errno.ESTALE: "the network file system lost the file: mount it again, then run the same command again",
    errno.ENOTEMPTY: "the folder is not empty: choose another --out",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "a part of the path is a file: check the path",
    errno.EEXIST: "choose another --out",
    errno.EBUSY: "another program uses the file: wait for it, or choose another --out",
    errno.ETXTBSY: "another program uses the file: wait for it, or choose another --out",
}


def system_hint(error: OSError) -> str:
    """Return the next step after a failed system call.

    Examples:
        >>> system_hint(OSError(errno.EROFS, "Read-only file system"))
        'the file system is read-only: choose another --out'
    """
    return _HINTS.get(error.errno or 0, "check the path")


HIDDEN = re.compile(
    # C0 without tab and line feed, DEL and C1; marks, embeddings, overrides and isolates of direction; line separators.
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
"""A character that a terminal or a browser obeys, or that turns the direction of a line."""


def printable(text: str) -> str:
    """Return a text that a terminal shows and does not obey: control and direction characters are escaped.

    Examples:
        >>> printable("carte\\u202egpj.exe \\x1b[2J")
        'carte\\\\u202egpj.exe \\\\x1b[2J'
    """
    return HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
