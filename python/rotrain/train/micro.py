"""The micro-batch: how many sequences go through the model at once.

The gradients of the parts of a batch are added, so the size of a part changes memory and speed and not what is learned. On
a CPU `auto` is `FIXED_MICRO`. On a GPU the largest size that fits is found before the first step: the estimate of the
memory says where to start, a real forward and backward pass says whether it fits, and the size is doubled or halved. What
was found is remembered for this machine, model and version.

Out of memory at a later step (another program took some, or the allocator's blocks are scattered) halves the size, and the
step is computed again from its first part. Nothing of a step is applied before all its gradients are there, so the step
has the same tokens and the same result, up to the order of a sum. Several processes that hold the whole model halve
together, whichever of them ran out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from rotrain.config import FitConfig, ModelConfig
from rotrain.errors import RotrainError
from rotrain.models import kernels
from rotrain.models.platform import Platform
from rotrain.progress import Progress
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.memory import Target
from rotrain.runtime.remembered import recall, remember
from rotrain.runtime.size import largest_micro, micro_sizes
from rotrain.train.learner import Learner

# Sequences at once where nothing is searched, and in an evaluation.
FIXED_MICRO = 4

# More tokens at once do not make a GPU faster: its matrix products are large enough (an estimate). What is left free helps
# against scattered blocks.
MAX_TOKENS = 32_768


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of memory. PyTorch has a class for it on a GPU, and only words on a CPU."""
    words = ("out of memory", "not enough memory", "can't allocate memory", "bad allocation", "alloc_failed")
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(word in str(error).lower() for word in words)


def out_of_memory(config: FitConfig, micro: int) -> RotrainError:
    """Return the error for a step that does not fit, with the next thing to try."""
    count = "1 sequence" if micro == 1 else f"{micro} sequences"
    smaller = f"the same command with --set batch.micro={micro // 2} goes on: the result stays the same"
    return RotrainError(
        f"there is too little memory for {count} of {config.context} tokens at once",
        place=config.out,
        hint=smaller if micro > 1 else "take a smaller --size, or a shorter context",
    )


def search(sizes: Sequence[int], first: int, fits: Callable[[int], bool]) -> int | None:
    """Return the largest size that fits, or None: from `first` upwards while it fits, else downwards until it does.

    Args:
        sizes: Sizes in ascending order, each about twice the one before.
        first: Where to start, one of them.
        fits: Tries a size.

    Examples:
        >>> search([1, 2, 4, 8], 2, lambda size: size <= 4), search([1, 2, 4, 8], 8, lambda size: size <= 2)
        (4, 2)
        >>> search([1, 2], 2, lambda size: False) is None
        True
    """
    index = sizes.index(first)
    if fits(sizes[index]):
        while index + 1 < len(sizes) and fits(sizes[index + 1]):
            index += 1
        return sizes[index]
    return next((size for size in reversed(sizes[:index]) if fits(size)), None)


class MicroBatch:
    """The size of the micro-batch of a run, from before the first step to the last.

    Args:
        config: The configuration of the run.
        model: Shape of the model.
        platform: What its kernels were chosen for.
        learner: The model in training.
        distributed: The processes of the run.
        progress: Receives what was chosen.

    Attributes:
        size: Sequences that go through the model at once.
    """

    def __init__(
        self,
        config: FitConfig,
        model: ModelConfig,
        platform: Platform,
        learner: Learner,
        distributed: Distributed,
        progress: Progress,
    ) -> None:
        self.config, self.model, self.platform = config, model, platform
        self.learner, self.distributed, self.progress = learner, distributed, progress
        self.rows = self.config.batch.sequences // distributed.size
        self.given = self.config.batch.micro
        self.size = min(self.rows, FIXED_MICRO if self.given == "auto" else self.given)

    def find(self) -> None:
        """Find the size before the first step, and compile for it. A given size is only compiled for.

        Raises:
            RotrainError: Not even one sequence fits.
        """
        if self.given != "auto" or not self.searches:
            self.size = self._agree(self.size)
            self._compile(self.size)
            return
        # Processes on other machines have other files, and all must try the same sizes.
        known = self.distributed.broadcast(recall(self.key))
        if known in self._sizes and self.learner.strategy != "fsdp":
            # Another program may have taken memory since: then it is searched again.
            fits = self._fits(known)
            if self._agree(known if fits else 0) == known:
                self.size = known
                self._say("remembered; batch.micro=N sets another")
                return
        first = self.distributed.broadcast(self._estimate())
        if self.learner.strategy == "fsdp":
            # A trial that fails in one process would leave the others waiting for it.
            self.size = self._agree(first)
            self._say("estimated, not tried: batch.micro=N sets another")
            return
        found = search(self._sizes, first, self._fits)
        found = self._agree(found or 0)
        if found == 0:
            raise out_of_memory(self.config, 1)
        self.size = found
        remember(self.key, found)
        self._say("found on this GPU; batch.micro=N sets another")

    def check_recovery(self) -> None:
        """Call this first after a lack of memory in this process.

        Raises:
            RotrainError: The others wait for a block of this process's shards, so the run ends.
        """
        if self.learner.strategy == "fsdp":
            raise out_of_memory(self.config, self.size)

    def halve(self) -> None:
        """Take the next smaller size after a lack of memory. All processes call this together.

        Raises:
            RotrainError: There is none, or the size was given.
        """
        smaller = [size for size in micro_sizes(self.rows) if size < self.size]
        if self.given != "auto" or not smaller:
            raise out_of_memory(self.config, self.size)
        self.progress.note(
            f"out of memory with {self.size} sequences at once: the step is computed again with {smaller[-1]}"
        )
        # It is not remembered: what took the memory may be gone when the next run tries.
        self.size = smaller[-1]

    @property
    def searches(self) -> bool:
        """Whether the size is searched: a GPU has a limit that can be met and survived."""
        return self.learner.machine.device.type == "cuda"

    @property
    def key(self) -> str:
        """What the size depends on, as words."""
        import importlib.metadata

        from rotrain import __version__

        machine, config = self.learner.machine, self.config
        device = torch.cuda.get_device_properties(machine.device) if self.searches else None
        where = "cpu" if device is None else f"{device.name} {device.total_memory >> 20} MiB"
        chosen = kernels.reasons(self.model.vocab_size, self.platform)
        names = ", ".join(f"{operation} {name}" for operation, (name, _) in sorted(chosen.items()))
        return "; ".join(
            (
                where,
                f"{config.arch} {config.size}, context {config.context}, vocabulary {self.model.vocab_size}",
                f"window {self.model.window}, documents {config.document_mask}, rows {self.rows}",
                f"{machine.precision}, compiled {machine.compiled}, {config.optim.name}",
                f"{self.learner.strategy} of {self.distributed.size}",
                f"rotrain {__version__}, torch {importlib.metadata.version('torch')}, {names}",
            )
        )

    @property
    def _sizes(self) -> list[int]:
        sizes = micro_sizes(self.rows)
        return [size for size in sizes if size * self.config.context <= MAX_TOKENS] or sizes[:1]

    def _estimate(self) -> int:
        """Return the size that should fit, by the counted memory; the smallest one if none should."""
        memory = torch.cuda.get_device_properties(self.learner.machine.device).total_memory
        target = Target(self.platform, self.learner.machine.compiled)
        fitting = largest_micro(self.model, self.rows, memory, target)
        return max((size for size in self._sizes if size <= fitting), default=self._sizes[0])

    def _agree(self, size: int) -> int:
        """Return the smallest size of all processes."""
        return min(self.distributed.gather(size))

    def _compile(self, size: int) -> None:
        why = self.learner.compile(size)
        if why is not None:
            self.progress.note(f"compiling failed, so nothing is compiled ({why})")

    def _fits(self, size: int) -> bool:
        """Compute gradients of `size` sequences beside the optimizer's state, and drop them."""
        try:
            self._compile(size)
            self.learner.try_step(size)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            fits = False
        else:
            fits = True
        # Here, where no traceback holds the tensors of the failed pass.
        self.learner.free_memory()
        return fits

    def _say(self, why: str) -> None:
        self.progress.message(f"micro-batch: {self.size} of {self.rows} sequences at once ({why})")
