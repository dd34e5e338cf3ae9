"""What is chosen on which machine: every case is a description, so no GPU is needed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rotrain.config import Runtime
from rotrain.errors import RotrainError
from rotrain.runtime import allocator, device
from rotrain.runtime.device import COMPILE_CPU_FLOPS, Hardware, resolve_machine

PLAIN_CPU = Hardware(cuda=None, cuda_bf16=False, mps=False, cpu_bf16=False, compiler=True)
NEW_CPU = Hardware(cuda=None, cuda_bf16=False, mps=False, cpu_bf16=True, compiler=True)
NO_COMPILER = Hardware(cuda=None, cuda_bf16=False, mps=False, cpu_bf16=True, compiler=False)
APPLE = Hardware(cuda=None, cuda_bf16=False, mps=True, cpu_bf16=False, compiler=True)
H200 = Hardware(cuda="NVIDIA H200", cuda_bf16=True, mps=False, cpu_bf16=True, compiler=True)
V100 = Hardware(cuda="Tesla V100-SXM2-16GB", cuda_bf16=False, mps=False, cpu_bf16=False, compiler=False)
LONG, SHORT = 10 * COMPILE_CPU_FLOPS, COMPILE_CPU_FLOPS / 10


@pytest.mark.parametrize(
    ("hardware", "flops", "device", "precision", "compiled"),
    [
        (PLAIN_CPU, SHORT, "cpu", "fp32", False),
        (PLAIN_CPU, LONG, "cpu", "fp32", True),
        (NEW_CPU, SHORT, "cpu", "bf16", False),
        (NEW_CPU, LONG, "cpu", "bf16", True),
        (NO_COMPILER, LONG, "cpu", "bf16", False),
        (APPLE, LONG, "cpu", "fp32", True),
        (H200, SHORT, "cuda", "bf16", True),
        (V100, LONG, "cuda", "fp32", True),
    ],
)
def test_automatic_choices(
    hardware: Hardware, flops: float, device: str, precision: str, compiled: bool
) -> None:
    machine = resolve_machine(Runtime(), hardware, flops, threads=2)
    assert (machine.device.type, machine.precision, machine.compiled) == (device, precision, compiled)
    # Every choice is said with its reason.
    assert machine.said.startswith(f"device: {device}") and precision in machine.said
    assert f"compile: {'on' if compiled else 'off'}" in machine.said


def test_what_is_asked_for_is_done() -> None:
    asked = Runtime(device="cpu", precision="fp32", compile="off", peak_tflops=2.0)
    machine = resolve_machine(asked, H200, LONG, threads=2)
    assert (machine.device.type, machine.precision, machine.compiled) == ("cpu", "fp32", False)
    assert machine.peak_flops == 2e12
    emulated = resolve_machine(Runtime(precision="bf16", compile="on"), PLAIN_CPU, SHORT, threads=1)
    assert (emulated.precision, emulated.compiled) == ("bf16", True)


@pytest.mark.parametrize(("device", "says"), [("cuda", "no CUDA device"), ("mps", "no Apple GPU")])
def test_a_device_that_is_not_there_is_an_error(device: str, says: str) -> None:
    with pytest.raises(RotrainError, match=says) as caught:
        resolve_machine(Runtime.model_validate({"device": device}), PLAIN_CPU, SHORT, threads=1)
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 PCIe", 756.5),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 NVL", 835.5),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA H200", 989.4),
        ("NVIDIA H200 NVL", 835.5),
        ("NVIDIA GH200 480GB", 989.4),
        ("NVIDIA GB200", 2500.0),
        ("NVIDIA B200", 2250.0),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A100-PCIE-40GB", 312.0),
        ("NVIDIA A10", 125.0),
        ("NVIDIA A10G", 70.0),
        ("NVIDIA A30", 165.0),
        ("NVIDIA A40", 149.7),
        ("NVIDIA L40S", 362.0),
        ("NVIDIA L40", 181.0),
        ("NVIDIA L4", 121.0),
        ("NVIDIA RTX A6000", 154.8),
        ("NVIDIA RTX 6000 Ada Generation", 364.2),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 503.8),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 438.9),
        ("NVIDIA GeForce RTX 3060", 25.4),
        ("NVIDIA GeForce RTX 3060 Ti", 32.4),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", 19.8),
        ("NVIDIA GeForce RTX 3090", 71.0),
        ("NVIDIA GeForce RTX 4060 Ti", 44.2),
        ("NVIDIA GeForce RTX 4070 Ti", 80.2),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 88.2),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 4090 D", 147.0),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 56.6),
        ("NVIDIA GeForce RTX 5090", 209.6),
        ("Quadro RTX 6000", None),
        ("A card of tomorrow", None),
    ],
)
def test_peaks_are_found_by_name(name: str, peak: float | None) -> None:
    hardware = Hardware(cuda=name, cuda_bf16=True, mps=False, cpu_bf16=False, compiler=True)
    found = resolve_machine(Runtime(), hardware, LONG, threads=2).peak_flops
    assert found == (None if peak is None else pytest.approx(peak * 1e12))
    assert resolve_machine(Runtime(device="cpu"), hardware, LONG, threads=2).peak_flops is None


@pytest.mark.parametrize(("name", "peak"), [("Tesla T4", 8.1), ("Tesla V100-SXM2-16GB", 15.7)])
def test_a_gpu_without_bf16_has_the_peak_of_fp32(name: str, peak: float) -> None:
    hardware = Hardware(cuda=name, cuda_bf16=False, mps=False, cpu_bf16=False, compiler=True)
    assert resolve_machine(Runtime(), hardware, LONG, threads=2).peak_flops == pytest.approx(peak * 1e12)


def test_autocast_is_bf16_products_over_fp32_weights() -> None:
    a = torch.ones(2, 2)
    with resolve_machine(Runtime(precision="bf16"), PLAIN_CPU, SHORT, threads=1).autocast():
        assert (a @ a).dtype == torch.bfloat16
    with resolve_machine(Runtime(precision="fp32"), PLAIN_CPU, SHORT, threads=1).autocast():
        assert (a @ a).dtype == torch.float32


def test_deterministic_mode_is_a_choice_for_cuda_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(device, "detect_hardware", lambda: H200)
    try:
        silent = device.choose_machine(Runtime(device="cpu", deterministic=True))
        assert not torch.are_deterministic_algorithms_enabled() and "deterministic" not in silent.said
        fast = device.choose_machine(Runtime())
        assert not torch.are_deterministic_algorithms_enabled()
        assert "deterministic: off (faster; the last bits of two runs differ)" in fast.said
        exact = device.choose_machine(Runtime(deterministic=True))
        assert "deterministic: on (as asked: the same bits each time, and slower)" in exact.said
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)


def test_fp32_on_cuda_is_no_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "detect_hardware", lambda: H200)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        device.choose_machine(Runtime(device="cpu"))
        assert torch.get_float32_matmul_precision() == "high"
        device.choose_machine(Runtime())
        assert torch.get_float32_matmul_precision() == "highest" and not torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def test_the_choice_of_a_kernels_variant_is_kept_before_triton_is_there() -> None:
    code = "import os, sys, rotrain; print(os.environ['TRITON_CACHE_AUTOTUNING'], 'triton' in sys.modules)"
    clean = {key: value for key, value in os.environ.items() if key != "TRITON_CACHE_AUTOTUNING"}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_freed_memory_is_kept() -> None:
    if not allocator.keep_freed_memory():
        pytest.skip("no glibc here")

    def faults_of_a_large_tensor() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(16 * 2**20)  # 64 MiB, 16,384 pages
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    # Given back and taken anew, every page faults every time; a busy system may take some away.
    assert min(faults_of_a_large_tensor() for _ in range(8)) < 8_192


def test_memory_moves_into_huge_pages_and_stays_what_it_was() -> None:
    def huge() -> int:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))

    held = torch.arange(16 * 2**20)  # 128 MiB
    asked = allocator.use_huge_pages()
    if not asked:
        pytest.skip("no Linux 6.1 here")
    assert huge() >= asked / 2  # what is no whole page of memory cannot be moved
    assert torch.equal(held, torch.arange(16 * 2**20))
