"""Joules since a run began, where the machine counts them.

NVIDIA GPUs since Volta have a counter of millijoules (NVML), Linux gives those of CPU packages to who
may read them (RAPL, microjoules that wrap around). Elsewhere the answer is None, never a guess.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

RAPL = Path("/sys/class/powercap")


class EnergyMeter:
    """Counts from its making on: the GPU of this process, or all CPU packages."""

    def __init__(self, device: str, rapl: Path = RAPL) -> None:
        self._nvml, self._packages = None, list[Path]()
        self._used, self._last = 0, list[int]()
        if device == "cuda":
            self._nvml = _nvml_counter()
            self._last = [] if self._nvml is None else [self._nvml()]
        else:
            # intel-rapl:0 is a package, intel-rapl:0:1 a part of one. AMD's have the same names.
            self._packages = sorted(rapl.glob("intel-rapl:?")) if rapl.is_dir() else []
            try:
                self._last = [int((package / "energy_uj").read_text()) for package in self._packages]
            except (OSError, ValueError):
                self._packages = []

    def joules(self) -> float | None:
        """Energy used so far, or None where there is no counter."""
        if self._nvml is not None:
            return (self._nvml() - self._last[0]) / 1e3
        if not self._packages:
            return None
        for index, package in enumerate(self._packages):
            now = int((package / "energy_uj").read_text())
            if now < self._last[index]:
                self._used += int((package / "max_energy_range_uj").read_text())
            self._used += now - self._last[index]
            self._last[index] = now
        return self._used / 1e6


def _nvml_counter() -> Callable[[], int] | None:
    """A function that gives the millijoules of this process's GPU, or None."""
    import torch

    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        uuid = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}".encode()
        handle, value = ctypes.c_void_p(), ctypes.c_ulonglong()
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)):
            return None
    except (OSError, AttributeError):
        return None

    def read() -> int:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(value))
        return value.value

    return read if not nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(value)) else None
