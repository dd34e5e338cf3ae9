"""Continue a text, one token at a time, with a cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rotrain.errors import UsageError
from rotrain.models.decoder import Decoder


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Logits are divided by `temperature` (0 takes the likeliest token), then cut to the `top_k`
    likeliest (0: all), then to the smallest set whose probability reaches `top_p` (nucleus
    sampling, Holtzman et al. 2020).
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise UsageError(f"a temperature is 0 or more, not {self.temperature}")
        if self.top_k < 0:
            raise UsageError(f"top-k is 0 (all) or more, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top-p is above 0 and at most 1, not {self.top_p}")

    def draw(self, logits: Tensor, generator: torch.Generator) -> int:
        """A token id from (V,) logits."""
        if self.temperature == 0:
            return int(logits.argmax())
        ordered, ids = (logits.float() / self.temperature).sort(descending=True, stable=True)
        if self.top_k:
            ordered, ids = ordered[: self.top_k], ids[: self.top_k]
        probability = ordered.softmax(-1)
        # Keep a token while those before it have not reached top_p: always at least one.
        before = probability.cumsum(-1) - probability
        kept = probability.masked_fill(before >= self.top_p, 0.0)
        return int(ids[torch.multinomial(kept, 1, generator=generator)])


@torch.inference_mode()
def generate(
    model: Decoder, prompt: list[int], *, max_tokens: int, eos_id: int, sampling: Sampling
) -> Iterator[int]:
    """Token ids that continue `prompt`, until `eos_id`, `max_tokens`, or the context is full.

    An empty prompt starts from `eos_id`, which stands between documents in training.
    """
    prompt = prompt or [eos_id]
    context = model.config.context
    if len(prompt) >= context:
        raise UsageError(
            f"the prompt has {len(prompt)} tokens, and the model's context is {context}",
            hint="give a shorter prompt",
        )
    device = model.embed.weight.device
    generator = torch.Generator().manual_seed(sampling.seed)
    cache = model.new_cache(context=min(context, len(prompt) + max_tokens))
    fresh = torch.tensor([prompt], device=device)
    for _ in range(min(max_tokens, context - len(prompt))):
        logits = model.logits(model(fresh, cache)[0, -1])
        token = sampling.draw(logits.cpu(), generator)
        if token == eos_id:
            return
        yield token
        fresh = torch.tensor([[token]], device=device)
