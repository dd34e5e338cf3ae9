"""Parts B and C of `gpu_check.py`, and the models of part A: steps of 300m, with one thing changed, and where their time goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rotrain.config import FitConfig, ModelConfig, resolve
from rotrain.models import count, kernels
from rotrain.models.activations import activations_kept
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.runtime.decoding import DecodingStep, decoding_precision, place_for_decoding
from rotrain.runtime.device import choose_machine
from rotrain.runtime.distributed import Distributed
from rotrain.runtime.memory import Target, training_bytes
from rotrain.train.learner import Learner

Row = dict[str, Any]
MODEL_LIMIT = 6e-2  # compiled and not are two roundings of bf16; relative to the norm of each gradient


def shape_of(arch: str, tiny: bool) -> ModelConfig:
    """Return the shape that is measured: 300m, or the least that has every part."""
    if not tiny:
        return model_config(arch, "300m", vocab_size=40_000)
    shape = model_config(arch, "nano", vocab_size=300, context=64)
    return shape.model_copy(update={"layers": 4 if arch == "mamba2-hybrid" else 1})


def config_of(arch: str, device: str, tiny: bool, *settings: str) -> FitConfig:
    """Return the configuration of a measured step."""
    size = "nano" if tiny else "300m"
    base = [f"runtime.device={device}", "runtime.compile=off"] if tiny else [f"runtime.device={device}"]
    if tiny:
        base += ["context=64", "batch.sequences=4", "batch.micro=2"]
    else:
        base += ["batch.micro=8"]
    return resolve({"arch": arch, "size": size}, assignments=[*base, *settings])


def learner_of(config: FitConfig, shape: ModelConfig, **changed: Any) -> Learner:
    """Return a model in training, with some of its kernels changed."""
    machine = choose_machine(config.runtime, run_flops=1e18)
    platform = kernels.detect_platform(machine.device, half=machine.precision == "bf16", config=shape)
    model = Decoder(shape, replace(kernels.choose(shape.vocab_size, platform), **changed))
    model.init_weights(0)
    return Learner(model, config.optim, machine, Distributed(), "none")


def measure_step(
    config: FitConfig, shape: ModelConfig, steps: int, **changed: Any
) -> tuple[Row, Callable[[], float]]:
    """Measure steps as `fit` makes them, without its reader; return the figures and the step."""
    learner = learner_of(config, shape, **changed)
    device = learner.machine.device
    cuda = device.type == "cuda"
    micro = config.batch.micro
    assert micro != "auto"
    began = time.perf_counter()
    failed = learner.compile(micro) if cuda else None
    compile_s = time.perf_counter() - began
    generator = torch.Generator().manual_seed(0)
    size = (config.batch.sequences, config.context + 1)
    batch = torch.randint(shape.vocab_size, size, generator=generator).to(device)
    tokens = config.batch.sequences * config.context

    def step() -> float:
        loss = learner.compute_gradients(batch, micro=micro, tokens=tokens)
        value, _ = torch.stack((loss, learner.clip_gradients())).tolist()
        learner.update(config.optim.lr)
        if cuda:
            torch.cuda.synchronize()
        return float(value)

    losses = [step() for _ in range(2)]
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(steps):
        started = time.perf_counter()
        losses.append(step())
        times.append(time.perf_counter() - started)
    median = sorted(times)[len(times) // 2]
    flops = count.flops_per_token(shape)
    peak = learner.machine.peak_flops
    counters = torch._dynamo.utils.counters
    breaks = sum(counters["graph_break"].values())
    row = {
        "ok": failed is None and breaks == 0 and losses[-1] < losses[0],
        "tokens_per_s": tokens / median,
        "mfu": None if peak is None else tokens / median * flops / peak,
        "step_s": times,
        "allocated_bytes": torch.cuda.max_memory_allocated() if cuda else 0,
        "planned_bytes": _planned(shape, micro, learner) if cuda else 0,
        "reserved_bytes": torch.cuda.max_memory_reserved() if cuda else 0,
        "compile_s": compile_s,
        "compile_failed": failed,
        "graph_breaks": breaks,
        "break_reasons": list(counters["graph_break"])[:5],
        "unique_graphs": counters["stats"]["unique_graphs"],
        "losses": losses,
        "micro": micro,
        "said": learner.machine.said,
        "flops_per_token": flops,
        "parameters": count.param_count(shape),
    }
    return row, step


def _planned(shape: ModelConfig, micro: int, learner: Learner) -> int:
    """Return the tensors of a step by the estimate of `rotrain plan`, to be compared with what was allocated."""
    half = learner.machine.precision == "bf16"
    platform = kernels.detect_platform(learner.machine.device, half=half, config=shape)
    return sum(training_bytes(shape, micro, Target(platform, learner.machine.compiled)).values())


def step(arch: str, device: str, tiny: bool) -> Row:
    """Measure a step of an architecture."""
    return measure_step(config_of(arch, device, tiny), shape_of(arch, tiny), 2 if tiny else 5)[0]


def variant(what: str, device: str, tiny: bool) -> Row:
    """Measure a step with one thing changed."""
    arch, _, change = what.partition(":")
    shape, settings, changed = shape_of(arch, tiny), list[str](), dict[str, Any]()
    if change == "deterministic":
        settings.append("runtime.deterministic=true")
    elif change.startswith("micro"):
        settings.append(f"batch.micro={min(int(change[5:]), 4 if tiny else 64)}")
    elif change.startswith("chunk"):
        assert shape.ssm is not None
        chunk = 32 if tiny else int(change[5:])
        shape = shape.model_copy(update={"ssm": shape.ssm.model_copy(update={"chunk": chunk})})
    elif change == "kept":
        settings.append(f"batch.micro={2 if tiny else 4}")  # eight take 31 GB
        changed["activations"] = activations_kept
    else:
        raise ValueError(f"there is no variant {change!r}")
    return measure_step(config_of(arch, device, tiny, *settings), shape, 2 if tiny else 4, **changed)[0]


def decode(arch: str, device: str, tiny: bool) -> Row:
    """Compare the recorded step of decoding with the usual way, in fp32, and measure both in bf16."""
    shape = shape_of(arch, tiny)
    count = 24 if tiny else 128
    prompt = torch.randint(shape.vocab_size, (1, 8), generator=torch.Generator().manual_seed(0)).to(device)
    texts: dict[str, list[int]] = {}
    rates: dict[str, float] = {}
    for kind in ("fp32", "bf16"):
        model = Decoder(shape)
        model.init_weights(0)
        place_for_decoding(model, torch.device(device), half=kind == "bf16")
        for way in ("usual", "recorded"):
            with torch.inference_mode(), decoding_precision(model):
                tokens, seconds = decode_tokens(model, prompt, count, recorded=way == "recorded")
            texts[f"{way} {kind}"], rates[f"{way} {kind}"] = tokens, (count - 8) / seconds
    # Scores that nearly tie may be ordered otherwise by another kernel: most of a text must agree, from its start on.
    usual, recorded = texts["usual fp32"], texts["recorded fp32"]
    same = next((i for i, pair in enumerate(zip(usual, recorded, strict=True)) if pair[0] != pair[1]), count)
    return {"ok": same >= count // 2, "tokens_in_common": same, "of": count, "tokens_a_second": rates}


def decode_tokens(model: Decoder, prompt: Tensor, count: int, *, recorded: bool) -> tuple[list[int], float]:
    """Decode greedily; return the tokens, and the seconds of all but the first eight."""
    cache = model.new_cache(context=prompt.shape[1] + count)
    token = model.logits(model(prompt, cache)[:, -1]).argmax(-1, keepdim=True)
    step = DecodingStep(model, cache, lambda logits: logits.argmax(-1, keepdim=True))
    drawn, started = [token.clone()], 0.0
    for index in range(1, count):
        if index == 8:
            drawn[-1].tolist()  # waits for the device
            started = time.perf_counter()
        token = step(token) if recorded else model.logits(model(token, cache)[:, -1]).argmax(-1, keepdim=True)
        drawn.append(token.clone())
    tokens = torch.cat(drawn, 1)[0].tolist()
    return tokens, time.perf_counter() - started


def profile(arch: str, device: str, tiny: bool) -> Row:
    """Return where the time of a step goes: the kernels that take most of it, and how many are started."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    _, one = measure_step(config_of(arch, device, tiny), shape_of(arch, tiny), 1)
    cuda = device == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
    with record(activities=activities) as trace:
        one()
    events = trace.key_averages()
    # torch 2.11 and later call it device time.
    time_of = "self_device_time_total" if cuda else "self_cpu_time_total"
    rows = sorted(events, key=lambda event: -float(getattr(event, time_of)))
    return {
        "ok": True,
        "kernels": [
            {"name": event.key[:120], "ms": float(getattr(event, time_of)) / 1e3, "calls": event.count}
            for event in rows[:25]
        ],
        "total_ms": sum(float(getattr(event, time_of)) for event in events) / 1e3,
        "calls": sum(event.count for event in events),
    }


def model_parity(device: str, tiny: bool) -> Row:
    """Compare loss and gradients of two layers, compiled by blocks and not, in the precision of a run."""
    errors: dict[str, float] = {}
    breaks: dict[str, int] = {}
    for arch in ("llama-mha", "llama-gqa", "mistral-swa", "falcon-mqa", "mamba2", "mamba2-hybrid"):
        shape = shape_of(arch, tiny).model_copy(update={"layers": 4 if arch == "mamba2-hybrid" else 2})
        batch = torch.randint(shape.vocab_size, (2, shape.context + 1)).to(device)
        gradients = []
        for compiled in ("off", "on"):
            torch._dynamo.reset()
            learner = learner_of(config_of(arch, device, tiny, f"runtime.compile={compiled}"), shape)
            if compiled == "on" and device == "cuda":
                failed = learner.compile(2)
                if failed:
                    raise RuntimeError(f"{arch} is not compiled: {failed}")
            learner.compute_gradients(batch, micro=2, tokens=batch.numel())
            gradients.append(
                {n: p.grad.double() for n, p in learner.model.named_parameters() if p.grad is not None}
            )
        breaks[arch] = sum(torch._dynamo.utils.counters["graph_break"].values())
        plain, fast = gradients
        errors[arch] = max(
            float((fast[name] - plain[name]).norm() / plain[name].norm().clamp(min=1e-30)) for name in plain
        )
    limits = dict.fromkeys(errors, MODEL_LIMIT)
    good = all(errors[key] <= limits[key] for key in errors) and not any(breaks.values())
    return {"ok": good, "errors": errors, "limits": limits, "graph_breaks": breaks}
