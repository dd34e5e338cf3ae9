"""AdamW over a decoder's parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rotrain.config import Optim
from rotrain.models.decoder import Decoder

STATE = ("step", "exp_avg", "exp_avg_sq")


class Optimizer:
    """AdamW in one fused kernel, with its state by parameter name.

    Weight decay pulls on what the model names in `Decoder.decayed`.
    """

    def __init__(self, model: Decoder, config: Optim) -> None:
        named, pulled = list(model.named_parameters()), set(model.decayed())
        decayed = [(n, p) for n, p in named if n in pulled]
        others = [(n, p) for n, p in named if n not in pulled]
        self.names = [name for name, _ in decayed + others]
        self.parameters = [parameter for _, parameter in decayed + others]
        self.clip_norm = config.clip_norm
        self.adamw = torch.optim.AdamW(
            [
                {"params": [p for _, p in decayed], "weight_decay": config.weight_decay},
                {"params": [p for _, p in others], "weight_decay": 0.0},
            ],
            lr=config.lr,
            betas=(config.beta1, config.beta2),
            eps=config.eps,
            fused=True,
        )

    def step(self, lr: float) -> Tensor:
        """Clip, update, forget the gradients; returns the norm of the gradient before clipping."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip_norm, foreach=True)
        for group in self.adamw.param_groups:
            group["lr"] = lr
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors, for a checkpoint."""
        out = {}
        for name, parameter in zip(self.names, self.parameters, strict=True):
            for key in STATE:
                out[f"{name}.{key}"] = self.adamw.state[parameter][key]
        return out

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over the state that `tensors` gave."""
        state = {
            index: {key: tensors[f"{name}.{key}"] for key in STATE} for index, name in enumerate(self.names)
        }
        groups = self.adamw.state_dict()["param_groups"]
        self.adamw.load_state_dict({"state": state, "param_groups": groups})
