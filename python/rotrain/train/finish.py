"""What a finished run has: texts of its model, and a summary."""

from __future__ import annotations

from typing import Any

from rotrain.data.tokenizer import Tokenizer
from rotrain.files import seal_line, write_atomic
from rotrain.generation import Sampling, generate_tokens
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.run.directory import RunDirectory
from rotrain.run.metrics import read_metrics
from rotrain.train.plan import Plan


def finish(plan: Plan, run: RunDirectory, model: Decoder, tokenizer: Tokenizer, step: int) -> dict[str, Any]:
    """Write samples.jsonl and return the summary, which the caller writes last."""
    samples = _write_samples(plan, run, model, tokenizer, step)
    lines = read_metrics(run.metrics)
    training = [line for line in lines if "loss" in line]
    evaluations = [line["eval"] for line in lines if "eval" in line]
    return {
        "run": str(run.path),
        "arch": plan.config.arch,
        "size": plan.config.size,
        "parameters": count.param_count(plan.model),
        "steps": step,
        "tokens": step * plan.tokens_per_step,
        "first_loss": training[0]["loss"],
        "loss": training[-1]["loss"],
        "spikes": sum("spike" in line for line in lines),
        "eval": evaluations[-1],
        "samples": samples,
        "seconds": lines[-1]["seconds"],
    }


def _write_samples(
    plan: Plan, run: RunDirectory, model: Decoder, tokenizer: Tokenizer, step: int
) -> list[dict[str, str]]:
    prompt, length = plan.config.evaluation.prompt, plan.config.evaluation.sample_tokens
    ids = tokenizer.encode(prompt)[: plan.config.context - 1]
    samples = []
    for temperature in (0.0, 0.8) if length else ():
        sampling = Sampling(temperature=temperature, seed=plan.config.seed)
        text = tokenizer.decode(
            generate_tokens(model, ids, max_tokens=length, eos_id=plan.pack.eos_id, sampling=sampling)
        )
        samples.append({"temperature": str(temperature), "prompt": prompt, "text": text})
    write_atomic(run.samples, b"".join(seal_line({"step": step, **sample}) for sample in samples))
    return samples
