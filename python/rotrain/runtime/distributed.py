"""The processes of a run: one, or those that `torchrun` started.

    torchrun --nproc-per-node 2 -m rotrain fit ...

Each process reads its own rows of the same batch, so the order of the data does not depend on the number of processes.
Only the main process, with rank 0, holds the run directory, logs and writes checkpoints. It broadcasts what it decides.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from rotrain.errors import RotrainError, UsageError

# The part of a GPU's memory that weights, gradients and moments may take before they are sharded.
DDP_MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class Distributed:
    """The rank of this process among the processes of its run.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.

    Examples:
        >>> Distributed().all_reduce(2.5, stop_signal=0)
        (2.5, 0)
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run directory."""
        return self.rank == 0

    def all_reduce(self, loss: float, stop_signal: int) -> tuple[float, int]:
        """Return the sum of all losses, and the signal that asked any process to stop (0 for none).

        Every process adds the losses in the order of the ranks, so all get the same sum.
        """
        if self.size == 1:
            return loss, stop_signal
        import torch.distributed as dist

        mine = torch.tensor([loss, float(stop_signal)], dtype=torch.float64)
        gathered = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(gathered, mine, group=_host_group())
        return (
            float(sum(float(row[0]) for row in gathered)),
            int(max(float(row[1]) for row in gathered)),
        )

    def gather(self, value: int) -> list[int]:
        """Return the values of all processes, in the order of the ranks.

        Examples:
            >>> Distributed().gather(4)
            [4]
        """
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        mine = torch.tensor(value)
        gathered = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(gathered, mine, group=_host_group())
        return [int(row) for row in gathered]

    def broadcast(self, value: Any) -> Any:
        """Return the main process's `value`, in every process."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0, group=_host_group())
        return box[0]


_groups: list[Any] = []


def _host_group() -> Any:
    """Return a gloo group for a few numbers of the host, also beside NCCL: no GPU waits for them."""
    import torch.distributed as dist

    if not _groups:
        _groups.append(dist.new_group(backend="gloo") if dist.get_backend() != "gloo" else None)
    return _groups[0]


def choose_strategy(wanted: str, size: int, state_bytes: int, gpu_bytes: int | None) -> tuple[str, str]:
    """Choose how processes share a model.

    Args:
        wanted: `runtime.parallel`: auto, none, ddp or fsdp.
        size: Number of processes.
        state_bytes: Bytes of weights, gradients and moments.
        gpu_bytes: Memory of one GPU, or None on a CPU.

    Returns:
        `none`, `ddp` or `fsdp`, and why.

    Raises:
        UsageError: `wanted` does not fit the number of processes.

    Examples:
        >>> choose_strategy("auto", 2, state_bytes=60 * 10**9, gpu_bytes=80 * 10**9)
        ('fsdp', '60 GB of states do not fit one GPU')
    """
    if size == 1:
        if wanted in ("ddp", "fsdp"):
            raise UsageError(
                f"runtime.parallel={wanted} needs several processes",
                hint="start them: torchrun --nproc-per-node 2 -m rotrain fit ...",
            )
        return "none", "one process"
    if wanted == "none":
        raise UsageError(
            f"runtime.parallel=none, but torchrun started {size} processes",
            hint="leave runtime.parallel at auto, or start rotrain without torchrun",
        )
    if wanted != "auto":
        return wanted, "as asked"
    if gpu_bytes is not None and state_bytes > DDP_MEMORY_SHARE * gpu_bytes:
        return "fsdp", f"{state_bytes / 1e9:.0f} GB of states do not fit one GPU"
    return "ddp", "the states fit each process"


@contextlib.contextmanager
def join_processes(device: str) -> Iterator[Distributed]:
    """Join the processes that torchrun's environment describes, or stay alone.

    Args:
        device: `runtime.device`.

    Raises:
        RotrainError: Another process ended.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Distributed()
        return
    import torch.distributed as dist

    cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if cuda else "gloo")
    ended = False
    try:
        yield Distributed(dist.get_rank(), size)
        ended = True
    except RuntimeError as error:
        if not _is_broken_connection(error):
            raise
        raise RotrainError(
            "another process of this run has ended",
            hint="the saved checkpoints are whole: the same command continues from the newest one",
        ) from None
    finally:
        _groups.clear()
        # After an error NCCL would wait for messages that never come. The process ends, and its error must be printed.
        if ended or not cuda:
            with contextlib.suppress(RuntimeError):
                dist.destroy_process_group()


def exit_process(code: int) -> NoReturn:
    """End one of several processes with `code`, without finalizing the interpreter.

    gloo's threads may outlive `destroy_process_group` (seen with DistributedDataParallel of torch 2.15). If one of
    them frees a tensor while Python finalizes, the process ends by SIGABRT ("terminate called without an active
    exception"). torchrun then reports a finished and saved run as failed.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_broken_connection(error: RuntimeError) -> bool:
    signs = ("Connection", "connection", "gloo", "NCCL", "Broken pipe", "peer", "DistBackendError")
    text = f"{type(error).__name__}: {error}"
    return any(sign in text for sign in signs)
