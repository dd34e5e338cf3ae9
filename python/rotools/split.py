"""Rewrite compressed files that cannot be cut, so that the tasks of a cluster can share them."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.options import Paths, paths
from rotools.progress import Callback, run

__all__ = ["SplitFile", "SplitResult", "split"]


@dataclass(frozen=True)
class SplitFile:
    """One file."""

    source: str
    out: Path | None
    """The new file. None: the file can be cut as it is, so nothing was written."""
    bytes: int
    """Plain bytes, the same in both files."""
    size: int
    """Bytes of the new file."""
    frames: int
    """Frames of zstd in it."""


@dataclass(frozen=True)
class SplitResult:
    """The files, in the order of the input."""

    out: Path
    files: list[SplitFile]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools split --json` prints it."""
        files = [{**vars(file), "out": file.out and str(file.out)} for file in self.files]
        return {"out": str(self.out), "files": files}


def split(
    inputs: Paths,
    out: str | PathLike[str],
    *,
    threads: int = 0,
    progress: Callback | None = None,
) -> SplitResult:
    """Rewrite compressed JSON lines as many frames of zstd, which the tasks of a cluster can share.

    The plain bytes stay the same: the new file is read back and compared before it gets its name. A file that can be cut as it
    is (plain JSON lines, pzstd, the seekable format of zstd, bgzip, Parquet) is not written again.

    Args:
        inputs: Files, folders, globs or URLs.
        out: The folder of the new files; `web.jsonl.gz` becomes `web.jsonl.zst`.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        What was written.

    Raises:
        RotoolsError: An input is not compressed JSON lines, is damaged, or cannot be read; a new file exists already.

    Examples:
        >>> import gzip, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl.gz").write_bytes(gzip.compress(b'{"text": "Ana are mere."}'))
        >>> file = split(folder / "web.jsonl.gz", folder / "units").files[0]
        >>> file.out.name, file.bytes, file.frames
        ('web.jsonl.zst', 25, 1)
    """
    given = paths(inputs)
    done = run(lambda counters: _rotext.split(given, out, threads=threads, progress=counters), progress)
    return SplitResult(
        Path(out), [SplitFile(**{**file, "out": file["out"] and Path(file["out"])}) for file in done]
    )
