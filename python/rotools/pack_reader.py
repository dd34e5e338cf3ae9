"""Read a pack: its phases, documents and blocks. The format is in docs/reference/pack-format.md."""

import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rotools import _rotext
from rotools.errors import InputError, Place, ResourceError, UsageError, system_hint
from rotools.files import refused
from rotools.tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tokens: TypeAlias = NDArray[np.uint16] | NDArray[np.uint32]

__all__ = ["BLOCK_TOKENS", "Pack", "PackPhase", "PackSplit", "Split", "open_pack"]

Split: TypeAlias = Literal["train", "valid"]
"""`train` has the documents to train on, `valid` those that were held out."""

BLOCK_TOKENS = 2048
"""Tokens of a block."""


@dataclass(frozen=True)
class PackSplit:
    """The token stream of one phase, for training or for validation."""

    tokens: int
    """Tokens, with `<|endoftext|>` after each document."""
    documents: int
    blocks: int
    text_bytes: int
    """UTF-8 bytes of the texts."""


@dataclass(frozen=True)
class PackPhase:
    """One phase of a pack."""

    name: str
    epochs: int
    """How often the phase is trained on."""
    train: PackSplit
    valid: PackSplit


class Pack:
    """A pack on disk. The token files are mapped into memory when they are read.

    Examples:
        >>> import json, tempfile
        >>> from rotools import pack
        >>> folder = Path(tempfile.mkdtemp())
        >>> lines = [json.dumps({"text": f"Propoziția {i} are mere și pere."}) for i in range(400)]
        >>> _ = (folder / "web.jsonl").write_text("\\n".join(lines))
        >>> _ = pack(folder / "web.jsonl", folder / "pack", vocab_size=300, filter=False, dedup=False)
        >>> reader = Pack(folder / "pack")
        >>> reader.phases[0].name, next(reader.blocks("train")).shape
        ('web', (2048,))
        >>> reader.decode(next(reader.documents("web")))
        'Propoziția 0 are mere și pere.<|endoftext|>'
    """

    def __init__(self, directory: str | PathLike[str]) -> None:
        """Read the manifest.

        Args:
            directory: The pack.

        Raises:
            RotoolsError: There is no pack, or it is damaged or of another version.
        """
        self.directory = Path(directory)
        self.manifest: dict[str, Any] = _rotext.manifest(directory)
        """The content of manifest.json."""

    @property
    def phases(self) -> tuple[PackPhase, ...]:
        """The phases, in the order of training."""
        return tuple(
            PackPhase(phase["name"], phase["epochs"], _split(phase["train"]), _split(phase["valid"]))
            for phase in self.manifest["phases"]
        )

    @property
    def eos_id(self) -> int:
        """Id of `<|endoftext|>`."""
        return int(self.manifest["eos_id"])

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the ids."""
        return Tokenizer.load(self.directory / self.manifest["tokenizer"]["file"])

    def blocks(self, split: Split = "train", phase: str | None = None) -> "Iterator[Tokens]":
        """Iterate over the blocks in the order of the files.

        Args:
            split: `train` or `valid`.
            phase: Name of a phase. None: all phases, in the order of training.

        Returns:
            uint16 (uint32 for a vocabulary over 65,499) arrays of shape (2048,): the inputs of a block. They are views of the file, but for a block that crosses two
            pack shards. The labels are the same tokens, one place later: the last label is the first token of the next block.

        Raises:
            UsageError: There is no such split or phase.
        """
        names = [part.name for part in self.phases] if phase is None else [phase]
        streams = [self._stream(name, split) for name in names]
        return chain.from_iterable(_cut(self._shards(stream), stream["blocks"]) for stream in streams)

    def documents(self, phase: str, split: Split = "train") -> "Iterator[Tokens]":
        """Iterate over the documents of a phase in the order of the files.

        Args:
            phase: Name of the phase.
            split: `train` or `valid`.

        Returns:
            uint16 or uint32 arrays: the tokens of a document, with `<|endoftext|>` at the end. They are views of the file.

        Raises:
            UsageError: There is no such phase or split.
        """
        shards = self._stream(phase, split)["shards"]
        dtype, eos = self.manifest["dtype"], self.manifest["eos_id"]
        return chain.from_iterable(
            _documents(self.directory / shard["file"], dtype, shard["documents"], eos) for shard in shards
        )

    def decode(self, tokens: "Tokens | list[int]") -> str:
        """Decode the tokens of a block or a document to text.

        Args:
            tokens: Ids, for example an array from `blocks` or `documents`.
        """
        return self.tokenizer.decode(tokens)

    def block_text(self, number: int, split: Split = "train", phase: str | None = None) -> str:
        """Decode one block and its last label, as `rotools inspect --block` prints them.

        Args:
            number: Number of the block in its phase, from 0.
            split: `train` or `valid`.
            phase: Name of the phase. None: the first one.

        Raises:
            UsageError: There is no such block, split or phase.
        """
        return _rotext.block(self.directory, phase or self.phases[0].name, split, number)

    def __repr__(self) -> str:
        return f"Pack({str(self.directory)!r})"

    def _stream(self, phase: str, split: str) -> dict[str, Any]:
        if split not in ("train", "valid"):
            raise UsageError(f"a pack has no split {split!r}", hint="use one of: train, valid")
        for found in self.manifest["phases"]:
            if found["name"] == phase:
                stream: dict[str, Any] = found[split]
                return stream
        names = ", ".join(part.name for part in self.phases)
        raise UsageError(f"the pack has no phase {phase!r}", hint=f"use one of: {names}")

    def _shards(self, stream: dict[str, Any]) -> "list[Tokens]":
        return [_map(self.directory / shard["file"], self.manifest["dtype"]) for shard in stream["shards"]]


def open_pack(directory: str | PathLike[str]) -> Pack:
    """Open a pack to read its documents and blocks.

    Args:
        directory: The pack.

    Raises:
        RotoolsError: There is no pack, or it is damaged or of another version.

    Examples:
        >>> from rotools import RotoolsError
        >>> try:
        ...     open_pack("/nowhere")
        ... except RotoolsError as error:
        ...     print(error)
        /nowhere/manifest.json: no such file or directory
    """
    return Pack(directory)


def _split(stream: dict[str, Any]) -> PackSplit:
    return PackSplit(stream["tokens"], stream["documents"], stream["blocks"], stream["bytes"])


def _map(path: Path, dtype: str) -> "Tokens":
    """Map a file of tokens.

    Raises:
        ResourceError: The system refuses it.
        InputError: It was cut off.
    """
    import numpy as np

    with refused(path, "read"):
        size = path.stat().st_size
        # An empty file cannot be mapped.
        if size == 0:
            return np.empty(0, dtype)
        if size % np.dtype(dtype).itemsize:
            raise InputError(
                "the tokens are cut off", Place(str(path)), "copy the pack again, or pack the corpus again"
            )
        return np.memmap(path, dtype, "r").view(np.ndarray)


def _documents(path: Path, dtype: str, documents: int, eos: int) -> "Iterator[Tokens]":
    tokens = _map(path, dtype)
    for start, end in pairwise(read_offsets(path, dtype, documents, eos).tolist()):
        yield tokens[start:end]


# What `numpy` raises for a header that it cannot read: it takes the header for Python's own syntax.
_DAMAGE = (
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    MemoryError,
    Warning,
    OverflowError,
    tokenize.TokenError,
)


def read_offsets(shard: Path, dtype: str, documents: int, eos: int) -> "NDArray[np.uint64]":
    """Read where the documents of a pack shard begin, and where the last one ends.

    Args:
        shard: The file of tokens.
        dtype: numpy name of the type of a token, from the manifest.
        documents: The number of its documents, from the manifest.
        eos: The token at the end of each document, and nowhere else.

    Raises:
        InputError: The file is damaged, or of another shard.
    """
    import numpy as np

    path = shard.with_suffix(".offsets.npy")
    try:
        tokens = _map(shard, dtype)
        # `numpy` evaluates the header of a file, and warns about some damage.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            offsets = np.load(path, allow_pickle=False)
        if not isinstance(offsets, np.ndarray) or offsets.dtype != np.dtype("<u8"):
            raise ValueError("it is no list of numbers of 64 bits")
        if offsets.shape != (documents + 1,):
            raise ValueError(
                f"it has the shape {offsets.shape}, and the manifest has {documents:,} documents"
            )
        ends = offsets[1:]
        if offsets[0] != 0 or offsets[-1] != len(tokens) or (ends <= offsets[:-1]).any():
            raise ValueError("its numbers do not divide the tokens")
        if documents and (tokens[(ends - 1).astype(np.int64)] != eos).any():
            raise ValueError("a document does not end where it says")
    except OSError as error:
        raise ResourceError(
            (error.strerror or str(error)).lower(), Place(str(error.filename or path)), system_hint(error)
        ) from None
    except _DAMAGE as error:
        what = f"the offsets are damaged: {' '.join(str(error).split())}"
        raise InputError(what, Place(str(path)), "copy the pack again, or pack the corpus again") from None
    return offsets


def _cut(shards: "list[Tokens]", blocks: int) -> "Iterator[Tokens]":
    """Cut `blocks` blocks from shards that follow one another."""
    import numpy as np

    part: list[NDArray[Any]] = []
    missing = BLOCK_TOKENS
    for shard in shards:
        at = 0
        while blocks and at < len(shard):
            part.append(shard[at : at + missing])
            at += len(part[-1])
            missing -= len(part[-1])
            if not missing:
                yield part[0] if len(part) == 1 else np.concatenate(part)
                part, missing, blocks = [], BLOCK_TOKENS, blocks - 1
