"""What a run computes on, chosen when it starts, with the reason for every choice."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass

import torch

from rotrain.config import Runtime
from rotrain.errors import RotrainError

# Dense bf16 peak in TFLOP/s, from the vendors' data sheets, by a part of the device's name
# (longer names first: "H100 PCIe" is not "H100").
PEAK_TFLOPS = {
    "H100 PCIe": 756.0,
    "H200": 989.0,
    "H100": 989.0,
    "A100": 312.0,
    "A10G": 70.0,
    "L40S": 362.0,
    "L4": 121.0,
    "RTX 4090": 165.2,
    "RTX 3090": 71.0,
}

# A compiled step is 10-30 % faster on a CPU but compiles for half a minute (docs/log.md):
# it pays from about ten minutes of training, taken at 10^11 operations a second.
COMPILE_CPU_FLOPS = 6e13


@dataclass(frozen=True)
class Machine:
    """The resolved choices, and the sentence about each."""

    device: torch.device
    precision: str
    compiled: bool
    threads: int
    peak_flops: float | None
    said: str

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """The context of a forward pass: bf16 products over fp32 weights, or nothing."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def describe(self) -> dict[str, str | int | bool]:
        """What the bits of a run depend on, for its record."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return {
            "torch": torch.__version__,
            "device": name if self.device.type != "mps" else "mps",
            "precision": self.precision,
            "compiled": self.compiled,
            "threads": self.threads,
        }


def choose_machine(config: Runtime, *, run_flops: float = 0.0) -> Machine:
    """Resolve device, precision and compilation for a run of `run_flops` operations."""
    device, why_device = _device(config.device)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    threads = torch.get_num_threads()
    precision, why_precision = _precision(config.precision, device)
    compiled, why_compiled = _compiled(config.compile, device, run_flops)
    if device.type == "cuda":
        # The same command gives the same metrics: cuBLAS needs a fixed workspace for that.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # PyTorch gives this attribute a class of its own that type checkers cannot see.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    where = f"{device.type}, {threads} threads" if device.type == "cpu" else device.type
    return Machine(
        device=device,
        precision=precision,
        compiled=compiled,
        threads=threads,
        peak_flops=_peak(config.peak_tflops, device),
        said=f"device: {where} ({why_device}); precision: {why_precision}; compile: {why_compiled}",
    )


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (AVX512-BF16, AMX, or ARM's BF16).

    Without it oneDNN emulates: 31 GFLOP/s in bf16 against 119 in fp32 were measured on a Xeon
    that has AVX-512 but not its BF16 part.
    """
    try:
        flags = open("/proc/cpuinfo", encoding="utf-8", errors="replace").read(20_000).split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def _device(wanted: str) -> tuple[torch.device, str]:
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda"), torch.cuda.get_device_name()
        return torch.device("cpu"), "no CUDA device found"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RotrainError("no CUDA device found", hint="take --set runtime.device=cpu, or auto")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise RotrainError("no Apple GPU found", hint="take --set runtime.device=cpu, or auto")
    return torch.device(wanted), "as asked"


def _precision(wanted: str, device: torch.device) -> tuple[str, str]:
    mixed = "bf16 autocast, fp32 masters"
    if wanted == "auto":
        if device.type == "cuda":
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return "bf16", mixed
            return "fp32", "fp32 (this GPU has no bf16)"
        if device.type == "cpu" and cpu_has_bf16():
            return "bf16", mixed
        return "fp32", "fp32 (no bf16 in this hardware: it would be emulated, and slower)"
    return wanted, f"{mixed if wanted == 'bf16' else 'fp32'} (as asked)"


def _compiled(wanted: str, device: torch.device, run_flops: float) -> tuple[bool, str]:
    if wanted != "auto":
        return wanted == "on", f"{wanted} (as asked)"
    if device.type == "cuda":
        return True, "on"
    if device.type != "cpu":
        return False, "off"
    if not any(shutil.which(name) for name in ("g++", "clang++")):
        return False, "off (no C++ compiler found)"
    if run_flops < COMPILE_CPU_FLOPS:
        return False, "off (too short a run to pay for compiling)"
    return True, "on (a run this long pays for compiling)"


def _peak(given: float | None, device: torch.device) -> float | None:
    if given is not None:
        return given * 1e12
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak * 1e12 for part, peak in PEAK_TFLOPS.items() if part in name), None)
