"""What NVIDIA's GPUs reach at best, by name, and what a product of matrices reaches here.

The figures are those of the data sheets: dense products with sums in fp32, at the rated boost clock. GeForce cards of the
30, 40 and 50 series multiply bf16 at twice the rate of fp32 (white papers of GA102, AD102 and GB202). A laptop's clock
depends on the power that its maker allows: its figure is for the lowest one. Two cards report the name of another one: the
RTX 3080 with 12 GB and the RTX 3050 with 6 GB. `rotrain doctor` measures what a product reaches.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Gpu:
    """Rates of a GPU.

    Attributes:
        bf16: Peak in TFLOP/s of dense bf16 products with fp32 sums; None without bf16 hardware.
        fp32: Peak in TFLOP/s of fp32 without tensor cores.
        bandwidth: Bandwidth of its memory in GB/s.
        kind: `hopper` (H100 and later data-centre GPUs), `ampere` (A100, A30) or `gddr` (cards with GDDR memory), for the
            assumed part of the peak.
    """

    bf16: float | None
    fp32: float
    bandwidth: float
    kind: str = "gddr"


def _geforce(fp32: float, bandwidth: float) -> Gpu:
    return Gpu(2 * fp32, fp32, bandwidth)


GPUS = {
    "RTX 3050": _geforce(9.1, 224),
    "RTX 3060": _geforce(12.7, 360),
    "RTX 3060 Laptop": _geforce(9.9, 336),
    "RTX 3060 Ti": _geforce(16.2, 448),
    "RTX 3070": _geforce(20.3, 448),
    "RTX 3070 Laptop": _geforce(13.2, 448),
    "RTX 3070 Ti": _geforce(21.7, 608),
    "RTX 3070 Ti Laptop": _geforce(12.2, 448),
    "RTX 3080": _geforce(29.8, 760),
    "RTX 3080 Laptop": _geforce(15.3, 448),
    "RTX 3080 Ti": _geforce(34.1, 912),
    "RTX 3080 Ti Laptop": _geforce(16.7, 512),
    "RTX 3090": _geforce(35.5, 936),
    "RTX 3090 Ti": _geforce(40.0, 1008),
    "RTX 4050 Laptop": _geforce(8.2, 192),
    "RTX 4060": _geforce(15.1, 272),
    "RTX 4060 Laptop": _geforce(9.0, 256),
    "RTX 4060 Ti": _geforce(22.1, 288),
    "RTX 4070": _geforce(29.1, 504),
    "RTX 4070 Laptop": _geforce(11.3, 256),
    "RTX 4070 SUPER": _geforce(35.5, 504),
    "RTX 4070 Ti": _geforce(40.1, 504),
    "RTX 4070 Ti SUPER": _geforce(44.1, 672),
    "RTX 4080": _geforce(48.7, 717),
    "RTX 4080 Laptop": _geforce(20.0, 432),
    "RTX 4080 SUPER": _geforce(52.2, 736),
    "RTX 4090": _geforce(82.6, 1008),
    "RTX 4090 D": _geforce(73.5, 1008),
    "RTX 4090 Laptop": _geforce(28.3, 576),
    "RTX 5060": _geforce(19.2, 448),
    "RTX 5060 Laptop": _geforce(9.7, 384),
    "RTX 5060 Ti": _geforce(23.7, 448),
    "RTX 5070": _geforce(30.9, 672),
    "RTX 5070 Laptop": _geforce(13.1, 384),
    "RTX 5070 Ti": _geforce(43.9, 896),
    "RTX 5070 Ti Laptop": _geforce(17.0, 672),
    "RTX 5080": _geforce(56.3, 960),
    "RTX 5080 Laptop": _geforce(23.0, 896),
    "RTX 5090": _geforce(104.8, 1792),
    "RTX 5090 D": _geforce(104.8, 1792),
    "RTX 5090 Laptop": _geforce(31.8, 896),
    "RTX A2000": Gpu(31.9, 8.0, 288),
    "RTX A4000": Gpu(76.7, 19.2, 448),
    "RTX A4500": Gpu(94.6, 23.7, 640),
    "RTX A5000": Gpu(111.1, 27.8, 768),
    "RTX A6000": Gpu(154.8, 38.7, 768),
    "RTX 2000 Ada": Gpu(48.0, 12.0, 224),
    "RTX 4000 Ada": Gpu(106.8, 26.7, 360),
    "RTX 4000 SFF Ada": Gpu(76.7, 19.2, 280),
    "RTX 4500 Ada": Gpu(158.5, 39.6, 432),
    "RTX 5000 Ada": Gpu(261.1, 65.3, 576),
    "RTX 6000 Ada": Gpu(364.2, 91.1, 960),
    "RTX PRO 6000 Blackwell": Gpu(503.8, 125.0, 1792),
    "RTX PRO 6000 Blackwell Max": Gpu(438.9, 110.0, 1792),
    "T4": Gpu(None, 8.1, 320),
    "V100 PCIE": Gpu(None, 14.0, 900),
    "V100": Gpu(None, 15.7, 900),
    "A10": Gpu(125.0, 31.2, 600),
    "A10G": Gpu(70.0, 31.5, 600),
    "A30": Gpu(165.0, 10.3, 933, "ampere"),
    "A40": Gpu(149.7, 37.4, 696),
    "A100": Gpu(312.0, 19.5, 1555, "ampere"),
    "A100 80GB": Gpu(312.0, 19.5, 2039, "ampere"),
    "A100 80GB PCIE": Gpu(312.0, 19.5, 1935, "ampere"),
    "L4": Gpu(121.0, 30.3, 300),
    "L40": Gpu(181.0, 90.5, 864),
    "L40S": Gpu(362.0, 91.6, 864),
    "H100": Gpu(989.4, 66.9, 3350, "hopper"),
    "H100 PCIE": Gpu(756.5, 51.2, 2039, "hopper"),
    "H100 NVL": Gpu(835.5, 60.0, 3900, "hopper"),
    "H200": Gpu(989.4, 66.9, 4800, "hopper"),
    "H200 NVL": Gpu(835.5, 60.0, 4800, "hopper"),
    "GH200": Gpu(989.4, 66.9, 4000, "hopper"),
    "GH200 144G": Gpu(989.4, 66.9, 4900, "hopper"),
    "B200": Gpu(2250.0, 75.0, 8000, "hopper"),
    "GB200": Gpu(2500.0, 80.0, 8000, "hopper"),
}

# A word that makes another card, or a slice of one. A name with such a word has a row with this word, or none.
VARIANTS = {"LAPTOP", "TI", "SUPER", "D", "MAX", "SFF", "SERVER", "MIG"}


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[ \-/]+", name.upper()))


def find_gpu(name: str) -> tuple[str, Gpu] | None:
    """Return the row of `GPUS` of a GPU, given the name that its driver reports, or None.

    The row with the most words counts, all of which are words of the name: "L40" is not "L4".

    Examples:
        >>> find_gpu("NVIDIA GeForce RTX 4090 Laptop GPU")[0], find_gpu("NVIDIA H100 80GB HBM3")[0]
        ('RTX 4090 Laptop', 'H100')
        >>> find_gpu("NVIDIA H100 80GB HBM3 MIG 1g.10gb") is None
        True
    """
    found = _words(name)
    rows = [row for row in GPUS if _words(row) <= found and found & VARIANTS == _words(row) & VARIANTS]
    best = max(rows, key=lambda row: len(_words(row)), default=None)
    return None if best is None else (best, GPUS[best])


def peak_tflops(name: str, *, half: bool) -> float | None:
    """Return the peak of a GPU in TFLOP/s for bf16 products, or for fp32; None if its name is unknown.

    Examples:
        >>> peak_tflops("NVIDIA L40", half=True), peak_tflops("NVIDIA L40S", half=True)
        (181.0, 362.0)
    """
    found = find_gpu(name)
    if found is None:
        return None
    return found[1].bf16 if half else found[1].fp32


def measure_tflops(
    device: torch.device, dtype: torch.dtype, width: int = 8192, seconds: float = 0.5
) -> float:
    """Return the TFLOP/s of a product of two square matrices on a device: the best of several, after a first one.

    A product of this size reaches less than the data sheet, because the clock falls under load.

    Args:
        device: Where to multiply.
        dtype: Type of the matrices.
        width: Rows and columns.
        seconds: How long to measure.

    Examples:
        >>> measure_tflops(torch.device("cpu"), torch.float32, width=64, seconds=0.01) > 0
        True
    """
    a, b = (torch.randn(width, width, device=device).to(dtype) for _ in range(2))

    def product() -> float:
        _wait(device)
        began = time.perf_counter()
        a @ b
        _wait(device)
        return time.perf_counter() - began

    product()  # chooses the kernel and takes the memory
    until, best = time.perf_counter() + seconds, float("inf")
    while time.perf_counter() < until:
        best = min(best, product())
    return 2 * width**3 / best / 1e12


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
