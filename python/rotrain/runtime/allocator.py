"""Freed memory that the process keeps, and huge pages: what makes large tensors cheap on a CPU."""

from __future__ import annotations

import ctypes

# After so many steps a process holds what a step takes, and `use_huge_pages` finds it.
HUGE_PAGES_AFTER_STEPS = 3
HUGE_PAGE, MADV_COLLAPSE = 2 << 20, 25  # of x86-64 and of AArch64 with pages of 4 KiB; linux/mman.h


def keep_freed_memory() -> bool:
    """Let the process keep the memory of freed tensors for the next ones; whether the system can.

    glibc gives every block above 32 MB back to the kernel when it is freed, and pays a page fault
    for each 4 KiB of the next one. A training step frees and takes the same large blocks each time:
    keeping them was worth 10 % of a nano step (docs/log.md, train). Elsewhere than on glibc nothing
    is changed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_threshold = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
    return bool(mallopt(mmap_threshold, 1 << 30)) and bool(mallopt(trim_threshold, -1))


def use_huge_pages() -> int:
    """Put the memory this process holds into pages of 2 MiB; how many bytes of it the system was asked for.

    Matrices that lie in pages of 4 KiB cost their products many misses of the TLB: a nano step on a CPU gained
    3 to 5 % (docs/log.md). To be called after `HUGE_PAGES_AFTER_STEPS`: what they took is kept and used again
    (`keep_freed_memory`). It copies everything once, a second a GB. Only Linux from 6.1 on does it;
    elsewhere, and where memory is too little, nothing is changed.
    """
    asked = 0
    try:
        madvise = ctypes.CDLL(None).madvise
        with open("/proc/self/maps", encoding="utf-8") as maps:
            areas = [line.split() for line in maps]
    except (OSError, AttributeError):
        return 0
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for span, access, _, _, _, *name in areas:
        # Anonymous memory alone: a file's pages are shared.
        if access != "rw-p" or (name and name[0] != "[heap]"):
            continue
        first, last = (int(end, 16) for end in span.split("-"))
        first, last = -(-first // HUGE_PAGE) * HUGE_PAGE, last // HUGE_PAGE * HUGE_PAGE
        if first < last and madvise(first, last - first, MADV_COLLAPSE) == 0:
            asked += last - first
    return asked
