"""The chunked loss against the plain one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rotrain.models import loss as losses
from rotrain.models.loss import chunk_tokens, token_loss_chunked, token_loss_reference

VOCAB, CHUNK = 900, 64


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of at most `CHUNK` tokens, and tiles of five rows."""
    monkeypatch.setattr(losses, "CHUNK_LOGITS", CHUNK * VOCAB + VOCAB // 2)
    monkeypatch.setattr(losses, "TILE_LOGITS", 5 * VOCAB)


def case(n: int, vocab: int = VOCAB, width: int = 32) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    hidden = torch.randn(n, width, generator=generator, requires_grad=True)
    weight = (0.3 * torch.randn(vocab, width, generator=generator)).requires_grad_()
    return hidden, weight, torch.randint(vocab, (n,), generator=generator)


@pytest.mark.parametrize("n", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_value_and_gradients_equal_the_plain_loss(n: int) -> None:
    found, truth = [], []
    for function, into in ((token_loss_chunked, found), (token_loss_reference, truth)):
        hidden, weight, labels = case(n)
        loss = function(hidden, weight, labels)
        (loss / 7).backward()
        assert hidden.grad is not None and weight.grad is not None
        into += [loss.detach(), hidden.grad, weight.grad]
    for a, b in zip(found, truth, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_chunks_are_equal_and_as_few_as_fit() -> None:
    assert [chunk_tokens(n, VOCAB) for n in (0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7)] == [1, 1, CHUNK, 33, 50]
    assert chunk_tokens(100, 2 * CHUNK * VOCAB) == 1


def test_bf16_products_with_fp32_sums() -> None:
    hidden, weight, labels = case(2 * CHUNK)
    exact = token_loss_reference(hidden.double(), weight.double(), labels).item()
    with torch.autocast("cpu", torch.bfloat16):
        loss = token_loss_chunked(hidden, weight, labels)
    loss.backward()
    assert loss.dtype == torch.float32
    # The core function is off by 1 % here, because it also adds up in bf16.
    assert loss.item() == pytest.approx(exact, rel=1e-3)
    assert weight.grad is not None and weight.grad.dtype == torch.float32
    assert hidden.grad is not None and hidden.grad.dtype == torch.float32


def test_without_gradients_it_keeps_none() -> None:
    hidden, weight, labels = case(40)
    with torch.no_grad():
        loss = token_loss_chunked(hidden, weight, labels)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, token_loss_reference(hidden, weight, labels).detach())
