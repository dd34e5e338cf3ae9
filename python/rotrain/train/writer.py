"""Write checkpoints beside the training: a step waits for a copy in memory, and the disk gets it later.

The copy goes into buffers that live as long as the run: one more set of weights and moments in main memory, 12 bytes for
each parameter with AdamW. One checkpoint is written at a time, and the next one waits for it. An error of the disk is
kept and raised in the thread of the training at its next check.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.config import Checkpoint, ModelConfig
from rotrain.run import checkpoint


class CheckpointWriter:
    """Write the checkpoints of a run in a thread.

    Args:
        folder: The folder of the run's checkpoints.
        model: Shape of the model.
        config: The `checkpoint` section of a configuration.
        before: Called in the thread before each checkpoint is written.
    """

    def __init__(
        self, folder: Path, model: ModelConfig, config: Checkpoint, before: Callable[[], None]
    ) -> None:
        self.folder, self.model, self.config, self.before = folder, model, config, before
        self._copies: dict[str, Tensor] = {}
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def save(
        self,
        step: int,
        weights: Iterable[tuple[str, Tensor]],
        optimizer: Iterable[tuple[str, Tensor]],
        spikes: dict[str, Any],
    ) -> None:
        """Copy the state of `step` and start to write it. Wait for the checkpoint before it first.

        Args:
            step: Steps that were done.
            weights: Parameters and their names. Each is copied before the next one is asked for.
            optimizer: The optimizer's state, likewise.
            spikes: History of the spike guard.
        """
        self.wait()
        copies = self._copy("w/", weights), self._copy("o/", optimizer)
        if any(tensor.is_pinned() for tensor in copies[0].values()):  # they are being copied from a GPU
            torch.cuda.synchronize()
        self._thread = threading.Thread(target=self._write, args=(step, *copies, spikes), name="checkpoint")
        self._thread.start()

    def check(self) -> None:
        """Raise the error of a checkpoint that could not be written, without waiting."""
        if self._error is not None:
            self.wait()

    def wait(self) -> None:
        """Wait until everything is on the disk, and raise the error of the disk if there was one."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def abandon(self) -> None:
        """Wait until nothing is being written. An error of the disk is dropped: another error is on its way."""
        if self._thread is not None:
            self._thread.join()
        self._thread = self._error = None

    def _copy(self, prefix: str, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
        copies = {}
        for name, tensor in tensors:
            source = tensor.detach()
            kept = self._copies.get(prefix + name)
            if kept is None:
                kept = torch.empty_like(source, device="cpu", pin_memory=source.is_cuda)
                self._copies[prefix + name] = kept
            kept.copy_(source, non_blocking=source.is_cuda)
            copies[name] = kept
        return copies

    def _write(
        self, step: int, weights: dict[str, Tensor], optimizer: dict[str, Tensor], spikes: dict[str, Any]
    ) -> None:
        try:
            self.before()
            checkpoint.save(self.folder, step, self.model, weights, optimizer, spikes)
            checkpoint.remove_old(self.folder, self.config)
        except BaseException as error:  # raised again in the thread of the training
            self._error = error
