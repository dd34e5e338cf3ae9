"""The worker process of `rotrain bench-train`: it makes one optimizer step for each line of standard input.

python -m rotrain.bench.step_worker '{"config": {...}, "model": "llama-gqa nano", "vocab_size": 40000}'

A step is the same as in `rotrain fit`: forward and backward in parts of `batch.micro` sequences, clipping, and the update.
The tokens are random, so no pack is needed. Reading a pack takes less than 2 % of a step (docs/log/training.md).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch

from rotrain.bench.answers import open_answers
from rotrain.bench.engines import process_memory
from rotrain.config import FitConfig
from rotrain.errors import RotrainError
from rotrain.models import count, kernels
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.progress import Progress
from rotrain.runtime.allocator import keep_freed_memory
from rotrain.runtime.device import COMPILE_CPU_FLOPS, choose_machine
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.memory import peak_bytes
from rotrain.train.learner import Learner
from rotrain.train.micro import MicroBatch


class _Said(Progress):
    """Keep what the search for a micro-batch says."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def message(self, text: str) -> None:
        self.sentences.append(text)

    note = message


class Steps:
    """A model in training, and one batch of random tokens that every step uses.

    Args:
        config: The configuration to measure.
        vocab_size: Entries of the vocabulary.

    Attributes:
        facts: The model, the batch and the machine, for the result.
    """

    def __init__(self, config: FitConfig, vocab_size: int) -> None:
        shape = model_config(
            config.arch,
            config.size,
            vocab_size=vocab_size,
            context=config.context,
            window=config.window,
            document_end=0 if config.document_mask else None,
        )
        keep_freed_memory()
        self.config = config
        # `auto` compiles only for a long run. The measured step is one of a long run.
        self.machine = choose_machine(config.runtime, run_flops=COMPILE_CPU_FLOPS)
        device = self.machine.device
        platform = kernels.detect_platform(device, half=self.machine.precision == "bf16", config=shape)
        model = Decoder(shape, kernels.choose(vocab_size, platform))
        model.init_weights(config.seed)
        self.learner = Learner(model, config.optim, self.machine, Distributed(), "none")
        started_at = time.perf_counter()
        said = _Said()
        micro = MicroBatch(config, shape, platform, self.learner, Distributed(), said)
        micro.find()
        self.micro = micro.size
        compile_s = time.perf_counter() - started_at
        self.machine = self.learner.machine
        self.tokens = config.batch.sequences * config.context
        generator = torch.Generator().manual_seed(config.seed)
        size = (config.batch.sequences, config.context + 1)
        self.batch = torch.randint(vocab_size, size, generator=generator).to(device)
        self.facts = {
            "arch": config.arch,
            "size": config.size,
            "parameters": count.param_count(shape),
            "flops_per_token": count.flops_per_token(shape),
            "context": config.context,
            "window": shape.window,
            "vocab_size": vocab_size,
            "sequences": config.batch.sequences,
            "micro": self.micro,
            "optimizer": config.optim.name,
            "tokens_per_step": self.tokens,
            "peak_flops": self.machine.peak_flops,
            "machine": self.machine.describe(),
            "said": "; ".join([self.machine.said, *said.sentences]),
            "compile_s": compile_s,
            "kernels": {op: name for op, (name, _) in kernels.reasons(vocab_size, platform).items()},
        }

    def step(self) -> dict[str, Any]:
        """Make one optimizer step, and return its loss and its time in seconds, until the device has finished."""
        self._wait()
        started_at = time.perf_counter()
        loss = self.learner.compute_gradients(self.batch, micro=self.micro, tokens=self.tokens)
        norm = self.learner.clip_gradients()
        value, _ = torch.stack(
            (loss, norm)
        ).tolist()  # `fit` reads both before the update, for the spike guard
        self.learner.update(self.config.optim.lr)
        self._wait()
        seconds = time.perf_counter() - started_at
        self.learner.maybe_use_huge_pages()
        return {"seconds": seconds, "loss": value}

    def _wait(self) -> None:
        if self.machine.device.type == "cuda":
            torch.cuda.synchronize()


def main() -> None:
    """Build the model and write its facts. Then make a step and write an answer for each line of input."""
    answer = open_answers()
    spec = json.loads(sys.argv[1])
    before = process_memory()["peak"]
    out_of_memory: dict[str, Any] = {
        "error": "there is too little memory for a step",
        "place": spec["model"],
        "hint": "compute fewer sequences at once: --set batch.micro=1",
    }
    try:
        steps = Steps(FitConfig.model_validate(spec["config"]), spec["vocab_size"])
        answer({"facts": steps.facts, "memory_before": before})
        for _ in sys.stdin:
            cpu = time.process_time()
            result = steps.step()
            device = steps.machine.device.type
            answer({**result, "cpu_s": time.process_time() - cpu, "peak_bytes": peak_bytes(device)})
    except RotrainError as error:
        answer({"error": error.what, "place": error.place or spec["model"], "hint": error.hint})
    except (MemoryError, torch.OutOfMemoryError):
        answer(out_of_memory)


if __name__ == "__main__":
    main()
