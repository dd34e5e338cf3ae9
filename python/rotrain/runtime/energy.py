"""Energy used since a moment, on machines that count it.

NVIDIA GPUs since Volta have a counter of millijoules (NVML). Linux has counters of CPU packages in microjoules that wrap
around (RAPL); reading them needs permission. Without a counter the answer is None, never a guess.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

RAPL = Path("/sys/class/powercap")


class EnergyMeter:
    """Count the energy from the creation of the meter on: of the GPU of this process, or of all CPU packages.

    Args:
        device: Type of the device: `cuda`, or anything else for the CPU.
        rapl: Directory of the counters of the CPU packages.

    Examples:
        >>> EnergyMeter("cpu", rapl=Path("/nowhere")).joules() is None
        True
    """

    def __init__(self, device: str, rapl: Path = RAPL) -> None:
        self._nvml, self._packages = None, list[Path]()
        self._used, self._last = 0, list[int]()
        if device == "cuda":
            self._nvml = _nvml_counter()
            self._last = [] if self._nvml is None else [self._nvml()]
        else:
            # intel-rapl:0 is a package, intel-rapl:0:1 a part of one. AMD's packages have the same names.
            self._packages = sorted(rapl.glob("intel-rapl:?")) if rapl.is_dir() else []
            try:
                self._last = [int((package / "energy_uj").read_text()) for package in self._packages]
            except (OSError, ValueError):
                self._packages = []

    def joules(self) -> float | None:
        """Return the energy used so far in joules, or None without a counter."""
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
    """Return a function that reads the millijoules of this process's GPU, or None."""
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
