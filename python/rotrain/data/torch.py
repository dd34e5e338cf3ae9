"""A pack as a PyTorch dataset, for a training loop of your own, Lightning or the Hugging Face Trainer.

`PackDataset` is map-style: item i is sequence i of the pack. Shuffle it with a sampler. `PackStream` is iterable: it gives
the sequences in the order in which `fit` reads them, phase after phase with replay and ramps.

A sequence is `context` consecutive tokens. With the default context it is a block of the pack. Items follow the Hugging
Face convention: `labels` equals `input_ids`, and the model compares its prediction at position t with the label at t + 1.
With `shifted=True`, `labels[t]` is the token after `input_ids[t]`, for a model that does not shift, such as `Decoder.loss`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from rotrain.data.batches import BatchReader
from rotrain.data.curriculum import plan_curriculum, sequences_per_block
from rotrain.data.pack import Pack, TokenStream, open_pack
from rotrain.errors import RotrainError, UsageError

Item = dict[str, Tensor]


class PackDataset(Dataset[Item]):
    """The sequences of a pack, by number.

    It can be pickled, so it works with the workers of a `DataLoader`, and with `DistributedSampler`. The tokens are
    mapped from the disk and read when an item is asked for.

    Args:
        pack: Pack directory, or an open pack.
        phase: Name of a phase. Default: all phases, in the order of the pack.
        split: `train` or `valid`.
        context: Tokens of a sequence; it must divide the block of the pack. Default: the block.
        shifted: Give the next tokens as labels, see the module.

    Raises:
        UsageError: There is no such phase or split, or the context does not divide the block.
        RotrainError: The pack cannot be read, or it has fewer tokens than a block.

    Examples:
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(PackDataset("pack"), batch_size=8, shuffle=True)
        >>> next(iter(loader))["input_ids"].shape
        torch.Size([8, 128])
    """

    def __init__(
        self,
        pack: str | PathLike[str] | Pack,
        phase: str | None = None,
        split: Literal["train", "valid"] = "train",
        *,
        context: int | None = None,
        shifted: bool = False,
    ) -> None:
        self.pack = pack if isinstance(pack, Pack) else open_pack(Path(pack))
        self.context = context or self.pack.block_tokens
        self.shifted = shifted
        per_block = sequences_per_block(self.pack, self.context)
        self._streams = _streams(self.pack, phase, split)
        counts = [
            (max(0, stream.tokens - 1) // self.pack.block_tokens) * per_block for stream in self._streams
        ]
        if not sum(counts):
            tokens = sum(stream.tokens for stream in self._streams)
            raise RotrainError(
                f"the split {split!r} has {tokens:,} tokens: fewer than one block of {self.pack.block_tokens:,}",
                place=self.pack.path,
                hint="pack a larger corpus",
            )
        self._starts = [0, *accumulate(counts)]

    def __len__(self) -> int:
        """Return the number of sequences."""
        return self._starts[-1]

    def __getitem__(self, index: int) -> Item:
        """Read a sequence.

        Args:
            index: Number of the sequence, from 0; negative numbers count from the end.

        Returns:
            `input_ids` and `labels`, each (context,) int64.

        Raises:
            IndexError: There is no such sequence.
        """
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        stream = bisect_right(self._starts, number) - 1
        tokens = np.empty(self.context + 1, dtype=np.int64)
        self._streams[stream].read((number - self._starts[stream]) * self.context, tokens)
        return _item(tokens, shifted=self.shifted)


class PackStream(IterableDataset[Item]):
    """The sequences of a pack in the order of a curriculum, as `fit` reads them.

    The order is a function of the pack and the arguments. Sequence n belongs to step `n // batch`.

    Workers of a `DataLoader`: each worker takes every W-th group of `batch_size` sequences, so no sequence comes twice.
    If `batch_size` is the loader's, the batches come in the same order for any number of workers.

    Processes: give each its `rank` and the `world_size`; each then reads its own rows of every step, as `fit` does under
    torchrun. Leave both out in the Hugging Face Trainer, which shares a stream among its processes itself.

    Args:
        pack: Pack directory, or an open pack.
        batch: Sequences of an optimizer step, over all processes.
        steps: Optimizer steps. Default: every phase for its epochs.
        context: Tokens of a sequence; it must divide the block of the pack. Default: the block.
        batch_size: Batch size of the loader.
        seed: Seed of the order.
        replay: See `rotrain.config.Mix`.
        ramp: See `rotrain.config.Mix`.
        mixed: Mix all phases throughout, in place of one after the other.
        fractions: Share of the steps of each phase, by name.
        rank: Number of this process.
        world_size: Number of processes; it must divide `batch`.
        shifted: Give the next tokens as labels, see the module.

    Raises:
        UsageError: An argument does not fit the pack.
        RotrainError: The pack cannot be read.

    Examples:
        >>> from torch.utils.data import DataLoader
        >>> stream = PackStream("pack", batch=16, steps=3, batch_size=8)
        >>> [batch["input_ids"].shape[0] for batch in DataLoader(stream, batch_size=8)]
        [8, 8, 8, 8, 8, 8]
        >>> stream.seek(40)
        >>> sum(len(batch["labels"]) for batch in DataLoader(stream, batch_size=8))
        8
    """

    def __init__(
        self,
        pack: str | PathLike[str] | Pack,
        *,
        batch: int,
        steps: int | None = None,
        context: int | None = None,
        batch_size: int = 1,
        seed: int = 0,
        replay: float = 0.05,
        ramp: float = 0.01,
        mixed: bool = False,
        fractions: dict[str, float] | None = None,
        rank: int = 0,
        world_size: int = 1,
        shifted: bool = False,
    ) -> None:
        super().__init__()
        if batch_size < 1 or not 0 <= rank < world_size or batch % world_size:
            raise UsageError(
                f"batch {batch}, batch_size {batch_size}, rank {rank} and world_size {world_size} do not fit together",
                hint="batch must be a multiple of world_size, and rank from 0 to world_size - 1",
            )
        self.pack = pack if isinstance(pack, Pack) else open_pack(Path(pack))
        self.context = context or self.pack.block_tokens
        self.batch_size, self.shifted = batch_size, shifted
        self.rows, self.first_row = batch // world_size, rank * (batch // world_size)
        curriculum = plan_curriculum(
            self.pack,
            context=self.context,
            batch=batch,
            steps=steps,
            fractions=fractions,
            mixed=mixed,
            replay=0.0 if mixed else replay,
            ramp=0.0 if mixed else ramp,
        )
        self.batches = BatchReader(curriculum, self.context, seed)
        self._identity = {
            "manifest_sha256": self.pack.digest,
            "context": self.context,
            "batch": batch,
            "steps": curriculum.steps,
            "seed": seed,
            "world_size": world_size,
        }
        self._resume = (0, 0)  # where the next pass starts, and how many of its sequences it skips
        self._pass_start = self._yielded = 0

    def __len__(self) -> int:
        """Return the number of sequences of this process, from the beginning of the stream."""
        return self.batches.curriculum.steps * self.rows

    def __iter__(self) -> Iterator[Item]:
        """Yield the sequences of this process and this worker: from the beginning, or from a loaded state."""
        worker = get_worker_info()
        number, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
        (self._pass_start, skip), self._resume = self._resume, (0, 0)
        self._yielded = 0
        for position in self._positions(number, count):
            self._yielded += 1
            if self._yielded <= skip:
                continue
            yield self._read(position)
        self._pass_start = self._yielded = 0

    def seek(self, sequences: int) -> None:
        """Start the next pass after the first `sequences` sequences of this process.

        After k batches of a loader, `sequences` is k * batch_size. With workers, only their copies of the stream know that a
        pass has started: call `seek(0)` before the pass that follows a resumed one.
        """
        if not 0 <= sequences <= len(self):
            raise UsageError(f"sequence {sequences:,} is outside a stream of {len(self):,}")
        self._resume = (sequences, 0)

    def state_dict(self) -> dict[str, Any]:
        """Return where the stream is, to the exact sequence.

        In the process that iterates (a loader without workers, or a worker of torchdata's StatefulDataLoader) the state
        counts what was yielded. With the workers of a plain `DataLoader`, use `seek`.
        """
        start, yielded = (self._pass_start, self._yielded) if self._resume == (0, 0) else self._resume
        return {"start": start, "yielded": yielded, **self._identity}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was called.

        Raises:
            RotrainError: The state is of another pack or other arguments.
        """
        differing = [key for key, value in self._identity.items() if state.get(key) != value]
        if differing:
            raise RotrainError(
                f"the state is of another stream: {', '.join(differing)} differ",
                place=self.pack.path,
                hint="make the stream with the same pack and arguments",
            )
        start, yielded = int(state["start"]), int(state["yielded"])
        # A worker skips what it yielded itself. Outside of workers the stream starts after it, for any number of workers.
        inside = get_worker_info() is not None
        self._resume = (start, yielded) if inside else (start + yielded, 0)

    def _positions(self, worker: int, workers: int) -> Iterator[int]:
        """Yield the numbers of a worker's sequences: every `workers`-th group of `batch_size`."""
        total = len(self)
        for first in range(self._pass_start + worker * self.batch_size, total, workers * self.batch_size):
            yield from range(first, min(first + self.batch_size, total))

    def _read(self, position: int) -> Item:
        step, row = divmod(position, self.rows)
        tokens: NDArray[np.int64] = np.empty((1, self.context + 1), dtype=np.int64)
        self.batches.read(step, tokens, first=self.first_row + row)
        return _item(tokens[0], shifted=self.shifted)


def _streams(pack: Pack, phase: str | None, split: str) -> list[TokenStream]:
    names = [one.name for one in pack.phases]
    if phase is not None and phase not in names:
        raise UsageError(f"the pack has no phase {phase!r}", hint=f"its phases are: {', '.join(names)}")
    if split not in ("train", "valid"):
        raise UsageError(f"there is no split {split!r}", hint="splits are: train, valid")
    phases = [one for one in pack.phases if phase in (None, one.name)]
    return [one.train if split == "train" else one.valid for one in phases]


def _item(tokens: NDArray[np.int64], *, shifted: bool) -> Item:
    """Return inputs and labels of (context + 1) tokens."""
    inputs = torch.from_numpy(tokens[:-1])
    return {"input_ids": inputs, "labels": torch.from_numpy(tokens[1:]) if shifted else inputs.clone()}
