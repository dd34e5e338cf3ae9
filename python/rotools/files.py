"""Write a file completely or not at all, and say it in one sentence when the disk refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotools import _rotext
from rotools.errors import Place, ResourceError, system_hint

__all__ = ["refused", "shown", "write"]


def shown(name: str) -> str:
    """Return a path as text that can be written anywhere and turned back: bytes that are no UTF-8 become `\\xe3`.

    Examples:
        >>> shown("c\\udce3r\\udcfei.txt")
        'c\\\\xe3r\\\\xfei.txt'
    """
    escaped = name.replace("\\", "\\\\")
    return escaped.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def refused(path: Path, doing: str) -> Iterator[None]:
    """Turn an error of the system into one of rotools.

    Args:
        path: The file that is used.
        doing: What is done to it: `written`, `read`.

    Raises:
        ResourceError: The system refused.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        what = f"the file cannot be {doing}: {reason}"
        raise ResourceError(what, Place(shown(str(path))), system_hint(error)) from None


def write(path: Path, content: str | bytes) -> None:
    """Write a file: a reader sees the old one or the new one, after a kill or a power cut too.

    Args:
        path: The file.
        content: Its content. Text is written as UTF-8.

    Raises:
        ResourceError: The file cannot be written. No part of it is left.
        InputError: Another run writes it.
    """
    _rotext.write_file(path, content.encode() if isinstance(content, str) else content)
