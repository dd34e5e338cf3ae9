"""Byte-level BPE tokenizers: train, encode, decode, compare."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotools import _rotext
from rotools.counts import ReadCounts
from rotools.errors import Place, ResourceError
from rotools.files import write
from rotools.options import VOCAB_SIZE, Paths, Pattern, paths
from rotools.progress import Callback, run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "EncodeResult",
    "Tokenizer",
    "TokenizerReport",
    "TrainResult",
    "encode_files",
    "tokenizer_report",
    "train_tokenizer",
]


class Tokenizer:
    """A byte-level BPE tokenizer in memory.

    The ids are those of Hugging Face's `tokenizers`, with one difference: the text of a special token is ordinary text, so a
    document that contains `<|endoftext|>` cannot end itself. A tokenizer can be pickled and used from several threads.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "web.jsonl"
        >>> _ = path.write_text('{"text": "Ana are mere și pere, iar Ion are prune."}')
        >>> tok = Tokenizer.train(path, vocab_size=270)
        >>> len(tok), tok.decode(tok.encode("Ana are mere")), tok.special_tokens
        (270, 'Ana are mere', {'<|endoftext|>': 0})
    """

    __slots__ = ("_core",)

    def __init__(self, json: bytes, path: str | PathLike[str] | None = None) -> None:
        """Read a tokenizer from the bytes of a tokenizer.json.

        Args:
            json: Content of the file.
            path: Path of the file, for errors.

        Raises:
            InputError: It is not a byte-level BPE tokenizer with a pattern that rotools knows.
        """
        self._core = _rotext.Tokenizer(json, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Tokenizer":
        """Read a tokenizer.json.

        Args:
            path: The file.

        Raises:
            RotoolsError: The file cannot be read, or is not a tokenizer that rotools knows.
        """
        try:
            json = Path(path).read_bytes()
        except OSError as error:
            what = (error.strerror or str(error)).lower()
            raise ResourceError(what, Place(str(path)), "check the path") from None
        return cls(json, path)

    @classmethod
    def train(
        cls,
        inputs: Paths,
        vocab_size: int = VOCAB_SIZE,
        *,
        pattern: Pattern = "llama-bpe",
        normalize: bool = True,
        text_field: str = "text",
        strict: bool = False,
        threads: int = 0,
        progress: Callback | None = None,
    ) -> "Tokenizer":
        """Train a tokenizer and keep it in memory. `train_tokenizer` also writes it and returns the counts.

        Args:
            inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
            vocab_size: Size of the vocabulary, from 258 to 262,144.
            pattern: Pattern that splits text into words, by its name in llama.cpp.
            normalize: Repair the text first.
            text_field: Field of the text.
            strict: Stop at the first record that cannot be used.
            threads: Worker threads. 0: one for each core.
            progress: Called with the state of the work (see `rotools.progress`).

        Raises:
            RotoolsError: An option is wrong, a file cannot be read, or there is no text.
        """
        with tempfile.TemporaryDirectory(prefix="rotools-tokenizer-") as folder:
            return train_tokenizer(
                inputs,
                Path(folder) / "tokenizer.json",
                vocab_size=vocab_size,
                pattern=pattern,
                normalize=normalize,
                text_field=text_field,
                strict=strict,
                threads=threads,
                progress=progress,
            ).tokenizer

    def save(self, path: str | PathLike[str]) -> None:
        """Write the tokenizer.json: the bytes that were loaded or trained.

        Args:
            path: The file to write.
        """
        write(Path(path), self._core.json)

    def encode(self, text: str) -> list[int]:
        """Encode one text.

        Args:
            text: Any text. It is encoded as it is; repair it first with `normalize`.

        Returns:
            The ids. No token is added at the beginning or the end.
        """
        return self._core.encode(text)

    def encode_batch(self, texts: Iterable[str], *, threads: int = 0) -> list[list[int]]:
        """Encode many texts at once, with several threads.

        Args:
            texts: Any texts.
            threads: Worker threads. 0: one for each core.

        Returns:
            The ids of each text, as `encode` returns them.
        """
        return self._core.encode_batch(list(texts), threads)

    def decode(self, ids: "Sequence[int] | NDArray[np.integer[Any]]") -> str:
        """Decode ids to text.

        Args:
            ids: Ids of tokens: a sequence or a numpy array of one dimension.

        Returns:
            The text. Bytes that are not UTF-8 become U+FFFD: a character may be cut at the ends.

        Raises:
            UsageError: There is no such id.
        """
        tolist = getattr(ids, "tolist", None)
        return self._core.decode(list(ids) if tolist is None else tolist())

    def token(self, id: int) -> bytes:
        """Return the bytes of a token. They may begin or end inside a character.

        Raises:
            UsageError: There is no such id.
        """
        return self._core.token(id)

    def token_id(self, token: str) -> int | None:
        """Return the id of a token, or None if there is no such token."""
        return self._core.token_id(token)

    @property
    def vocab_size(self) -> int:
        """Number of ids: the largest id plus one."""
        return self._core.vocab_size

    @property
    def pattern(self) -> str:
        """Pattern that splits text into words, by its name in llama.cpp."""
        return self._core.pattern

    @property
    def eos_id(self) -> int | None:
        """Id of the token that ends a document, `<|endoftext|>` or its like."""
        return self._core.eos_id

    @property
    def special_tokens(self) -> dict[str, int]:
        """Ids of the special tokens, by their text."""
        return dict(self._core.special_tokens)

    def __len__(self) -> int:
        return self.vocab_size

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, pattern={self.pattern!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self._core.json == other._core.json

    def __hash__(self) -> int:
        return hash(self._core.json)

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[bytes]]:
        return Tokenizer, (self._core.json,)


@dataclass(frozen=True)
class TrainResult:
    """A trained tokenizer and counts of what it was trained on."""

    out: Path
    tokenizer: Tokenizer
    read: ReadCounts

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools tokenizer train --json` prints it."""
        return {
            "out": str(self.out),
            "vocab_size": self.tokenizer.vocab_size,
            "read": self.read.to_dict(),
        }


@dataclass(frozen=True)
class EncodeResult:
    """Counts of `encode_files`."""

    out: Path
    tokens: int
    read: ReadCounts

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools tokenizer encode --json` prints it."""
        return {"out": str(self.out), "tokens": self.tokens, "read": self.read.to_dict()}


@dataclass(frozen=True)
class TokenizerReport:
    """What tokenizers do to a text."""

    reports: list[dict[str, Any]]
    """For each tokenizer: `fertility` (tokens per word), `bytes_per_token`, coverage, and the most frequent cuts."""
    read: ReadCounts

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools tokenizer report --json` prints it."""
        return {"reports": self.reports, "read": self.read.to_dict()}


def train_tokenizer(
    inputs: Paths,
    out: str | PathLike[str] = "tokenizer.json",
    *,
    vocab_size: int = VOCAB_SIZE,
    pattern: Pattern = "llama-bpe",
    normalize: bool = True,
    text_field: str = "text",
    strict: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
) -> TrainResult:
    """Train a byte-level BPE tokenizer and write it.

    Args:
        inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        out: The file to write. Word counts that exceed the memory go to a folder beside it.
        vocab_size: Size of the vocabulary, from 258 to 262,144.
        pattern: Pattern that splits text into words, by its name in llama.cpp.
        normalize: Repair the text first.
        text_field: Field of the text.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        The tokenizer, and counts of what was read.

    Raises:
        RotoolsError: An option is wrong, a file cannot be read or written, or there is no text.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere și pere."}')
        >>> result = train_tokenizer(folder / "web.jsonl", folder / "tokenizer.json", vocab_size=260)
        >>> result.tokenizer, result.read.documents
        (Tokenizer(vocab_size=260, pattern='llama-bpe'), 1)
    """
    counts, _ = run(
        lambda counters: _rotext.train(
            paths(inputs),
            out,
            vocab_size=vocab_size,
            pattern=pattern,
            text_field=text_field,
            normalize=normalize,
            strict=strict,
            threads=threads,
            progress=counters,
        ),
        progress,
    )
    return TrainResult(Path(out), Tokenizer.load(out), ReadCounts(**counts))


def encode_files(
    inputs: Paths,
    out: str | PathLike[str],
    tokenizer: str | PathLike[str] | Tokenizer,
    *,
    text_field: str = "text",
    strict: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
) -> EncodeResult:
    """Encode the documents of files, unchanged, with `<|endoftext|>` after each.

    Args:
        inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        out: The file of ids to write: little-endian u16, or u32 for a vocabulary over 65,499.
        tokenizer: A tokenizer.json or a `Tokenizer`.
        text_field: Field of the text.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        The number of tokens, and counts of what was read.

    Raises:
        RotoolsError: A file cannot be read or written, or the tokenizer is too large or has no end-of-text token.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere și pere."}')
        >>> tok = Tokenizer.train(folder / "web.jsonl", vocab_size=260)
        >>> encode_files(folder / "web.jsonl", folder / "ids.bin", tok).tokens == len(tok.encode("Ana are mere și pere.")) + 1
        True
    """
    with tempfile.TemporaryDirectory(prefix="rotools-tokenizer-") as folder:
        file = _file(tokenizer, Path(folder))
        counts, tokens = run(
            lambda counters: _rotext.encode(
                paths(inputs),
                file,
                out,
                text_field=text_field,
                strict=strict,
                threads=threads,
                progress=counters,
            ),
            progress,
        )
    return EncodeResult(Path(out), tokens, ReadCounts(**counts))


def tokenizer_report(
    inputs: Paths,
    tokenizers: Sequence[str | PathLike[str] | Tokenizer],
    *,
    normalize: bool = True,
    text_field: str = "text",
    strict: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
) -> TokenizerReport:
    """Measure what tokenizers do to a text: tokens per word, coverage, how Romanian words and clitics are cut.

    Args:
        inputs: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        tokenizers: Files or `Tokenizer` objects.
        normalize: Repair the text first.
        text_field: Field of the text.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        A report for each tokenizer, in their order. `tokenizer` in it is the path, or the `repr` of an object.

    Raises:
        RotoolsError: A file cannot be read, or a tokenizer cannot be used.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "web.jsonl"
        >>> _ = path.write_text('{"text": "Ana are mere și pere."}')
        >>> small, large = (Tokenizer.train(path, vocab_size=size) for size in (258, 266))
        >>> [report["vocab_size"] for report in tokenizer_report(path, [small, large]).reports]
        [258, 266]
    """
    with tempfile.TemporaryDirectory(prefix="rotools-tokenizer-") as folder:
        files = [_file(tokenizer, Path(folder), number) for number, tokenizer in enumerate(tokenizers)]
        reports, counts = run(
            lambda counters: _rotext.report(
                paths(inputs),
                files,
                text_field=text_field,
                normalize=normalize,
                strict=strict,
                threads=threads,
                progress=counters,
            ),
            progress,
        )
    named = [
        {"tokenizer": str(tokenizer), **report} for tokenizer, report in zip(tokenizers, reports, strict=True)
    ]
    return TokenizerReport(named, ReadCounts(**counts))


def _file(tokenizer: str | PathLike[str] | Tokenizer, folder: Path, number: int = 0) -> Path:
    """A file of the tokenizer: the core reads files."""
    if not isinstance(tokenizer, Tokenizer):
        return Path(tokenizer)
    path = folder / f"tokenizer-{number}.json"
    tokenizer.save(path)
    return path
