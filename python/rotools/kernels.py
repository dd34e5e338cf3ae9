"""Steps of the road on Arrow data, for Ray Data, Polars and whatever else holds text in columns. See docs/kernels.md.

>>> import pyarrow as pa
>>> from rotools import kernels
>>> kernels.normalize(pa.array(["Ştiinţă", None])).to_pylist()
['Știință', None]

Every kernel takes a column (pyarrow Array or ChunkedArray, Polars Series) or a table (RecordBatch, Table, DataFrame) whose
text is in `column`, and returns a thing of the same kind; whatever else speaks the Arrow PyCapsule interface gets an object
that speaks it too. Text may be string, large_string or string_view. Rows stay rows and nulls stay null. Nothing is copied
that does not change, the interpreter is free meanwhile, and one call works on one thread, for engines have their own.
"""

import functools
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from rotools import _rotext
from rotools._rotext import Kernel
from rotools.errors import UsageError

__all__ = ["encode", "normalize", "score", "sign"]

Data = TypeVar("Data")


def normalize(data: Data, *, column: str = "text", protect_turkish: bool = True) -> Data:
    """Repairs text as `rotools normalize` does, in its place.

    A text of which nothing is left becomes empty.

    Args:
        data: a column or a table.
        column: the table's column of text.
        protect_turkish: keep ş in Turkish words.

    Raises:
        RotoolsError: there is no such column, it is not text, or the result is too long for its type.
    """
    return _through(_rotext.Kernel.normalize(protect_turkish), data, column)


def score(
    data: Data,
    *,
    column: str = "text",
    profile: str = "web",
    thresholds: Mapping[str, float | None] | None = None,
) -> Data:
    """Measures text as `rotools filter --annotate` does, into the column `filter` of a table.

    A struct: `dropped` has the rule that the text breaks first, its value, the threshold and the side (all null: it stays),
    `measures` what was measured; docs/filter.md says what that is.

    Args:
        data: a column or a table of repaired text.
        column: the table's column of text.
        profile: `web` or `books`.
        thresholds: in place of the profile's; None switches a rule off.

    Raises:
        RotoolsError: there is no such column, profile or rule.
    """
    return _through(_rotext.Kernel.score(profile, list((thresholds or {}).items())), data, column)


def sign(data: Data, *, column: str = "text", preset: str = "default") -> Data:
    """Signs text as `rotools dedup` does, into the column `signature` of a table.

    A struct: `key` (16 bytes), the same for texts that are equal but for diacritics and white space, and `bands` (u64; 14, of
    `strict` 26, or none for fewer than five words). Texts that share a band in the same place may be near-duplicates.

    Args:
        data: a column or a table of text.
        column: the table's column of text.
        preset: `default` or `strict`.

    Raises:
        RotoolsError: there is no such column or preset.
    """
    return _through(_rotext.Kernel.sign(preset), data, column)


def encode(data: Data, tokenizer: str | os.PathLike[str], *, column: str = "text") -> Data:
    """Encodes text as `rotools tokenizer encode` does, into the column `tokens` of a table.

    A list of u16 a row, with `<|endoftext|>` at its end. The tokenizer is read once a process and keeps the words that it has
    seen (at most about 60 MB a thread), so small batches cost no more than large ones.

    Args:
        data: a column or a table of text.
        tokenizer: a tokenizer.json.
        column: the table's column of text.

    Raises:
        RotoolsError: there is no such column, or the tokenizer cannot be used.
    """
    path = Path(tokenizer).absolute()
    try:
        stat = path.stat()
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except OSError:
        stamp = None  # The core says what is wrong with it.
    return _through(_encoder(path, stamp), data, column)


@functools.lru_cache(maxsize=4)
def _encoder(path: Path, stamp: tuple[int, int, int] | None) -> Kernel:
    """The tokenizer of a path, as long as the file there is the same."""
    return _rotext.Kernel.encode(path)


def _through(kernel: Kernel, data: Data, column: str) -> Data:
    """Data in, data of the same kind out."""
    array, stream = (hasattr(data, f"__arrow_c_{name}__") for name in ("array", "stream"))
    if not (array or stream):
        raise UsageError(
            f"a {type(data).__name__} is not Arrow data",
            hint="pass a column or table of pyarrow or Polars (for a LazyFrame: map_batches); in Ray Data set "
            'batch_format="pyarrow"',
        )
    library = type(data).__module__.partition(".")[0]
    own = {"pyarrow": _pyarrow, "polars": _polars}.get(library)
    found: Any
    if own:
        found = own(importlib.import_module(library), kernel, data, column)
    else:
        found = kernel.array(data, column) if array else kernel.stream(data, column)
    same: Data = found
    return same


def _pyarrow(pa: Any, kernel: Kernel, data: Any, column: str) -> Any:
    if isinstance(data, pa.Array):
        return pa.array(kernel.array(data, column))
    if isinstance(data, pa.RecordBatch):
        return pa.record_batch(kernel.array(data, column))
    if isinstance(data, pa.ChunkedArray):
        # A stream of columns is no stream of batches.
        table = pa.table(kernel.stream(pa.table({column: data}), column))
        return table.column(kernel.result or column)
    return pa.table(kernel.stream(data, column))


def _polars(pl: Any, kernel: Kernel, data: Any, column: str) -> Any:
    if isinstance(data, pl.Series):
        frame = pl.DataFrame(kernel.stream(data.to_frame(column), column))
        return frame.get_column(kernel.result or column).rename(data.name)
    return pl.DataFrame(kernel.stream(data, column))
