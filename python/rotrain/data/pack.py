"""A pack directory, opened and checked.

The manifest is the contract (docs/reference/pack-format.md). Opening checks what takes no time for each token: version, type, sizes
of the shards, hash of the tokenizer. `rotools verify` checks the hashes of the tokens. A token outside the vocabulary is
found when it is read.
"""

from __future__ import annotations

import copy
import hashlib
import json
import mmap
from bisect import bisect_right
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rotrain.config import MOST_ENTRIES
from rotrain.errors import RotrainError
from rotrain.files import sha256_file

FORMAT, VERSION = "rotools-pack", 1
# The types of tokens, and the largest vocabulary of each.
DTYPES = {"<u2": 1 << 16, "<u4": MOST_ENTRIES}

Ids: TypeAlias = NDArray[np.uint16] | NDArray[np.uint32]


class TokenStream:
    """The shards of one phase and split as one sequence of tokens. They are mapped from the disk and never copied whole.

    Args:
        name: Name for messages, for example `web train`.
        shards: File and number of tokens of each shard, in order.
        documents: Documents in all shards.
        text_bytes: Bytes of text in all shards.
        vocab: Entries of the vocabulary.
        dtype: numpy name of the type of a token: `<u2` or `<u4`.
    """

    def __init__(
        self,
        name: str,
        shards: list[tuple[Path, int]],
        documents: int,
        text_bytes: int,
        vocab: int,
        dtype: str = "<u2",
    ) -> None:
        self.name, self.documents, self.bytes, self.vocab_size = name, documents, text_bytes, vocab
        self.dtype = np.dtype(dtype)
        self.paths = [path for path, _ in shards]
        self._maps: list[Ids | None] = [None] * len(shards)
        self._advice = "MADV_RANDOM"
        self._starts = [0]
        for _, tokens in shards:
            self._starts.append(self._starts[-1] + tokens)

    @property
    def tokens(self) -> int:
        """Tokens in all shards."""
        return self._starts[-1]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the mapped files: another process maps them again."""
        return self.__dict__ | {"_maps": [None] * len(self._maps)}

    def sequential(self) -> TokenStream:
        """Return this stream for a reader that goes from the start to the end: the system reads ahead."""
        other = copy.copy(self)
        other._maps, other._advice = [None] * len(self.paths), "MADV_SEQUENTIAL"
        return other

    def read(self, start: int, out: NDArray[np.int64]) -> None:
        """Fill an array with the tokens from a position on, across shards.

        Args:
            start: Position of the first token.
            out: The array (n,), int64.

        Raises:
            RotrainError: A token is not in the vocabulary; the message names shard and byte.
        """
        done = 0
        while done < len(out):
            shard = bisect_right(self._starts, start + done) - 1
            offset = start + done - self._starts[shard]
            part = self._shard(shard)[offset : offset + len(out) - done]
            out[done : done + len(part)] = part
            if part.max() >= self.vocab_size:
                at = offset + int(np.argmax(part >= self.vocab_size))
                raise RotrainError(
                    f"byte {self.dtype.itemsize * at}: token {int(out[done + at - offset])} is outside the vocabulary "
                    f"of {self.vocab_size}",
                    place=self.paths[shard],
                    hint="the shard is damaged: run `rotools verify` on the pack",
                )
            done += len(part)

    def _shard(self, index: int) -> Ids:
        mapped = self._maps[index]
        if mapped is None:
            try:
                with self.paths[index].open("rb") as file:
                    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except OSError as error:
                error.filename = str(self.paths[index])
                raise
            # A sequence is a page or two, and its neighbours are not read next. Reading ahead would be wasted: 64
            # sequences of a cold file took 300 ms with it and 18 ms without (docs/log).
            if hasattr(mmap, self._advice):
                memory.madvise(getattr(mmap, self._advice))
            mapped = np.frombuffer(memory, dtype=self.dtype)
            self._maps[index] = mapped
        return mapped


@dataclass(frozen=True)
class Phase:
    """One phase of the curriculum.

    Attributes:
        name: Its name.
        epochs: How often its training stream is read.
        train: The training stream.
        valid: The held-out stream.
    """

    name: str
    epochs: float
    train: TokenStream
    valid: TokenStream


@dataclass(frozen=True)
class Pack:
    """An open pack.

    Attributes:
        path: Its directory.
        block_tokens: Tokens of a block.
        vocab_size: Entries of the vocabulary.
        eos_id: Id of the token between documents.
        phases: Its phases, in the order of training.
        digest: SHA-256 of the manifest: the identity of the data.
    """

    path: Path
    block_tokens: int
    vocab_size: int
    eos_id: int
    phases: list[Phase]
    digest: str

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer with which the pack was made."""
        return self.path / "tokenizer.json"


def open_pack(path: str | PathLike[str]) -> Pack:
    """Open and check a pack directory.

    Args:
        path: The directory.

    Raises:
        RotrainError: It is not a pack, or it is damaged.

    Examples:
        >>> pack = open_pack("pack")
        >>> [phase.name for phase in pack.phases], pack.block_tokens
        (['web', 'books'], 128)
    """
    path = Path(path)
    manifest_file = path / "manifest.json"
    make = "make one with `rotools pack corpus.jsonl`, or give another with --data"
    if not path.exists():
        raise RotrainError("there is no pack here", place=path, hint=make)
    if not path.is_dir():
        raise RotrainError("a pack is a directory, and this is a file", place=path, hint=make)
    try:
        raw = manifest_file.read_bytes()
    except FileNotFoundError:
        raise RotrainError(
            "this directory has no manifest.json, so it is not a pack", place=path, hint=make
        ) from None
    except OSError as error:
        raise RotrainError(f"cannot read the manifest: {error.strerror}", place=manifest_file) from None
    try:
        manifest = json.loads(raw)
        _check_header(manifest, manifest_file)
        phases = [_phase(path, entry, manifest) for entry in manifest["phases"]]
        pack = Pack(
            path=path,
            block_tokens=int(manifest["block_tokens"]),
            vocab_size=int(manifest["vocab_size"]),
            eos_id=int(manifest["eos_id"]),
            phases=phases,
            digest=hashlib.sha256(raw).hexdigest(),
        )
        _check_tokenizer(path / manifest["tokenizer"]["file"], manifest["tokenizer"]["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise RotrainError(
            f"the manifest is damaged: {what}", place=manifest_file, hint="pack the corpus again"
        ) from None
    if not phases:
        raise RotrainError("the manifest names no phases", place=manifest_file, hint="pack the corpus again")
    return pack


def _check_header(manifest: dict[str, Any], place: Path) -> None:
    if manifest["format"] != FORMAT:
        raise RotrainError(f"this is {manifest['format']!r}, not {FORMAT!r}", place=place)
    if manifest["version"] != VERSION:
        raise RotrainError(
            f"the pack has format version {manifest['version']}, and this program reads {VERSION}",
            place=place,
            hint="pack the corpus again, or update rotrain",
        )
    if manifest["dtype"] not in DTYPES:
        readable = " and ".join(map(repr, DTYPES))
        raise RotrainError(
            f"tokens are {manifest['dtype']!r}, and this program reads {readable}", place=place
        )
    if manifest["stride"] != manifest["block_tokens"]:
        raise RotrainError(
            f"stride {manifest['stride']} is not block_tokens {manifest['block_tokens']}", place=place
        )
    if not 1 < manifest["vocab_size"] <= DTYPES[manifest["dtype"]]:
        what = f"a vocabulary of {manifest['vocab_size']:,} does not fit tokens of the type {manifest['dtype']!r}"
        raise RotrainError(what, place=place, hint="pack the corpus again")


def _phase(path: Path, entry: dict[str, Any], manifest: dict[str, Any]) -> Phase:
    name, vocab = str(entry["name"]), int(manifest["vocab_size"])
    epochs = float(entry["epochs"])
    if not epochs > 0:
        raise ValueError(f"phase {name!r} has {epochs:g} epochs")
    return Phase(
        name,
        epochs,
        _stream(path, f"{name} train", entry["train"], vocab, manifest["dtype"]),
        _stream(path, f"{name} valid", entry["valid"], vocab, manifest["dtype"]),
    )


def _stream(path: Path, name: str, entry: dict[str, Any], vocab: int, dtype: str) -> TokenStream:
    shards, width = [], np.dtype(dtype).itemsize
    for shard in entry["shards"]:
        file, tokens = path / shard["file"], int(shard["tokens"])
        try:
            size = file.stat().st_size
        except OSError as error:
            raise RotrainError(
                f"a shard of the pack cannot be read: {error.strerror}",
                place=file,
                hint="pack the corpus again",
            ) from None
        if size != width * tokens:
            raise RotrainError(
                f"the shard has {size:,} bytes where the manifest says {width * tokens:,}",
                place=file,
                hint="the file is cut off or foreign: copy it again, or pack the corpus again",
            )
        if tokens:
            shards.append((file, tokens))
    stream = TokenStream(name, shards, int(entry["documents"]), int(entry["bytes"]), vocab, dtype)
    if stream.tokens != int(entry["tokens"]):
        raise ValueError(f"{name}: shards hold {stream.tokens} tokens, the sum says {entry['tokens']}")
    return stream


def _check_tokenizer(file: Path, sha256: str) -> None:
    try:
        found = sha256_file(file)
    except OSError as error:
        raise RotrainError(
            f"the tokenizer of the pack cannot be read: {error.strerror}",
            place=file,
            hint="pack the corpus again",
        ) from None
    if found != sha256:
        raise RotrainError(
            "this is not the tokenizer the pack was made with (its hash differs)",
            place=file,
            hint="put the original tokenizer.json back, or pack the corpus again",
        )
