"""The micro-batch: searched, halved when memory is short, remembered. A limit of memory is a function that raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import metrics_without_time
from torch import Tensor

from conftest import fit_config
from rotrain.errors import RotrainError
from rotrain.models.decoder import Decoder
from rotrain.models.platform import Platform
from rotrain.models.presets import model_config
from rotrain.progress import Progress
from rotrain.run.checkpoint import find_newest
from rotrain.runtime.device import Hardware, resolve_machine
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.remembered import memory_file, recall, remember
from rotrain.train import micro
from rotrain.train.learner import Learner
from rotrain.train.loop import run_training
from rotrain.train.micro import MicroBatch, is_out_of_memory, search

pytestmark = pytest.mark.usefixtures("tiny_nano")
NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
SIZES = [1, 2, 4, 8, 16]


class Heard(Progress):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def message(self, text: str) -> None:
        self.sentences.append(text)

    note = message


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("limit", [0, 1, 3, 8, 99])
@pytest.mark.parametrize("first", SIZES)
def test_the_search_finds_the_limit_from_anywhere(first: int, limit: int) -> None:
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= limit

    fitting = [size for size in SIZES if size <= limit]
    assert search(SIZES, first, fits) == (fitting[-1] if fitting else None)
    assert len(tried) == len(set(tried))  # a trial compiles: none is made twice


def limit_memory(monkeypatch: pytest.MonkeyPatch, sequences: int, from_call: int = 0) -> list[int]:
    """Let the forward pass raise above so many sequences at once; return the sizes that were tried."""
    whole, sizes = Decoder.loss, list[int]()

    def loss(self: Decoder, tokens: Tensor, labels: Tensor, forward: Any = None) -> Tensor:
        if torch.is_grad_enabled():
            sizes.append(len(tokens))
            if len(tokens) > sequences and len(sizes) > from_call:
                raise NO_MEMORY
        return whole(self, tokens, labels, forward)

    monkeypatch.setattr(Decoder, "loss", loss)
    return sizes


def weights(out: Path) -> dict[str, Tensor]:
    saved, _ = find_newest(out / "checkpoints")
    assert saved is not None
    return saved.weights()


def test_a_step_out_of_memory_is_computed_again_in_halves(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_training(fit_config(pack, tmp_path / "ones", "batch.micro=1"), Progress())
    heard = Heard()
    with monkeypatch.context() as patch:
        sizes = limit_memory(patch, 1, from_call=3)  # three steps pass, then memory is short
        run_training(fit_config(pack, tmp_path / "auto", 'batch.micro="auto"'), heard)
    assert sizes[:6] == [4, 4, 4, 4, 2, 1] and set(sizes[6:]) == {1}
    assert [text for text in heard.sentences if "out of memory" in text] == [
        "out of memory with 4 sequences at once: the step is computed again with 2",
        "out of memory with 2 sequences at once: the step is computed again with 1",
    ]
    one, other = (metrics_without_time(tmp_path / name) for name in ("ones", "auto"))
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        if "loss" in a:
            assert (a["step"], a["tokens"], a["mix"]) == (b["step"], b["tokens"], b["mix"])
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
            assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-4)


def test_gradients_after_a_lack_of_memory_are_those_of_an_undisturbed_step(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first step on only halves are computed: then every bit is that of `batch.micro=2`."""
    run_training(fit_config(pack, tmp_path / "twos", "batch.micro=2"), Progress())
    with monkeypatch.context() as patch:
        limit_memory(patch, 2)
        run_training(fit_config(pack, tmp_path / "auto", 'batch.micro="auto"'), Progress())
    one, other = weights(tmp_path / "twos"), weights(tmp_path / "auto")
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_given_size_is_kept_and_the_error_says_what_to_try(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, 1)
    with pytest.raises(RotrainError, match="too little memory for 2 sequences") as error:
        run_training(fit_config(pack, tmp_path / "run", "batch.micro=2"), Progress())
    assert "batch.micro=1" in str(error.value.hint)


def test_not_even_one_sequence_fits(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 0)
    with pytest.raises(RotrainError, match="too little memory for 1 sequence of 32") as error:
        run_training(fit_config(pack, tmp_path / "run", 'batch.micro="auto"'), Progress())
    assert "smaller --size" in str(error.value.hint)


@pytest.fixture
def gpu(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[MicroBatch, Heard]]:
    """A micro-batch that searches as on a GPU, with the model on the CPU."""
    config = fit_config(pack, tmp_path / "run", 'batch.micro="auto"', "batch.sequences=16")
    shape = model_config("llama-mha", "nano", vocab_size=300, context=32)
    machine = resolve_machine(config.runtime, Hardware(None, False, False, False, False), 0.0, threads=1)
    monkeypatch.setattr(MicroBatch, "searches", True)
    monkeypatch.setattr(MicroBatch, "_estimate", lambda self: 4)
    monkeypatch.setattr(MicroBatch, "key", "a card")

    def make() -> tuple[MicroBatch, Heard]:
        model, heard = Decoder(shape), Heard()
        model.init_weights(0)
        learner = Learner(model, config.optim, machine, Distributed(), "none")
        return MicroBatch(config, shape, Platform(), learner, Distributed(), heard), heard

    return make


def test_what_a_gpu_holds_is_found_before_the_first_step_and_remembered(
    gpu: Callable[..., tuple[MicroBatch, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = limit_memory(monkeypatch, 8)
    found, heard = gpu()
    before = [parameter.clone() for parameter in found.learner.model.parameters()]
    found.find()
    assert found.size == 8 and sizes == [4, 4, 8, 8, 16]  # two parts each: the second adds to gradients
    assert heard.sentences == [
        "micro-batch: 8 of 16 sequences at once (found on this GPU; batch.micro=N sets another)"
    ]
    after = list(found.learner.model.parameters())
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, after, strict=True))

    sizes.clear()
    again, heard = gpu()
    again.find()
    assert again.size == 8 and sizes == [8, 8] and "remembered" in heard.sentences[0]
    # A lack of memory at a later step may be another program's: the next run tries the size again.
    again.halve()
    third, _ = gpu()
    third.find()
    assert again.size == 4 and third.size == 8


def test_what_is_remembered_and_does_not_fit_any_more_is_searched(
    gpu: Callable[..., tuple[MicroBatch, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("a card", 16)
    limit_memory(monkeypatch, 2)
    found, heard = gpu()
    found.find()
    assert found.size == 2 and recall("a card") == 2 and "found on this GPU" in heard.sentences[0]


def test_a_gpu_that_holds_nothing_is_one_sentence(
    gpu: Callable[..., tuple[MicroBatch, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, 0)
    with pytest.raises(RotrainError, match="too little memory for 1 sequence"):
        gpu()[0].find()


def test_an_error_that_is_no_lack_of_memory_is_not_hidden(
    gpu: Callable[..., tuple[MicroBatch, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(Decoder, "loss", broken)
    with pytest.raises(RuntimeError, match="illegal"):
        gpu()[0].find()


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b'{"format": "rotrain-micro", "found": {"a": 8}, "seal": "0"}', b"[]"]
)
def test_a_damaged_memory_costs_a_search_only(damage: bytes) -> None:
    remember("a", 4)
    assert recall("a") == 4 and recall("b") is None
    assert "seal" in json.loads(memory_file().read_bytes())
    memory_file().write_bytes(damage)
    assert recall("a") is None
    remember("a", 2)
    assert recall("a") == 2


def test_the_key_names_everything_that_the_size_depends_on(pack: Path, tmp_path: Path) -> None:
    def key(*settings: str, size: int = 300) -> str:
        config = fit_config(pack, tmp_path / "run", *settings)
        shape = model_config("llama-mha", "nano", vocab_size=size, context=config.context)
        machine = resolve_machine(config.runtime, Hardware(None, False, False, False, False), 0.0, threads=1)
        learner = Learner(Decoder(shape), config.optim, machine, Distributed(), "none")
        return MicroBatch(config, shape, Platform(), learner, Distributed(), Progress()).key

    keys = [key(), key("context=16"), key("optim.name=muon"), key("runtime.precision=bf16"), key(size=400)]
    assert len(set(keys)) == len(keys)
    assert micro.torch.__version__.split("+")[0] in keys[0]


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_a_lack_of_memory_has_many_words(words: str) -> None:
    assert is_out_of_memory(RuntimeError(words))
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))


def test_a_trial_reads_one_document_a_sequence(gpu: Callable[..., tuple[MicroBatch, Heard]]) -> None:
    found, _ = gpu()
    learner = found.learner
    for end in (None, 0, 5):
        learner.model.config = learner.model.config.model_copy(update={"document_end": end})
        assert not (learner._trial_batch(2) == (-1 if end is None else end)).any()
