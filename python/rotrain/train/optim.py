"""AdamW for all parameters of a decoder, or Muon for the matrices of its blocks and AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rotrain.config import Optim
from rotrain.errors import RotrainError
from rotrain.models.decoder import Decoder
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.shards import full_tensor, shard_like
from rotrain.train.muon import Muon

ADAMW, MUON = ("step", "exp_avg", "exp_avg_sq"), ("momentum_buffer",)


class Optimizer:
    """The optimizer of a model, with its state by parameter name.

    Weight decay applies to the parameters in `Decoder.decayed`, and so does Muon. `optim.lr`, schedule and weight decay
    mean the same for both optimizers. Fused matrices (queries, keys and values; gate and up) are orthogonalized as one.
    Muon keeps one moment where AdamW keeps two.

    Args:
        model: The model.
        config: The `optim` section of a configuration.
        products: Type in which Muon multiplies.
        distributed: The processes of the run, which share the work of Muon.
    """

    def __init__(
        self,
        model: Decoder,
        config: Optim,
        products: torch.dtype = torch.float32,
        distributed: Distributed | None = None,
    ) -> None:
        named, decayed = list(model.named_parameters()), set(model.decayed())
        matrices = [(n, p) for n, p in named if n in decayed]
        others = [(n, p) for n, p in named if n not in decayed]
        self.names = [name for name, _ in matrices + others]
        self.parameters = [parameter for _, parameter in matrices + others]
        self.clip_norm = config.clip_norm
        without_decay: dict[str, Any] = {"params": [p for _, p in others], "weight_decay": 0.0}
        with_decay: dict[str, Any] = {
            "params": [p for _, p in matrices],
            "weight_decay": config.weight_decay,
        }
        adamw: dict[str, Any] = {
            "lr": config.lr,
            "betas": (config.beta1, config.beta2),
            "eps": config.eps,
            "fused": True,
        }
        self.parts: list[tuple[torch.optim.Optimizer, tuple[str, ...]]]
        if config.name == "adamw":
            self.parts = [(torch.optim.AdamW([with_decay, without_decay], **adamw), ADAMW)]
        else:
            on_gpu = bool(matrices) and matrices[0][1].is_cuda
            muon = Muon(
                **with_decay,
                lr=config.lr,
                momentum=config.momentum,
                products=products,
                batched=on_gpu,
                distributed=distributed,
            )
            self.parts = [(muon, MUON), (torch.optim.AdamW([without_decay], **adamw), ADAMW)]

    def clip_gradients(self) -> Tensor:
        """Clip the gradients and return their norm before clipping."""
        return full_tensor(nn.utils.clip_grad_norm_(self.parameters, self.clip_norm, foreach=True))

    def update(self, lr: float) -> None:
        """Change the weights by the gradients at rate `lr`, and drop the gradients."""
        for part, _ in self.parts:
            for group in part.param_groups:
                group["lr"] = lr
            part.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for part, _ in self.parts:
            part.zero_grad(set_to_none=True)

    def missing_state_bytes(self) -> int:
        """Return the bytes of the moments that the first update will take; 0 after it."""
        return sum(
            parameter.numel() * parameter.element_size() * (2 if keys == ADAMW else 1)
            for part, keys in self.parts
            for group in part.param_groups
            for parameter in group["params"]
            if not part.state.get(parameter)
        )

    def named_state(self) -> dict[str, Tensor]:
        """Return the state as named tensors, for a checkpoint. Shards stay shards."""
        names = dict(zip(map(id, self.parameters), self.names, strict=True))
        return {
            f"{names[id(parameter)]}.{key}": part.state[parameter][key]
            for part, keys in self.parts
            for group in part.param_groups
            for parameter in group["params"]
            for key in keys
        }

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Load what `named_state` returned, and shard it as the parameters are sharded.

        Raises:
            RotrainError: The state is of another optimizer.
        """
        names = dict(zip(map(id, self.parameters), self.names, strict=True))
        for part, keys in self.parts:
            ordered = [parameter for group in part.param_groups for parameter in group["params"]]
            try:
                state = {
                    index: {key: shard_like(tensors[f"{names[id(p)]}.{key}"], p) for key in keys}
                    for index, p in enumerate(ordered)
                }
            except KeyError as error:
                raise RotrainError(
                    f"the checkpoint has no state {error} of the optimizer",
                    hint="it was trained with another optim.name: use that one",
                ) from None
            part.load_state_dict({"state": state, "param_groups": part.state_dict()["param_groups"]})
