"""Drawing tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from conftest import shape
from rotrain.errors import UsageError
from rotrain.generation import Sampling, generate_tokens
from rotrain.models.decoder import Decoder


@pytest.fixture(scope="module")
def model() -> Decoder:
    model = Decoder(shape("llama-gqa"))
    model.init_weights(2)
    with torch.no_grad():
        model.embed.weight.mul_(8)  # far from uniform, so that the likeliest token is clear
    return model.eval()


def test_greedy_is_the_likeliest_token_of_the_full_forward(model: Decoder) -> None:
    prompt = [5, 9, 200]
    found = list(generate_tokens(model, prompt, max_tokens=20, eos_id=299, sampling=Sampling(temperature=0)))
    text = list(prompt)
    with torch.inference_mode():
        for _ in range(20):
            best = int(model.logits(model(torch.tensor([text])))[0, -1].argmax())
            if best == 299:
                break
            text.append(best)
    assert found == text[3:] and len(found) > 0


def test_the_seed_makes_the_text(model: Decoder) -> None:
    def run(seed: int) -> list[int]:
        return list(
            generate_tokens(
                model,
                [1],
                max_tokens=15,
                eos_id=299,
                sampling=Sampling(temperature=3.0, top_p=1.0, seed=seed),
            )
        )

    assert run(1) == run(1) and run(1) != run(2)


def test_it_stops_at_the_end_token_and_at_the_context(model: Decoder) -> None:
    first = next(generate_tokens(model, [5], max_tokens=5, eos_id=299, sampling=Sampling(temperature=0)))
    assert (
        list(generate_tokens(model, [5], max_tokens=5, eos_id=first, sampling=Sampling(temperature=0))) == []
    )
    text = list(generate_tokens(model, [1] * 40, max_tokens=100, eos_id=-1, sampling=Sampling(temperature=0)))
    assert len(text) == 8
    with pytest.raises(UsageError, match="the prompt has 48 tokens"):
        list(generate_tokens(model, [1] * 48, max_tokens=1, eos_id=-1, sampling=Sampling()))


def test_draws_follow_the_probabilities_and_the_cuts() -> None:
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()
    generator = torch.Generator().manual_seed(0)

    def shares(sampling: Sampling) -> list[float]:
        drawn = torch.tensor([sampling.draw(logits, generator) for _ in range(3000)])
        return (torch.bincount(drawn, minlength=4) / 3000).tolist()

    assert shares(Sampling(temperature=1, top_p=1)) == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.04)
    assert shares(Sampling(temperature=1, top_p=1, top_k=2)) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.04)
    # 0.5 + 0.25 does not reach 0.8, so the third token stays and the fourth goes.
    assert shares(Sampling(temperature=1, top_p=0.8)) == pytest.approx(
        [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0], abs=0.04
    )
    assert shares(Sampling(temperature=1, top_p=1e-6)) == [1, 0, 0, 0]
    assert shares(Sampling(temperature=0.5, top_p=1))[0] == pytest.approx(
        0.25 / (0.25 + 0.0625 + 0.0225 + 0.01), abs=0.04
    )


@pytest.mark.parametrize(
    "words", [{"temperature": -1}, {"temperature": float("nan")}, {"top_p": 0}, {"top_p": 2}, {"top_k": -1}]
)
def test_values_out_of_range(words: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Sampling(**words)  # type: ignore[arg-type]


def test_no_history_of_gradients_is_kept(model: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it a text of a thousand tokens would keep the states of all of them."""
    seen: list[bool] = []
    forward = Decoder.forward

    def watched(self: Decoder, *words: Any, **named: Any) -> torch.Tensor:
        seen.append(torch.is_inference_mode_enabled())
        return forward(self, *words, **named)

    monkeypatch.setattr(Decoder, "forward", watched)
    assert list(generate_tokens(model, [5], max_tokens=3, eos_id=0, sampling=Sampling())) and all(seen)
