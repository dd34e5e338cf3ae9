"""The learner: a model and its optimizer, in one process or in several.

A step is two calls, so that a spike is seen before it does harm: `compute_gradients` runs the model forward and
backward, `update` changes the weights, and `zero_grad` drops the gradients instead.

Several processes: with DDP each process holds the whole model, and the gradients are added up (`exchange`), in a compiled
run on a GPU while the backward pass still computes. A model that is one compiled program returns all gradients together, so
nothing overlaps there (a compiled run on CPUs).

With FSDP2 (`fully_shard`) each process holds its shard of weights, gradients and moments, and gathers a block when that
block computes (Zhao et al. 2023). It takes the mean over processes, so the loss is multiplied by their number: the
gradient is then that of the sum over the batch, as in one process.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from rotrain.config import Optim
from rotrain.models.decoder import Decoder
from rotrain.run.checkpoint import SavedCheckpoint
from rotrain.runtime.allocator import HUGE_PAGES_AFTER_STEPS, use_huge_pages
from rotrain.runtime.device import Machine
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.shards import full_tensor, shard_like
from rotrain.train.exchange import GradientExchange
from rotrain.train.optim import Optimizer


class _Loss(nn.Module):
    """The loss of a decoder as the forward pass of a module, which FSDP hooks into."""

    def __init__(self, model: Decoder, compute: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.compute = model, compute

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        return self.compute(tokens, labels)


class Learner:
    """A model in training.

    Args:
        model: The model.
        optim: The `optim` section of a configuration.
        machine: Device, precision and whether to compile.
        distributed: The processes of the run.
        strategy: `none`, `ddp` or `fsdp`.
    """

    def __init__(
        self, model: Decoder, optim: Optim, machine: Machine, distributed: Distributed, strategy: str
    ) -> None:
        self.model = model.to(machine.device)
        self.machine, self.distributed, self.strategy = machine, distributed, strategy
        self._loss = _Loss(model, model.loss)
        self.compute: Callable[[Tensor, Tensor], Tensor] = self._loss
        self._evaluation_loss: Callable[[Tensor, Tensor], Tensor] = model.loss
        self._module: Any = None
        self._steps = 0
        self._exchange: GradientExchange | None = None
        if strategy == "ddp":
            self._exchange = GradientExchange(list(model.parameters()), distributed)
        elif strategy == "fsdp":
            self._module = _shard(model, machine)
            self.compute = self._evaluation_loss = self._module
        self.optimizer = Optimizer(model, optim, machine.products, distributed)

    def compile(self, rows: int) -> str | None:
        """Compile loss and gradients for `rows` sequences at once, if `machine` says so.

        Compilers fail in a broken toolchain and on code that they did not expect. Then nothing is compiled, and the
        results are the same. The backward pass is compiled when it first runs, so it runs here, on gradients that are
        dropped. FSDP compiled its blocks already; it is not tried here.

        On CUDA each block is a program, and equal blocks share it: compiling takes as long as for one layer, and several
        processes exchange the gradients of a block while the blocks before it compute. On a CPU the model is one program, which
        was faster (docs/log/training.md).

        Returns:
            Why compiling failed, or None.
        """
        if not self.machine.compiled or self.strategy == "fsdp":
            return None
        from torch._dynamo.exc import TorchDynamoException  # takes 2 s to import

        by_block = self.machine.device.type == "cuda"
        if by_block:
            _compile_blocks(self.model)
        compiled = self.model.loss if by_block else self.model.compiled_loss()
        batch = self._trial_batch(rows)
        try:
            with self.machine.autocast():
                loss = compiled(batch[:, :-1], batch[:, 1:])
            torch.autograd.grad(loss, list(self.model.parameters()))
        except TorchDynamoException as error:
            # The compiler wraps what it meets. A lack of memory says nothing about compiling.
            if "out of memory" in str(error).lower():
                raise
            self.machine = dataclasses.replace(self.machine, compiled=False)
            _uncompile_blocks(self.model)
            return str(error).strip().partition("\n")[0]
        self._loss.compute = compiled
        return None

    def compute_gradients(self, batch: Tensor, *, micro: int, tokens: int) -> Tensor:
        """Compute the gradients of this process's rows.

        Args:
            batch: Token ids (n, context + 1).
            micro: Rows that go through the model at once.
            tokens: Tokens of the whole batch, over all processes.

        Returns:
            The sum of the losses in nats / `tokens`, a scalar. The gradients are complete after `finish_gradients`.
        """
        if self._exchange is not None:
            self._exchange.begin()
        total = torch.zeros((), device=self.machine.device)
        parts = batch.split(micro)
        for index, part in enumerate(parts):
            with self._gradient_sync(index == len(parts) - 1):
                with self.machine.autocast():
                    loss = self.compute(part[:, :-1], part[:, 1:]) / tokens
                (loss * self.distributed.size if self.strategy == "fsdp" else loss).backward()
            total += loss.detach()
        return total

    def finish_gradients(self, *, failed: bool) -> bool:
        """Wait for the gradients of all processes; every process calls this after `compute_gradients`.

        Args:
            failed: This process ran out of memory, and has no gradients.

        Returns:
            Whether any process failed. Its gradients are useless then: call `free_memory`.
        """
        return failed if self._exchange is None else self._exchange.finish(failed=failed)

    def _trial_batch(self, rows: int) -> Tensor:
        """Return sequences of one document each: the end of a document at every place would be the dearest of all batches."""
        token = int(self.model.config.document_end == 0)
        shape = (rows, self.model.config.context + 1)
        return torch.full(shape, token, dtype=torch.long, device=self.machine.device)

    def try_step(self, rows: int) -> None:
        """Compute the gradients of `rows` sequences in two parts beside a full state of the optimizer, and drop them.

        The second part adds to the gradients of the first, which takes more memory than the first alone. A run that starts
        has no state yet, so its memory is taken by a tensor of the same size.
        """
        state = torch.empty(
            self.optimizer.missing_state_bytes(), dtype=torch.uint8, device=self.machine.device
        )
        batch = self._trial_batch(2 * rows)
        for part in batch.split(rows):
            with self.machine.autocast():
                loss = self.compute(part[:, :-1], part[:, 1:])
            loss.backward()
        del state
        if self.machine.device.type == "cuda":
            torch.cuda.synchronize(self.machine.device)
        self.zero_grad()

    def free_memory(self) -> None:
        """Drop the gradients, and give unused blocks of memory back to the device."""
        self.zero_grad()
        if self.machine.device.type == "cuda":
            torch.cuda.empty_cache()

    def clip_gradients(self) -> Tensor:
        """Clip the gradients and return their norm before clipping, a scalar on the device."""
        return self.optimizer.clip_gradients()

    def update(self, lr: float) -> None:
        """Change the weights at rate `lr`, and drop the gradients."""
        self.optimizer.update(lr)

    def zero_grad(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad()

    def maybe_use_huge_pages(self) -> None:
        """Call after each step. On a CPU, move memory into huge pages after `HUGE_PAGES_AFTER_STEPS` steps."""
        self._steps += 1
        if self._steps == HUGE_PAGES_AFTER_STEPS and self.machine.device.type == "cpu":
            use_huge_pages()

    def loss(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Return the sum of the losses of tokens (B, T), for an evaluation. With FSDP every process must call this.

        Nothing is compiled for it: each other number of tokens would be another program.
        """
        if not self.machine.compiled:
            return self._evaluation_loss(tokens, labels)
        with torch.compiler.set_stance("force_eager"):
            return self._evaluation_loss(tokens, labels)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the full parameters by name. With FSDP every process must go through all of them.

        A sharded tensor is gathered when it is yielded, so a GPU holds one whole tensor at a time, never the whole model.
        """
        for name, parameter in self.model.named_parameters():
            yield name, full_tensor(parameter.detach())

    def optimizer_state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the full state of the optimizer by name, see `weights`."""
        for name, tensor in self.optimizer.named_state().items():
            yield name, full_tensor(tensor)

    def load_checkpoint(self, saved: SavedCheckpoint) -> None:
        """Load weights and optimizer of a checkpoint."""
        weights = saved.weights()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(shard_like(weights[name], parameter))
        self.optimizer.load_state(saved.optimizer())

    def unsharded_model(self) -> Decoder | None:
        """Return the model in the main process, with FSDP a copy of it, and None in the others. All must call this."""
        if not self.distributed.is_main:
            for _ in self.weights() if self.strategy == "fsdp" else ():
                pass  # helps to gather
            return None
        if self.strategy != "fsdp":
            _uncompile_blocks(self.model)
            return self.model
        copy = Decoder(self.model.config, self.model.ops).to(self.machine.device)
        into = dict(copy.named_parameters())
        with torch.no_grad():
            for name, tensor in self.weights():
                into[name].copy_(tensor)
        return copy

    def _gradient_sync(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Processes exchange gradients with the last part of a batch only."""
        if self._exchange is not None and last:
            return self._exchange.last_part()
        if self.strategy == "fsdp":
            self._module.set_requires_gradient_sync(last)
        return contextlib.nullcontext()


def _compile_blocks(model: Decoder) -> None:
    """Compile each block when it first runs. Parameters are inputs of a program, so blocks of one kind share it."""
    for block in model.blocks:
        _compile_block(block)


def _compile_block(block: nn.Module) -> None:
    """Compile a block for one shape at a time.

    The sizes of a search, and the lengths of the list of documents, are more than the eight that the compiler allows before
    it stops compiling without a word.
    """
    torch._dynamo.config.recompile_limit = 64
    block.compile(dynamic=False)


def _uncompile_blocks(model: Decoder) -> None:
    """Run the blocks operation by operation again: a text that grows token by token would compile for each length."""
    for block in model.blocks:
        block._compiled_call_impl = None


def _shard(model: Decoder, machine: Machine) -> nn.Module:
    """Return the loss of a model whose blocks, and the rest, are sharded over all processes."""
    from torch.distributed.fsdp import fully_shard

    policy = gather_policy(machine.products)
    for block in model.blocks:
        if machine.compiled:
            _compile_block(block)  # block by block: the gathering between them is not compiled
        fully_shard(block, mp_policy=policy)
    module = _Loss(model, model.loss)
    # The embedding stays fp32: the loss adds up its gradient in fp32, and on a CPU the stream is fp32.
    fully_shard(module)
    return module


def gather_policy(products: torch.dtype) -> Any:
    """Return FSDP's policy for a block: matrices are gathered in the type of products, and gradients are added in fp32.

    Autocast would round the gathered matrices to the same values, so this halves what is sent and changes no bit. Gains,
    the convolution and Mamba-2's rates are gathered in fp32, as one process reads them. A PyTorch that cannot tell parameters
    apart gathers all in fp32.

    Examples:
        >>> policy = gather_policy(torch.bfloat16)
        >>> policy.reduce_dtype, policy.cast_forward_inputs
        (torch.float32, False)
    """
    from torch.distributed.fsdp import MixedPrecisionPolicy

    knows_parameters = "param_dtype_override_fn" in {
        field.name for field in dataclasses.fields(MixedPrecisionPolicy)
    }
    if products == torch.float32 or not knows_parameters:
        return MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    return MixedPrecisionPolicy(
        param_dtype=products,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
        param_dtype_override_fn=lambda parameter: None if parameter.ndim == 2 else parameter.dtype,
    )
