"""PyTorch's engine of the benchmark: every architecture in bf16, and the step that a GPU records."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conftest import fit_config
from rotrain.bench.engines import TorchEngine
from rotrain.progress import Progress
from rotrain.runtime.decoding import DecodingStep
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")
SPEC = {"device": "cpu", "threads": 1, "context": 24}


def decode(engine: TorchEngine) -> list[int]:
    engine.reset()
    tokens = [engine.feed([5, 80, 7])]
    for _ in range(12):
        tokens.append(engine.feed(tokens[-1:]))
    return tokens


@pytest.mark.parametrize("arch", ["mamba2-hybrid", "mistral-swa"])
def test_an_engine_decodes_in_bf16_and_by_the_recorded_step(pack: Path, tmp_path: Path, arch: str) -> None:
    threads = torch.get_num_threads()
    run_training(fit_config(pack, tmp_path / "run", arch=arch, steps=2), Progress())
    # Mamba-2 has fp32 between bf16 matrices: this was an error.
    assert len(decode(TorchEngine(tmp_path / "run", {**SPEC, "variant": "bf16"}))) == 13
    engine = TorchEngine(tmp_path / "run", {**SPEC, "variant": "fp32"})
    usual = decode(engine)
    with torch.inference_mode():
        engine._step = DecodingStep(
            engine._model, engine._cache, lambda logits: logits.argmax(-1, keepdim=True)
        )
        assert [decode(engine), decode(engine)] == [usual, usual]  # after a reset too
    torch.set_num_threads(threads)
