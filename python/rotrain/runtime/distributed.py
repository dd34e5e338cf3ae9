"""The processes of a run: one, or those that `torchrun` started.

    torchrun --nproc-per-node 2 -m rotrain fit ...

Every process reads its own rows of the same batch, so the order of the data does not depend on how
many there are. The first ("the lead") alone holds the directory, logs and writes checkpoints; what it
decides, it shares.
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
    """A process's place among the `size` of its run."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run directory."""
        return self.rank == 0

    def all_reduce(self, loss: float, stop: int) -> tuple[float, int]:
        """The sum of all losses, and the signal by which any process was asked to stop, or 0."""
        if self.size == 1:
            return loss, stop
        import torch.distributed as dist

        # The losses of the processes in the order of their ranks, on each the same: one sum, one result.
        mine = torch.tensor([loss, float(stop)], dtype=torch.float64)
        all_of_them = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(all_of_them, mine, group=_host_group())
        return (
            float(sum(float(row[0]) for row in all_of_them)),
            int(max(float(row[1]) for row in all_of_them)),
        )

    def broadcast(self, value: Any) -> Any:
        """The lead's `value`, in every process."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0, group=_host_group())
        return box[0]


_groups: list[Any] = []


def _host_group() -> Any:
    """The group for a few numbers of the host: gloo, also beside NCCL, so that no GPU waits for them."""
    import torch.distributed as dist

    if not _groups:
        _groups.append(dist.new_group(backend="gloo") if dist.get_backend() != "gloo" else None)
    return _groups[0]


def choose_strategy(wanted: str, size: int, state_bytes: int, gpu_bytes: int | None) -> tuple[str, str]:
    """`none`, `ddp` or `fsdp` for `size` processes, and why."""
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
    """The team of this process: as torchrun's environment says, else alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Distributed()
        return
    import torch.distributed as dist

    cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Distributed(dist.get_rank(), size)
    except RuntimeError as error:
        if not _is_broken_connection(error):
            raise
        raise RotrainError(
            "another process of this run is gone",
            hint="what was saved is whole: the same command goes on from the newest checkpoint",
        ) from None
    finally:
        _groups.clear()
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()


def exit_process(code: int) -> NoReturn:
    """End a process of several with `code`, without taking the interpreter down.

    DistributedDataParallel keeps gloo's threads beyond `destroy_process_group` (seen with torch 2.15). One that frees a
    tensor while Python finalizes ends the process by SIGABRT ("terminate called without an active exception"), and
    torchrun calls a run failed that is finished and saved.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_broken_connection(error: RuntimeError) -> bool:
    signs = ("Connection", "connection", "gloo", "NCCL", "Broken pipe", "peer", "DistBackendError")
    text = f"{type(error).__name__}: {error}"
    return any(sign in text for sign in signs)
