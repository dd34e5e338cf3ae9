"""The device of a run: what it computes on, in which precision, and why."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass

import torch

from rotrain.config import Runtime
from rotrain.errors import RotrainError, UsageError
from rotrain.runtime.gpus import peak_tflops

# A compiled step is 10-30 % faster on a CPU but compiles for half a minute (docs/log): it pays from about ten minutes
# of training, taken at 10^11 operations a second.
COMPILE_CPU_FLOPS = 6e13


@dataclass(frozen=True)
class Hardware:
    """What this machine has. The choices below depend on nothing else, so a test can try any machine.

    Attributes:
        cuda: Name of the first GPU, or None.
        cuda_bf16: Whether that GPU multiplies bf16 in hardware.
        mps: Whether there is an Apple GPU.
        cpu_bf16: Whether the CPU multiplies bf16 in hardware.
        compiler: Whether there is a C++ compiler, which torch.compile needs on a CPU.
    """

    cuda: str | None
    cuda_bf16: bool
    mps: bool
    cpu_bf16: bool
    compiler: bool


def detect_hardware() -> Hardware:
    """Ask PyTorch and the system what this machine has."""
    cuda = torch.cuda.is_available()
    return Hardware(
        cuda=torch.cuda.get_device_name() if cuda else None,
        cuda_bf16=cuda and torch.cuda.is_bf16_supported(including_emulation=False),
        mps=torch.backends.mps.is_available(),
        cpu_bf16=cpu_has_bf16(),
        compiler=any(shutil.which(name) for name in ("g++", "clang++")),
    )


@dataclass(frozen=True)
class Machine:
    """The choices for a run.

    Attributes:
        device: The device of model and batches.
        precision: `bf16` or `fp32`.
        compiled: Whether forward and backward pass are compiled.
        threads: Threads of PyTorch on a CPU.
        peak_flops: Operations per second that the device reaches at best; None if unknown.
        said: One sentence about every choice.
    """

    device: torch.device
    precision: str
    compiled: bool
    threads: int
    peak_flops: float | None
    said: str

    @property
    def products(self) -> torch.dtype:
        """The type in which matrices are multiplied."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return the context of a forward pass: bf16 products over fp32 weights, or nothing for fp32."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.products)

    def describe(self) -> dict[str, str | int | bool]:
        """Return what the bits of a run depend on, for its record."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return {
            "torch": torch.__version__,
            "device": name if self.device.type != "mps" else "mps",
            "precision": self.precision,
            "compiled": self.compiled,
            "threads": self.threads,
        }


def choose_machine(config: Runtime, *, run_flops: float = 0.0) -> Machine:
    """Choose device, precision and compilation on this machine, and make CUDA deterministic if the run asks for that.

    Args:
        config: The `runtime` section of a configuration.
        run_flops: Operations of the whole run: a short run does not pay for compiling.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    machine = resolve_machine(config, detect_hardware(), run_flops, torch.get_num_threads())
    if machine.device.type == "cuda":
        multiply_exactly()
        if config.deterministic:
            make_deterministic()
    return machine


def multiply_exactly() -> None:
    """Let a product of fp32 matrices on CUDA be one: no TF32, which keeps 10 bits of 23. PyTorch has it on for convolutions.

    A run in bf16 has no such product (its loss, its scan and Muon multiply in bf16), so it loses nothing. A run in fp32 is for
    comparisons, and must be what it says. mamba-ssm's kernels choose for themselves, and take TF32.
    """
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


def resolve_machine(config: Runtime, hardware: Hardware, run_flops: float, threads: int) -> Machine:
    """Make the choices for a machine that `hardware` describes. No device is touched.

    Examples:
        >>> laptop = Hardware(cuda=None, cuda_bf16=False, mps=False, cpu_bf16=False, compiler=True)
        >>> resolve_machine(Runtime(), laptop, run_flops=1e9, threads=2).said
        'device: cpu, 2 threads (no CUDA device found); precision: fp32 (no bf16 in this hardware: it would be emulated, and slower); compile: off (too short a run to pay for compiling)'
    """
    device, why_device = choose_device(config.device, hardware)
    precision, why_precision = choose_precision(config.precision, device, hardware)
    compiled, why_compiled = choose_compile(config.compile, device, hardware, run_flops)
    where = f"{device}, {threads} thread{'' if threads == 1 else 's'}" if device == "cpu" else device
    return Machine(
        device=torch.device(device),
        precision=precision,
        compiled=compiled,
        threads=threads,
        peak_flops=peak_flops(config.peak_tflops, device, precision, hardware),
        said=f"device: {where} ({why_device}); precision: {why_precision}; compile: {why_compiled}"
        + _say_determinism(device, deterministic=config.deterministic),
    )


def _say_determinism(device: str, *, deterministic: bool) -> str:
    """On a CPU a run is always deterministic, so nothing is said."""
    if device != "cuda":
        return ""
    if deterministic:
        return "; deterministic: on (as asked: the same bits each time, and slower)"
    return "; deterministic: off (faster; the last bits of two runs differ)"


def make_deterministic() -> None:
    """Make CUDA deterministic: no atomic sums, a fixed cuBLAS workspace. The same command then gives the same bits.

    The price: attention by cuDNN, which is fastest on an H100, is refused, the compiler tries fewer kernels, and sums take an
    order that costs time.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # PyTorch gives this attribute a class of its own that type checkers cannot see.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def cpu_has_bf16() -> bool:
    """Return whether this CPU multiplies bf16 in hardware (AVX512-BF16, AMX, or ARM's BF16).

    Without it oneDNN emulates bf16: 31 GFLOP/s in bf16 against 119 in fp32 were measured on a Xeon that has AVX-512 but
    not its BF16 part.
    """
    try:
        flags = open("/proc/cpuinfo", encoding="utf-8", errors="replace").read(20_000).split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(wanted: str, hardware: Hardware) -> tuple[str, str]:
    """Return the device and why. `auto` never takes an Apple GPU: its sums differ from run to run.

    Raises:
        UsageError: There is no device of this name.
        RotrainError: The wanted device is not there.
    """
    if wanted not in DEVICES:
        raise UsageError(f"there is no device {wanted!r}", hint=f"one of {', '.join(DEVICES)}")
    if wanted == "auto":
        return ("cuda", hardware.cuda) if hardware.cuda is not None else ("cpu", "no CUDA device found")
    if wanted == "cuda" and hardware.cuda is None:
        raise RotrainError("no CUDA device found", hint="use the device cpu, or auto")
    if wanted == "mps" and not hardware.mps:
        raise RotrainError("no Apple GPU found", hint="use the device cpu, or auto")
    return wanted, "as asked"


def choose_precision(wanted: str, device: str, hardware: Hardware) -> tuple[str, str]:
    """Return `bf16` where the device multiplies it in hardware, else `fp32`, and why."""
    mixed = "bf16 autocast, fp32 masters"
    if wanted != "auto":
        return wanted, f"{mixed if wanted == 'bf16' else 'fp32'} (as asked)"
    if device == "cuda":
        return ("bf16", mixed) if hardware.cuda_bf16 else ("fp32", "fp32 (this GPU has no bf16)")
    if device == "cpu" and hardware.cpu_bf16:
        return "bf16", mixed
    return "fp32", "fp32 (no bf16 in this hardware: it would be emulated, and slower)"


def choose_compile(wanted: str, device: str, hardware: Hardware, run_flops: float) -> tuple[bool, str]:
    """Return whether to compile the forward and backward pass, and why."""
    if wanted != "auto":
        return wanted == "on", f"{wanted} (as asked)"
    if device == "cuda":
        return True, "on"
    if device != "cpu":
        return False, "off"
    if not hardware.compiler:
        return False, "off (no C++ compiler found)"
    if run_flops < COMPILE_CPU_FLOPS:
        return False, "off (too short a run to pay for compiling)"
    return True, "on (a run this long pays for compiling)"


def peak_flops(given_tflops: float | None, device: str, precision: str, hardware: Hardware) -> float | None:
    """Return the operations per second that the device reaches at best: as given, else by its name, else None."""
    if given_tflops is not None:
        return given_tflops * 1e12
    if device != "cuda" or hardware.cuda is None:
        return None
    known = peak_tflops(hardware.cuda, half=precision == "bf16")
    return None if known is None else known * 1e12
