"""The draw of the next token on the device, in tensors of one size, so that it can be recorded."""

from __future__ import annotations

import torch
from torch import Tensor


class DeviceSampler:
    """Draw tokens as `generation.Sampling` does, without a number that the host must see.

    PyTorch's `multinomial` of one sample is the largest of probability / noise, where the noise is exponential (the Gumbel
    trick). The noise is drawn before the step, outside of a recording. With a generator of the CPU the tokens are those of
    `Sampling.draw`; a GPU's generator gives other ones.

    Args:
        temperature: 0 takes the most likely token.
        top_k: 0 keeps all tokens.
        top_p: Above 0 and at most 1.
        generator: Where the noise comes from, on the device of the logits.

    Examples:
        >>> sampler = DeviceSampler(temperature=0.0, top_k=0, top_p=1.0, generator=torch.Generator())
        >>> sampler.draw(torch.tensor([[0.1, 2.0, 0.3]])).tolist()
        [[1]]
    """

    def __init__(self, *, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> None:
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.generator = generator
        self._noise: Tensor | None = None

    def prepare(self, sequences: int, entries: int) -> None:
        """Draw the noise of the next token. Call it before each `draw`, outside of a recording."""
        if not self.temperature:
            return
        kept = min(self.top_k, entries) or entries
        if self._noise is None:
            self._noise = torch.empty(sequences, kept, device=self.generator.device)
        self._noise.exponential_(generator=self.generator)

    def draw(self, logits: Tensor) -> Tensor:
        """Return token ids (B, 1), given logits (B, V)."""
        if not self.temperature:
            return logits.argmax(-1, keepdim=True)
        assert self._noise is not None
        scaled = (logits.double() - logits.double().amax(-1, keepdim=True)) / self.temperature
        ordered, ids = scaled.sort(dim=-1, descending=True, stable=True)
        if self.top_k:
            ordered, ids = ordered[:, : self.top_k], ids[:, : self.top_k]
        probability = ordered.softmax(-1).float()
        before = probability.cumsum(-1) - probability
        kept = probability.masked_fill(before >= self.top_p, 0.0)
        return ids.gather(1, (kept / self._noise).argmax(-1, keepdim=True))
