"""The step that a GPU records gives the tokens of the usual way, token by token. Here it runs without a recording."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from conftest import shape
from rotrain import generation
from rotrain.config import ModelConfig
from rotrain.generation import Sampling, generate_tokens
from rotrain.models.decoder import Decoder
from rotrain.models.presets import ARCHS
from rotrain.runtime.decoding import DecodingStep, decoding_precision, place_for_decoding
from rotrain.runtime.sampling import DeviceSampler

PROMPT = [3, 250, 17, 4, 90]


def model_of(arch: str) -> Decoder:
    config = shape(arch)
    model = Decoder(ModelConfig.model_validate(config.model_dump() | {"document_end": None}))
    model.init_weights(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "conv" not in name:
                parameter.mul_(4)  # larger logits: tokens differ from position to position
    return model


@torch.inference_mode()
def on_device(model: Decoder, sampling: Sampling, count: int, tokens: int | None = None) -> list[int]:
    cache = model.new_cache(context=len(PROMPT) + count)
    return list(generation._tokens_on_device(model, torch.tensor([PROMPT]), cache, sampling, count, tokens))


SAMPLINGS = [
    Sampling(temperature=0),
    Sampling(temperature=0.8, top_p=0.95, seed=3),
    Sampling(temperature=1.5, top_k=7, top_p=1.0, seed=4),
    Sampling(temperature=1.0, top_k=40, top_p=0.6, seed=5),
]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("arch", ARCHS)
def test_the_tokens_are_those_of_the_usual_way(arch: str, sampling: Sampling) -> None:
    model, count = model_of(arch), 40  # to the end of the context, beyond the window of 12
    usual = list(generate_tokens(model, PROMPT, max_tokens=count, eos_id=-1, sampling=sampling, tokens=290))
    assert on_device(model, sampling, count, tokens=290) == usual
    assert len(set(usual)) > 3 and len(usual) == count


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17])
def test_any_number_of_tokens_comes_once(count: int) -> None:
    model = model_of("llama-gqa")
    assert on_device(model, Sampling(temperature=0), count) == list(
        generate_tokens(model, PROMPT, max_tokens=count, eos_id=-1, sampling=Sampling(temperature=0))
    )


@pytest.mark.parametrize("arch", ARCHS)
@torch.inference_mode()
def test_sequences_side_by_side_are_those_alone(arch: str) -> None:
    model = model_of(arch)
    prompts = torch.tensor([[1, 2, 3], [200, 100, 50], [7, 7, 7]])

    def decode(rows: torch.Tensor) -> torch.Tensor:
        cache = model.new_cache(batch=len(rows), context=24)
        token = model.logits(model(rows, cache)[:, -1]).argmax(-1, keepdim=True)
        step = DecodingStep(model, cache, lambda logits: logits.argmax(-1, keepdim=True))
        drawn = [token]
        for _ in range(15):
            drawn.append(step(drawn[-1]).clone())
        return torch.cat(drawn, 1)

    together = decode(prompts)
    assert torch.equal(together, torch.cat([decode(row[None]) for row in prompts]))


@pytest.mark.parametrize("arch", ARCHS)
def test_bf16_matrices_give_nearly_the_same_scores(arch: str) -> None:
    model, half = model_of(arch), model_of(arch)
    place_for_decoding(half, torch.device("cpu"), half=True)
    assert half.embed.weight.dtype == torch.bfloat16 and half.norm.weight.dtype == torch.float32
    count = 20
    assert len(on_device(half, Sampling(temperature=0), count)) == count
    usual = generate_tokens(half, PROMPT, max_tokens=count, eos_id=-1, sampling=Sampling(temperature=0))
    assert len(list(usual)) == count
    tokens = torch.tensor([PROMPT])
    with torch.inference_mode(), decoding_precision(half):
        found = half.logits(half(tokens)).float()
    with torch.inference_mode():
        truth = model.logits(model(tokens))
    assert (found - truth).norm() < 0.05 * truth.norm()


@torch.inference_mode()
def test_the_model_is_as_it_was_and_a_full_cache_is_an_error() -> None:
    model = model_of("mistral-swa")
    cache = model.new_cache(context=6)
    model(torch.tensor([PROMPT]), cache)
    step = DecodingStep(model, cache, lambda logits: logits.argmax(-1, keepdim=True))
    before = model(torch.tensor([PROMPT]))
    step(torch.tensor([[9]]))
    assert torch.equal(model(torch.tensor([PROMPT])), before) and cache.length == 6
    with pytest.raises(ValueError, match="6 positions, and all are taken"):
        step(torch.tensor([[9]]))


def test_a_model_that_counts_documents_is_refused() -> None:
    model = Decoder(ModelConfig.model_validate(shape("llama-mha").model_dump() | {"document_end": 0}))
    with pytest.raises(ValueError, match="separates documents"):
        DecodingStep(model, model.new_cache(), lambda logits: logits)


@pytest.mark.parametrize("sampling", SAMPLINGS[1:])
def test_a_draw_is_that_of_the_cpu_s_generator(sampling: Sampling) -> None:
    logits = 3 * torch.randn(300, generator=torch.Generator().manual_seed(1))
    options: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
    }
    one, other = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    sampler = DeviceSampler(**options, generator=other)
    for _ in range(50):
        sampler.prepare(1, 300)
        assert sampler.draw(logits[None]).item() == sampling.draw(logits, one)
