"""What learns: a model and its optimizer, in one process or in several.

A step is two calls, so that a spike can be seen before it does harm: `gradients` runs the model
forward and backward, `apply` changes the weights, `forget` drops the gradients instead.

Several processes: with DDP each holds the whole model and gradients are averaged while the backward
pass still runs (Li et al. 2020); with FSDP2 (`fully_shard`) each holds its shard of weights,
gradients and moments and gathers a block when it is its turn (Zhao et al. 2023). Both take the mean
over processes, so a loss is multiplied by their number: the sum over the batch is what one process
would have.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rotrain.config import Optim
from rotrain.models.decoder import Decoder
from rotrain.run.checkpoint import SavedCheckpoint
from rotrain.runtime.allocator import HUGE_PAGES_AFTER_STEPS, use_huge_pages
from rotrain.runtime.device import Machine
from rotrain.runtime.distributed import Distributed
from rotrain.train.optim import Optimizer, full_tensor, shard_like


class _Loss(nn.Module):
    """The loss of a decoder as a module's forward pass, which DDP and FSDP hook into."""

    def __init__(self, model: Decoder, compute: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.compute = model, compute

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        return self.compute(tokens, labels)


class Learner:
    """A model in training. `kind` is `none`, `ddp` or `fsdp`."""

    def __init__(
        self, model: Decoder, optim: Optim, machine: Machine, distributed: Distributed, kind: str
    ) -> None:
        self.model, self.machine, self.distributed, self.kind = (
            model.to(machine.device),
            machine,
            distributed,
            kind,
        )
        self._loss = _Loss(model, model.loss)
        self.compute: Callable[[Tensor, Tensor], Tensor] = self._loss
        self._whole_loss: Callable[[Tensor, Tensor], Tensor] = model.loss
        self._module: Any = None
        self._steps = 0
        if kind == "ddp":
            self._module = nn.parallel.DistributedDataParallel(self._loss)
            self.compute = self._module
        elif kind == "fsdp":
            self._module = _shard(model, compiled=machine.compiled)
            self.compute = self._whole_loss = self._module
        self.optimizer = Optimizer(model, optim, machine.products)

    def compile(self, rows: int) -> str | None:
        """Compile loss and gradients, if `machine` says so, for `rows` sequences at once; or why that failed.

        Compilers fail in a broken toolchain and on code they did not expect: then all stays uncompiled, and
        right. The backward pass is compiled when it first runs, so it runs here, on gradients that nobody
        keeps. What FSDP shards was compiled block by block and is not tried.
        """
        if not self.machine.compiled or self.kind == "fsdp":
            return None
        from torch._dynamo.exc import TorchDynamoException  # 2 s of import, where it is needed

        compiled = self.model.compiled_loss()
        batch = torch.zeros(rows, self.model.config.context + 1, dtype=torch.long, device=self.machine.device)
        try:
            with self.machine.autocast():
                loss = compiled(batch[:, :-1], batch[:, 1:])
            torch.autograd.grad(loss, list(self.model.parameters()))
        except TorchDynamoException as error:
            self.machine = dataclasses.replace(self.machine, compiled=False)
            return str(error).strip().partition("\n")[0]
        self._loss.compute = compiled
        return None

    def compute_gradients(self, batch: Tensor, *, micro: int, tokens: int) -> Tensor:
        """Gradients of this process's rows (n, context + 1); returns the sum of their losses / `tokens`."""
        total = torch.zeros((), device=self.machine.device)
        parts = batch.split(micro)
        for index, part in enumerate(parts):
            with self._exchanging(index == len(parts) - 1):
                with self.machine.autocast():
                    loss = self.compute(part[:, :-1], part[:, 1:]) / tokens
                (loss * self.distributed.size if self.distributed.size > 1 else loss).backward()
            total += loss.detach()
        return total

    def clip_gradients(self) -> float:
        """Clip the gradients; their norm before clipping."""
        return float(self.optimizer.clip_gradients())

    def update(self, lr: float) -> None:
        """Change the weights, and forget the gradients."""
        self.optimizer.update(lr)

    def zero_grad(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad()

    def maybe_use_huge_pages(self) -> None:
        """To be called after each step: when a CPU's process holds what a step takes, that goes into huge pages."""
        self._steps += 1
        if self._steps == HUGE_PAGES_AFTER_STEPS and self.machine.device.type == "cpu":
            use_huge_pages()

    def loss(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """The sum of the losses of (B, T) tokens, for an evaluation. With FSDP all processes must ask."""
        return self._whole_loss(tokens, labels)

    def weights(self) -> dict[str, Tensor]:
        """The whole parameters by name. With FSDP all processes must ask."""
        return {name: full_tensor(parameter.detach()) for name, parameter in self.model.named_parameters()}

    def optimizer_state(self) -> dict[str, Tensor]:
        """The optimizer's whole state by name. With FSDP all processes must ask."""
        return {name: full_tensor(tensor) for name, tensor in self.optimizer.named_state().items()}

    def load_checkpoint(self, saved: SavedCheckpoint) -> None:
        """Take over weights and optimizer of a checkpoint."""
        weights = saved.weights()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(shard_like(weights[name], parameter))
        self.optimizer.load_state(saved.optimizer())

    def unsharded_model(self) -> Decoder:
        """The model by itself. With FSDP all processes must ask, and get a copy."""
        if self.kind != "fsdp":
            return self.model
        weights = self.weights()
        copy = Decoder(self.model.config, self.model.ops).to(self.machine.device)
        copy.load_state_dict(weights)
        return copy

    def _exchanging(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Gradients travel with the last part of a batch only."""
        if self.kind == "ddp" and not last:
            context: contextlib.AbstractContextManager[None] = self._module.no_sync()
            return context
        if self.kind == "fsdp":
            self._module.set_requires_gradient_sync(last)
        return contextlib.nullcontext()


def _shard(model: Decoder, *, compiled: bool) -> nn.Module:
    """The loss of a model whose blocks, and the rest, are sharded over all processes."""
    from torch.distributed.fsdp import fully_shard

    for block in model.blocks:
        if compiled:
            block.compile()  # by block: the gathering between them stays as it is
        fully_shard(block)
    module = _Loss(model, model.loss)
    fully_shard(module)
    return module
