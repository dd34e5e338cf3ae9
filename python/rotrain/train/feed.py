"""The batches of a run on their way to the device.

On a GPU a thread reads the next batch into pinned memory while this one is computed, so neither the disk nor the copy makes
the GPU wait. On a CPU a batch is read when it is wanted: reading takes a thousandth of a step, and a second thread would
take a core from it. What is read is a function of the step alone, so both ways give the same batches.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from rotrain.data.batches import BatchReader


class BatchFeed:
    """The rows of one process, step by step.

    Args:
        batches: The batches of the run.
        rows: Rows of this process in each batch.
        first: The first of them.
        steps: Steps of the run: nothing is read beyond them.
        device: Where the batches go.
        ahead: Whether a thread reads the next batch. Default: on a GPU.

    Examples:
        >>> from rotrain.train.configure import make_config
        >>> from rotrain.train.plan import make_plan
        >>> config = make_config(arch="mamba2", size="nano", data="pack", steps=2, settings={"context": 32})
        >>> plan = make_plan(config)
        >>> with BatchFeed(plan.batches, rows=8, first=0, steps=2, device=torch.device("cpu")) as feed:
        ...     feed.read(0).shape
        torch.Size([8, 33])
    """

    def __init__(
        self,
        batches: BatchReader,
        *,
        rows: int,
        first: int,
        steps: int,
        device: torch.device,
        ahead: bool | None = None,
    ) -> None:
        self._batches, self._first, self._steps, self._device = batches, first, steps, device
        pinned = device.type == "cuda"
        self._ahead = pinned if ahead is None else ahead
        shape = (rows, batches.context + 1)
        # Two buffers: one is copied to the device while the other is filled.
        self._buffers = [
            torch.empty(shape, dtype=torch.long, pin_memory=pinned) for _ in range(1 + self._ahead)
        ]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches") if self._ahead else None
        self._pending: tuple[int, Future[Tensor]] | None = None

    def __enter__(self) -> BatchFeed:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the thread, and end it."""
        if self._thread is not None:
            self._thread.shutdown()

    def read(self, step: int) -> Tensor:
        """Return the batch of a step (rows, context + 1) int64 on the device. It is valid until the next call.

        The step before must be finished on the device: its buffer is filled again. The trainer reads the loss of each step,
        so it is.

        Raises:
            RotrainError: The pack cannot be read; also if the thread met the error.
        """
        if self._thread is None:
            return self._fill(step).to(self._device)
        if self._pending is not None and self._pending[0] == step:
            batch = self._pending[1].result()
        else:
            batch = self._thread.submit(self._fill, step).result()
        self._pending = None
        if step + 1 < self._steps:
            self._pending = step + 1, self._thread.submit(self._fill, step + 1)
        return batch.to(self._device, non_blocking=True)

    def _fill(self, step: int) -> Tensor:
        buffer = self._buffers[step % len(self._buffers)]
        self._batches.read(step, buffer.numpy(), first=self._first)
        return buffer
