"""Write a file completely or not at all, and say it in one sentence when the disk refuses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotools.errors import Place, ResourceError

__all__ = ["refused", "write"]


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
        from rotools.books.shelf import shown

        reason = error.strerror or type(error).__name__
        hint = "free some space, or choose another --out" if doing == "written" else "check the disk"
        raise ResourceError(f"the file cannot be {doing}: {reason}", Place(shown(str(path))), hint) from None


def write(path: Path, text: str) -> None:
    """Write a text. The part has the number of this process in its name, because a worker of a killed run may still write the
    same file.

    Raises:
        ResourceError: The file cannot be written. No part of it is left.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with refused(path, "written"):
        try:
            part.write_text(text, encoding="utf-8", newline="")
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
