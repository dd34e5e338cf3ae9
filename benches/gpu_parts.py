"""The parts of `gpu_check.py` by the first word of their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gpu_parity import kernel_parity
from gpu_runs import run
from gpu_steps import decode, model_parity, profile, step, variant

from rotrain.models import kernels
from rotrain.runtime.gpus import measure_tflops

Row = dict[str, Any]


def parity(what: str, device: str, tiny: bool) -> Row:
    """Compare kernels or models."""
    return kernel_parity(device, tiny) if what == "kernels" else model_parity(device, tiny)


def machine(_: str, device: str, tiny: bool) -> Row:
    """Return what is measured on: the device, its memory, and what a product of matrices reaches."""
    where = torch.device(device)
    width = 128 if tiny else 8192
    row: Row = {"ok": True, "torch": torch.__version__, "device": device}
    row["product_tflops"] = {
        str(dtype).removeprefix("torch."): measure_tflops(where, dtype, width, 0.05 if tiny else 0.5)
        for dtype in (torch.bfloat16, torch.float32)
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        row |= {
            "name": properties.name,
            "memory_bytes": properties.total_memory,
            "capability": list(torch.cuda.get_device_capability(0)),
            "cuda": torch.version.cuda,
        }
    platform = kernels.detect_platform(where, half=True)
    row["kernels"] = {op: list(pair) for op, pair in kernels.reasons(40_000, platform).items()}
    return row


MEASURES: dict[str, Callable[[str, str, bool], Row]] = {
    "machine": machine,
    "parity": parity,
    "step": step,
    "variant": variant,
    "profile": profile,
    "decode": decode,
    "run": run,
}
