"""What a run costs before it runs: memory, disk, and hours on known GPUs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from rotrain.config import ModelConfig
from rotrain.models import count
from rotrain.models.platform import Platform
from rotrain.runtime.device import choose_device, choose_precision, detect_hardware
from rotrain.runtime.gpus import GPUS, Gpu, find_gpu
from rotrain.runtime.memory import Target, gpu_target, training_bytes
from rotrain.runtime.size import largest_micro
from rotrain.train.micro import FIXED_MICRO
from rotrain.train.plan import Plan

# The part of the data sheet's peak that a step of 300m reaches, by kind of GPU. They are estimates from counted operations
# and bytes (docs/reference/roofline.md); nobody measured them with this program.
ASSUMED_MFU = {
    "llama-mha": {"hopper": 0.35, "ampere": 0.48, "gddr": 0.50},
    "llama-gqa": {"hopper": 0.35, "ampere": 0.48, "gddr": 0.50},
    "mistral-swa": {"hopper": 0.35, "ampere": 0.47, "gddr": 0.50},
    "falcon-mqa": {"hopper": 0.36, "ampere": 0.49, "gddr": 0.52},
    "mamba2": {"hopper": 0.20, "ampere": 0.33, "gddr": 0.37},
    "mamba2-hybrid": {"hopper": 0.25, "ampere": 0.39, "gddr": 0.42},
}
SHOWN_GPUS = ("RTX 3090", "RTX 4060 Ti", "RTX 4090", "RTX 5090", "L40S", "A100", "H100", "B200")
GPU_GIGABYTES = (8, 12, 16, 24, 40, 80)


def checkpoint_bytes(model: ModelConfig) -> int:
    """Return the bytes of a checkpoint: fp32 weights and AdamW's two moments. Muon keeps one moment for its matrices."""
    return 12 * count.param_count(model)


def planned_target(plan: Plan) -> Target:
    """Return what the memory of a run is counted for: this machine, or a GPU for a run of 300m without one."""
    wanted = plan.config.runtime
    hardware = detect_hardware()
    if wanted.device == "cuda" or (wanted.device == "auto" and (hardware.cuda or plan.config.size == "300m")):
        if hardware.cuda is None:
            return gpu_target()
        device = "cuda"
    else:
        device, _ = choose_device(wanted.device, hardware)
    precision, _ = choose_precision(wanted.precision, device, hardware)
    if device != "cuda":
        return Target(Platform(device, half=precision == "bf16"), compiled=False)
    # The kernels are not tried here: that takes seconds, and changes the memory little.
    usual = gpu_target()
    return Target(replace(usual.platform, half=precision == "bf16"), compiled=True)


def planned_micro(plan: Plan, target: Target) -> int:
    """Return the micro-batch of a run: the given one, else the one that is tried first."""
    given, rows = plan.config.batch.micro, plan.config.batch.sequences
    if given != "auto":
        return min(rows, given)
    if target.platform.device != "cuda" or not torch.cuda.is_available():
        return min(rows, FIXED_MICRO)
    return max(1, largest_micro(plan.model, rows, torch.cuda.get_device_properties(0).total_memory, target))


def run_cost(plan: Plan) -> dict[str, Any]:
    """Return bytes of memory by part, bytes of disk at most, and estimated hours by GPU.

    The hours are the operations of the run / (`ASSUMED_MFU` of the data sheet's peak): estimates, not measurements. The
    disk holds the kept checkpoints and the one that is being written.
    """
    one = checkpoint_bytes(plan.model)
    target = planned_target(plan)
    micro = planned_micro(plan, target)
    rows = plan.config.batch.sequences
    return {
        "memory_for": target.said,
        "memory_micro": micro,
        "memory_bytes": training_bytes(plan.model, micro, target) | {"checkpoint copy": one},
        "gpu_micro": {
            f"{size} GB": largest_micro(plan.model, rows, size * 2**30, gpu_target())
            for size in GPU_GIGABYTES
        },
        "checkpoint_bytes": one,
        "disk_bytes": one * (plan.config.checkpoint.keep + 1),
        "gpu_hours": {name: _hours(plan, gpu) for name, gpu in _gpus().items()},
    }


def _gpus() -> dict[str, Gpu]:
    """Return the usual GPUs, and this machine's if it is a known one."""
    here = detect_hardware().cuda
    found = None if here is None else find_gpu(here)
    return {name: GPUS[name] for name in SHOWN_GPUS} | ({} if found is None else dict([found]))


def _hours(plan: Plan, gpu: Gpu) -> dict[str, float]:
    peak, mfu = gpu.bf16 or gpu.fp32, ASSUMED_MFU[plan.config.arch][gpu.kind]
    return {
        "hours": plan.run_flops / (peak * 1e12 * mfu) / 3600,
        "assumed_mfu": mfu,
        "peak_tflops": peak,
    }
