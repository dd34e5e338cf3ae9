"""Who else used the processors while something was measured.

One busy process beside llama.cpp's two threads made it ten times slower (its threads wait for each other), so a figure
without this is worth nothing. Busy time comes from /proc/stat for the processors this process may run on; what the
measured process and this one used is taken off, and the rest is foreign. Time stolen by a hypervisor counts apart.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAT = Path("/proc/stat")
# Cores' worth of foreign work, and the share of time stolen, up to which a sample is kept.
FOREIGN_LIMIT, STEAL_LIMIT = 0.05, 0.01


@dataclass(frozen=True)
class Clock:
    """Seconds since boot: of the wall, busy on our processors, stolen from them, and used by this process."""

    wall: float
    busy: float
    stolen: float
    own: float


def read_clock(stat: Path = STAT) -> Clock | None:
    """Now, or None where there is no /proc/stat."""
    ours = (
        {f"cpu{number}" for number in os.sched_getaffinity(0)} if hasattr(os, "sched_getaffinity") else set()
    )
    tick = os.sysconf("SC_CLK_TCK")
    busy = stolen = 0.0
    try:
        for line in stat.read_text().splitlines():
            name, *fields = line.split()
            if name in ours:
                user, nice, system, _idle, _wait, irq, soft, steal = (int(f) / tick for f in fields[:8])
                busy += user + nice + system + irq + soft
                stolen += steal
    except (OSError, ValueError):
        return None
    return Clock(time.perf_counter(), busy, stolen, time.process_time())


def contention(before: Clock | None, after: Clock | None, measured_cpu: float) -> dict[str, Any]:
    """Foreign cores and stolen share between two clocks, given the CPU seconds of the measured process."""
    if before is None or after is None:
        return {"foreign_cores": None, "stolen": None, "quiet": None}
    wall = max(after.wall - before.wall, 1e-9)
    foreign = (after.busy - before.busy - measured_cpu - (after.own - before.own)) / wall
    stolen = (after.stolen - before.stolen) / wall
    # /proc/stat counts ticks of 10 ms; short samples cannot tell less than that.
    slack = 2.0 / os.sysconf("SC_CLK_TCK") / wall
    quiet = foreign <= FOREIGN_LIMIT + slack and stolen <= STEAL_LIMIT + slack
    return {"foreign_cores": max(0.0, foreign), "stolen": stolen, "quiet": quiet}
