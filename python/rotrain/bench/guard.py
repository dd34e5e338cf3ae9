"""Who else used the processors while something was measured.

One busy process beside llama.cpp's two threads made it ten times slower, because its threads wait for each other. So a figure
without this check is worthless. /proc/stat gives the busy time of the processors that this process may use. What the
measured process and this one used is subtracted, and the rest is foreign. The time stolen by a hypervisor is counted
separately.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAT = Path("/proc/stat")
# A sample is kept up to this foreign work, in cores, and this share of stolen time.
FOREIGN_LIMIT, STEAL_LIMIT = 0.05, 0.01


@dataclass(frozen=True)
class Clock:
    """A reading of the clocks, in seconds.

    Attributes:
        wall: Wall time.
        busy: Busy time of our processors.
        stolen: Time that a hypervisor stole from them.
        own: CPU time of this process.
    """

    wall: float
    busy: float
    stolen: float
    own: float


def read_clock(stat: Path = STAT) -> Clock | None:
    """Read the clocks, or return None without /proc/stat."""
    own_processors = (
        {f"cpu{number}" for number in os.sched_getaffinity(0)} if hasattr(os, "sched_getaffinity") else set()
    )
    tick = os.sysconf("SC_CLK_TCK")
    busy = stolen = 0.0
    try:
        for line in stat.read_text().splitlines():
            name, *fields = line.split()
            if name in own_processors:
                user, nice, system, _idle, _wait, irq, soft, steal = (int(f) / tick for f in fields[:8])
                busy += user + nice + system + irq + soft
                stolen += steal
    except (OSError, ValueError):
        return None
    return Clock(time.perf_counter(), busy, stolen, time.process_time())


def contention(before: Clock | None, after: Clock | None, measured_cpu: float) -> dict[str, Any]:
    """Return the foreign cores and the stolen share between two readings.

    Args:
        before: The first reading.
        after: The second reading.
        measured_cpu: CPU seconds of the measured process between them.
    """
    if before is None or after is None:
        return {"foreign_cores": None, "stolen": None, "quiet": None}
    wall = max(after.wall - before.wall, 1e-9)
    foreign = (after.busy - before.busy - measured_cpu - (after.own - before.own)) / wall
    stolen = (after.stolen - before.stolen) / wall
    # /proc/stat counts ticks of 10 ms: a short sample cannot resolve less than that.
    slack = 2.0 / os.sysconf("SC_CLK_TCK") / wall
    quiet = foreign <= FOREIGN_LIMIT + slack and stolen <= STEAL_LIMIT + slack
    return {"foreign_cores": max(0.0, foreign), "stolen": stolen, "quiet": quiet}
