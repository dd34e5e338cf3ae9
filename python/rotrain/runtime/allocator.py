"""Two ways to make large tensors cheap on a CPU: keep freed memory, and use huge pages."""

from __future__ import annotations

import ctypes

# After this many steps a process holds all memory that a step takes, and `use_huge_pages` finds it.
HUGE_PAGES_AFTER_STEPS = 3
HUGE_PAGE, MADV_COLLAPSE = 2 << 20, 25  # x86-64, and AArch64 with pages of 4 KiB; linux/mman.h


def keep_freed_memory() -> bool:
    """Let the process keep the memory of freed tensors for the next ones.

    glibc returns every block above 32 MB to the kernel when it is freed, and pays a page fault for each 4 KiB of the
    next block. A training step frees and takes the same large blocks each time. Keeping them saved 10 % of a nano step
    (docs/log/training.md). Without glibc nothing changes.

    Returns:
        Whether the system supports it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_threshold = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
    return bool(mallopt(mmap_threshold, 1 << 30)) and bool(mallopt(trim_threshold, -1))


def use_huge_pages() -> int:
    """Move the memory of this process into pages of 2 MiB.

    Products of matrices in pages of 4 KiB miss the TLB often: huge pages saved 3 to 5 % of a nano step on a CPU
    (docs/log). Call it after `HUGE_PAGES_AFTER_STEPS`, when the process holds what a step takes; that memory is kept
    and used again (`keep_freed_memory`). The call copies everything once, which takes a second for each GB. It needs
    Linux 6.1; elsewhere, and where memory is short, nothing changes.

    Returns:
        Bytes for which the system accepted the request.
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
        # Only anonymous memory: the pages of a file are shared.
        if access != "rw-p" or (name and name[0] != "[heap]"):
            continue
        first, last = (int(end, 16) for end in span.split("-"))
        first, last = -(-first // HUGE_PAGE) * HUGE_PAGE, last // HUGE_PAGE * HUGE_PAGE
        if first < last and madvise(first, last - first, MADV_COLLAPSE) == 0:
            asked += last - first
    return asked
