"""Measure how much other processes used the processors during a measurement.

One busy process beside llama.cpp's two threads made it ten times slower, because its threads wait for each other. So a speed
without this check may be wrong by a factor of ten.

/proc/stat gives the busy time of the processors that this process may use. The CPU time of the measured process and of this
process is subtracted. The rest is foreign: other processes used it. The time that a hypervisor took away ("steal") is
counted separately.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAT = Path("/proc/stat")
# A sample is quiet up to this much foreign work and this much stolen time, both in cores.
FOREIGN_LIMIT, STEAL_LIMIT = 0.05, 0.01


@dataclass(frozen=True)
class Clock:
    """One reading of the clocks, in seconds.

    Attributes:
        wall: Wall time.
        busy: Busy time of all processors that this process may use, together.
        stolen: Time that a hypervisor took away from these processors.
        own: CPU time of this process.
    """

    wall: float
    busy: float
    stolen: float
    own: float


def read_clock(stat: Path = STAT) -> Clock | None:
    """Read the clocks. Return None if the file `stat` cannot be read, as on systems other than Linux."""
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
    """Return how much other processes used the processors between two readings.

    Args:
        before: The first reading.
        after: The second reading.
        measured_cpu: CPU time in seconds of the measured process between the readings.

    Returns:
        `foreign_cores`: average number of cores that other processes used. `stolen`: average number of cores that a
        hypervisor took away. `quiet`: whether both are within the limits. All are None without two readings.

    Example:
        >>> found = contention(Clock(0.0, 0.0, 0.0, 0.0), Clock(10.0, 15.0, 0.0, 1.0), measured_cpu=9.0)
        >>> found["foreign_cores"], found["quiet"]
        (0.5, False)
    """
    if before is None or after is None:
        return {"foreign_cores": None, "stolen": None, "quiet": None}
    wall = max(after.wall - before.wall, 1e-9)
    foreign = (after.busy - before.busy - measured_cpu - (after.own - before.own)) / wall
    stolen = (after.stolen - before.stolen) / wall
    # /proc/stat counts in ticks, usually of 10 ms, so a short sample has an error of up to two ticks.
    slack = 2.0 / os.sysconf("SC_CLK_TCK") / wall
    quiet = foreign <= FOREIGN_LIMIT + slack and stolen <= STEAL_LIMIT + slack
    return {"foreign_cores": max(0.0, foreign), "stolen": stolen, "quiet": quiet}
