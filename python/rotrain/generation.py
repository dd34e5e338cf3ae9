"""Continue a text, one token at a time, with a cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.errors import UsageError
from rotrain.models.decoder import Decoder, DecoderCache
from rotrain.progress import Progress
from rotrain.run.load import TrainedModel, load_run
from rotrain.runtime.decoding import DecodingStep, decoding_precision, place_for_decoding
from rotrain.runtime.device import choose_device, choose_precision, detect_hardware
from rotrain.runtime.sampling import DeviceSampler

# A lower temperature is 0: its reciprocal is no number in fp32.
LOWEST = 1e-30


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Logits are divided by `temperature`, then cut to the `top_k` most likely tokens, then to the smallest set whose
    probability reaches `top_p` (nucleus sampling, Holtzman et al. 2020).

    Attributes:
        temperature: 0 takes the most likely token.
        top_k: 0 keeps all tokens.
        top_p: Above 0 and at most 1.
        seed: Seed of the random choices.

    Raises:
        UsageError: A value is out of range.

    Examples:
        >>> Sampling(temperature=0).draw(torch.tensor([0.1, 2.0, 0.3]), torch.Generator())
        1
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
        """Return a token id, given logits (V,)."""
        if self.temperature < LOWEST:
            return int(logits.argmax())
        # In fp64, and below zero: a temperature near 0 then takes the most likely token, and nothing overflows.
        scaled = (logits.double() - logits.double().max()) / self.temperature
        ordered, ids = scaled.sort(descending=True, stable=True)
        if self.top_k:
            ordered, ids = ordered[: self.top_k], ids[: self.top_k]
        probability = ordered.softmax(-1).float()
        # Keep a token while those before it have not reached top_p: always at least one.
        before = probability.cumsum(-1) - probability
        kept = probability.masked_fill(before >= self.top_p, 0.0)
        return int(ids[torch.multinomial(kept, 1, generator=generator)])


# Tokens that a GPU draws before the host looks at them: waiting for each would cost more than to draw a few in vain.
TOKENS_AHEAD = 8

DEFAULT_PROMPT, DEFAULT_MAX_TOKENS = "A fost odată", 128


@dataclass(frozen=True)
class GenerateResult:
    """A text that a model continued.

    Attributes:
        run: The model, as the caller named it.
        step: Step of its checkpoint.
        prompt: The text that was continued.
        text: The continuation, without the prompt.
        tokens: Token ids of the continuation.
    """

    run: str
    step: int
    prompt: str
    text: str
    tokens: list[int]

    def __str__(self) -> str:
        """Return prompt and continuation."""
        return self.prompt + self.text

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain generate --json` prints it."""
        return {
            "run": self.run,
            "step": self.step,
            "prompt": self.prompt,
            "text": self.text,
            "tokens": self.tokens,
        }


def generate(
    run: str | PathLike[str] | TrainedModel,
    prompt: str = DEFAULT_PROMPT,
    *,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    temperature: float = Sampling.temperature,
    top_p: float = Sampling.top_p,
    top_k: int = Sampling.top_k,
    seed: int = Sampling.seed,
    device: str = "auto",
    progress: Progress | None = None,
) -> GenerateResult:
    """Continue a text with a trained model, until the end of the document, `max_tokens`, or the end of the context.

    Args:
        run: What `load_run` loads, or what it returned.
        prompt: The text to continue. An empty text starts a document.
        max_tokens: Maximum tokens to write.
        temperature: See `Sampling`.
        top_p: See `Sampling`.
        top_k: See `Sampling`.
        seed: See `Sampling`. A GPU draws other tokens from a seed than a CPU.
        device: `cpu`, `cuda`, or `auto`: a GPU if there is one, which computes in bf16. What `load_run` returned stays where
            it is.
        progress: Receives notes about the model.

    Raises:
        UsageError: The prompt fills the context, or a value is out of range.
        RotrainError: The model cannot be loaded.

    Examples:
        >>> result = generate("runs/llama-mha-nano", "A fost odată", max_tokens=8)
        >>> result.prompt, len(result.tokens) <= 8
        ('A fost odată', True)
    """
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    name, trained = _open(run, progress, device)
    ids = list(
        generate_tokens(
            trained.model,
            trained.tokenizer.encode(prompt),
            max_tokens=max_tokens,
            eos_id=trained.eos_id,
            sampling=sampling,
            stop_ids=trained.stop_ids,
            tokens=trained.tokenizer.vocab_size,
        )
    )
    return GenerateResult(name, trained.step, prompt, trained.tokenizer.decode(ids), ids)


def stream(
    run: str | PathLike[str] | TrainedModel,
    prompt: str = DEFAULT_PROMPT,
    *,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    temperature: float = Sampling.temperature,
    top_p: float = Sampling.top_p,
    top_k: int = Sampling.top_k,
    seed: int = Sampling.seed,
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[str]:
    """Continue a text with a trained model, and yield each piece of text when it is there.

    The arguments are those of `generate`. The pieces together are the continuation without the prompt.

    Examples:
        >>> pieces = list(stream("runs/llama-mha-nano", "A fost odată", max_tokens=8))
        >>> "".join(pieces) == generate("runs/llama-mha-nano", "A fost odată", max_tokens=8).text
        True
    """
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    _, trained = _open(run, progress, device)
    ids = generate_tokens(
        trained.model,
        trained.tokenizer.encode(prompt),
        max_tokens=max_tokens,
        eos_id=trained.eos_id,
        sampling=sampling,
        stop_ids=trained.stop_ids,
        tokens=trained.tokenizer.vocab_size,
    )
    return trained.tokenizer.stream(ids)


def load_for_decoding(
    run: str | PathLike[str], *, device: str = "auto", progress: Progress | None = None
) -> TrainedModel:
    """Load a model onto the device where it shall write: `cpu`, `cuda`, or `auto`, a GPU if there is one, in bf16.

    Raises:
        RotrainError: The model cannot be loaded.
        UsageError: There is no such device.

    Examples:
        >>> load_for_decoding("runs/llama-mha-nano", device="cpu").model.embed.weight.device.type
        'cpu'
    """
    hardware = detect_hardware()
    where, _ = choose_device(device, hardware)
    trained = load_run(run)
    if where != "cpu":
        precision, _ = choose_precision("auto", where, hardware)
        place_for_decoding(trained.model, torch.device(where), half=precision == "bf16")
    for note in trained.notes if progress is not None else ():
        assert progress is not None
        progress.note(note)
    return trained


def _open(
    run: str | PathLike[str] | TrainedModel, progress: Progress | None, device: str
) -> tuple[str, TrainedModel]:
    if isinstance(run, TrainedModel):
        return str(run.run.path), run
    return str(Path(run)), load_for_decoding(run, device=device, progress=progress)


@torch.inference_mode()
def generate_tokens(
    model: Decoder,
    prompt: list[int],
    *,
    max_tokens: int,
    eos_id: int,
    sampling: Sampling,
    stop_ids: Sequence[int] = (),
    tokens: int | None = None,
) -> Iterator[int]:
    """Yield token ids that continue `prompt`, until `eos_id`, `max_tokens`, or the end of the context.

    Args:
        model: The model.
        prompt: Token ids. If there are none, the sequence starts with `eos_id`, the token between documents.
        max_tokens: Maximum tokens to write.
        eos_id: Id of the token that ends a document; it is not yielded.
        sampling: How a token is drawn.
        stop_ids: More tokens that end the text, for example the end of a turn in a chat.
        tokens: Tokens of the tokenizer. Rows of the embedding beyond them are padding, and are never drawn.

    Raises:
        UsageError: The prompt fills the context.
    """
    prompt = prompt or [eos_id]
    context = model.config.context
    if len(prompt) >= context:
        raise UsageError(
            f"the prompt has {len(prompt)} tokens, and the model's context is {context}",
            hint="give a shorter prompt",
        )
    device = model.embed.weight.device
    cache = model.new_cache(context=min(context, len(prompt) + max_tokens))
    fresh = torch.tensor([prompt], device=device)
    if device.type == "cuda" and model.config.document_end is None:
        count = min(max_tokens, context - len(prompt))
        for token in _tokens_on_device(model, fresh, cache, sampling, count, tokens):
            if token == eos_id or token in stop_ids:
                return
            yield token
        return
    generator = torch.Generator().manual_seed(sampling.seed)
    precision = decoding_precision(model)
    for _ in range(min(max_tokens, context - len(prompt))):
        with precision:
            logits = model.logits(model(fresh, cache)[0, -1])
        token = sampling.draw(logits[:tokens].cpu(), generator)
        if token == eos_id or token in stop_ids:
            return
        yield token
        fresh = torch.tensor([[token]], device=device)


def _tokens_on_device(
    model: Decoder,
    prompt: Tensor,
    cache: DecoderCache,
    sampling: Sampling,
    count: int,
    tokens: int | None,
) -> Iterator[int]:
    """Yield `count` token ids that continue a prompt (1, T). The device draws them, `TOKENS_AHEAD` between two looks."""
    entries = min(tokens or model.config.vocab_size, model.config.vocab_size)
    temperature = 0.0 if sampling.temperature < LOWEST else sampling.temperature
    sampler = DeviceSampler(
        temperature=temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        generator=torch.Generator(prompt.device).manual_seed(sampling.seed),
    )
    with decoding_precision(model):
        logits = model.logits(model(prompt, cache)[:, -1])
    step = DecodingStep(model, cache, lambda scores: sampler.draw(scores[:, :entries]))
    unseen: list[Tensor] = []
    last: Tensor | None = None
    for left in range(count - 1, -1, -1):
        sampler.prepare(1, entries)
        # A recorded step writes its next result into the same tensor.
        last = (sampler.draw(logits[:, :entries]) if last is None else step(last)).clone()
        unseen.append(last)
        if len(unseen) == TOKENS_AHEAD or left == 0:
            yield from torch.cat(unseen, 1)[0].tolist()
            unseen.clear()
