"""What is chosen on which machine: every case is a description, so no GPU is needed."""

from __future__ import annotations

import os
import resource
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
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("A card of tomorrow", None),
    ],
)
def test_peaks_are_found_by_name(name: str, peak: float | None) -> None:
    hardware = Hardware(cuda=name, cuda_bf16=True, mps=False, cpu_bf16=False, compiler=True)
    assert resolve_machine(Runtime(), hardware, LONG, threads=2).peak_flops == peak
    assert resolve_machine(Runtime(device="cpu"), hardware, LONG, threads=2).peak_flops is None


def test_autocast_is_bf16_products_over_fp32_weights() -> None:
    a = torch.ones(2, 2)
    with resolve_machine(Runtime(precision="bf16"), PLAIN_CPU, SHORT, threads=1).autocast():
        assert (a @ a).dtype == torch.bfloat16
    with resolve_machine(Runtime(precision="fp32"), PLAIN_CPU, SHORT, threads=1).autocast():
        assert (a @ a).dtype == torch.float32


def test_deterministic_mode_is_set_for_cuda_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(device, "detect_hardware", lambda: H200)
    try:
        device.choose_machine(Runtime(device="cpu"))
        assert not torch.are_deterministic_algorithms_enabled()
        device.choose_machine(Runtime(deterministic=False))
        assert not torch.are_deterministic_algorithms_enabled()
        device.choose_machine(Runtime())
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)


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
