"""Steps of the pipeline on Arrow data, for Ray Data, Polars and other engines with columns of text. See docs/reference/kernels.md.

Every kernel takes a column (pyarrow Array or ChunkedArray, Polars Series) or a table (RecordBatch, Table, DataFrame) with the
text in `column`, and returns an object of the same kind. Other objects with the Arrow PyCapsule interface give an object with
that interface. Text may be string, large_string or string_view. The number of rows does not change, and nulls remain null.
Data that do not change are not copied. A call releases the interpreter lock and uses one thread, because engines have their
own threads.

Examples:
    >>> import pyarrow as pa
    >>> from rotools import kernels
    >>> kernels.normalize(pa.array(["Ştiinţă", None])).to_pylist()
    ['Știință', None]
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
    """Repair text, as `rotools normalize` does. The result replaces the column of the text.

    Args:
        data: A column or a table.
        column: The table's column of text.
        protect_turkish: Keep ş in Turkish words.

    Returns:
        The repaired data. A text without any content becomes empty.

    Raises:
        RotoolsError: There is no such column, it is not text, or the result is too long for its type.

    Examples:
        >>> import polars as pl
        >>> normalize(pl.DataFrame({"text": ["Ştiinţă"], "id": [1]})).rows()
        [('Știință', 1)]
    """
    return _through(_rotext.Kernel.normalize(protect_turkish), data, column)


def score(
    data: Data,
    *,
    column: str = "text",
    profile: str = "web",
    thresholds: Mapping[str, float | None] | None = None,
) -> Data:
    """Measure text, as `rotools filter --annotate` does. The result is the column `filter` of a table.

    Args:
        data: A column or a table of repaired text.
        column: The table's column of text.
        profile: `web` or `books`.
        thresholds: Thresholds in place of the profile's; None switches a rule off.

    Returns:
        Structs. `dropped` has the first rule that the text breaks, with value, threshold and side; its fields are null if the
        text is kept. `measures` has the measured values, which docs/reference/filter-rules.md describes.

    Raises:
        RotoolsError: There is no such column, profile or rule.

    Examples:
        >>> import pyarrow as pa
        >>> score(pa.array(["Cumpără acum!"])).to_pylist()[0]["dropped"]["rule"]
        'words'
    """
    return _through(_rotext.Kernel.score(profile, list((thresholds or {}).items())), data, column)


def sign(data: Data, *, column: str = "text", preset: str = "default") -> Data:
    """Compute signatures, as `rotools dedup` does. The result is the column `signature` of a table.

    Args:
        data: A column or a table of text.
        column: The table's column of text.
        preset: `default` or `strict`.

    Returns:
        Structs. `key` (16 bytes) is equal for texts that differ only in diacritics and white space. `bands` has 14 u64 values
        (26 for `strict`, none for fewer than five words). Texts that share a band in the same place may be near-duplicates.

    Raises:
        RotoolsError: There is no such column or preset.

    Examples:
        >>> import pyarrow as pa
        >>> first, second = sign(pa.array(["Ana  are mere", "Ana are mere"])).to_pylist()
        >>> first["key"] == second["key"], len(first["bands"])
        (True, 0)
    """
    return _through(_rotext.Kernel.sign(preset), data, column)


def encode(data: Data, tokenizer: str | os.PathLike[str], *, column: str = "text") -> Data:
    """Encode text, as `rotools tokenizer encode` does. The result is the column `tokens` of a table.

    A process reads the tokenizer once. The tokenizer keeps the words that it has seen (at most about 60 MB a thread), so small
    batches cost no more than large ones.

    Args:
        data: A column or a table of text.
        tokenizer: A tokenizer.json.
        column: The table's column of text.

    Returns:
        Lists of u16 ids (u32 for a vocabulary over 65,499), with `<|endoftext|>` at the end of each.

    Raises:
        RotoolsError: There is no such column, or the tokenizer cannot be used.

    Examples:
        >>> import tempfile
        >>> import pyarrow as pa
        >>> import rotools
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere și pere."}')
        >>> tok = rotools.train_tokenizer(folder / "web.jsonl", folder / "t.json", vocab_size=260).tokenizer
        >>> encode(pa.array(["Ana"]), folder / "t.json").to_pylist() == [[*tok.encode("Ana"), tok.eos_id]]
        True
    """
    path = Path(tokenizer).absolute()
    try:
        stat = path.stat()
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except OSError:
        stamp = None  # The core reports the error.
    return _through(_encoder(path, stamp), data, column)


@functools.lru_cache(maxsize=4)
def _encoder(path: Path, stamp: tuple[int, int, int] | None) -> Kernel:
    """Return the tokenizer of a path. `stamp` changes with the file, so a changed file is read again."""
    return _rotext.Kernel.encode(path)


def _through(kernel: Kernel, data: Data, column: str) -> Data:
    """Apply a kernel and return data of the same kind."""
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
        # The core takes streams of batches, not of columns.
        table = pa.table(kernel.stream(pa.table({column: data}), column))
        return table.column(kernel.result or column)
    return pa.table(kernel.stream(data, column))


def _polars(pl: Any, kernel: Kernel, data: Any, column: str) -> Any:
    if isinstance(data, pl.Series):
        frame = pl.DataFrame(kernel.stream(data.to_frame(column), column))
        return frame.get_column(kernel.result or column).rename(data.name)
    return pl.DataFrame(kernel.stream(data, column))
