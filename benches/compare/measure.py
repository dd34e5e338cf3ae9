"""Runs programs in turn, each in a fresh process on two cores, and says how long they took.

Contenders alternate, so that a busy moment of the machine strikes all of them; best and median are given.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Contender:
    """A program to measure: its command, the megabytes of input it works on, and what was seen."""

    name: str
    command: list[str]
    megabytes: float
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def run(self) -> None:
        """One run, from the start of the process to its end."""
        began = time.perf_counter()
        # wait4 gives the peak memory of this child alone; RUSAGE_CHILDREN would give that of the largest.
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            sys.exit(f"error: {self.name} failed: {' '.join(self.command)}")
        self.seconds.append(seconds)
        self.cpu_seconds.append(usage.ru_utime + usage.ru_stime)
        self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1e3)


def head(text: Path, megabytes: float, folder: Path) -> Path:
    """The first lines of a JSONL file, about so many megabytes (10^6 bytes), as a file in `folder`."""
    goal, path = int(megabytes * 1e6), folder / f"{megabytes:.0f}.jsonl"
    if text.stat().st_size < goal:
        sys.exit(f"error: {text} has fewer than {megabytes:.0f} MB\nhint: write more with inflate.py --mb")
    with text.open("rb") as source, path.open("wb") as out:
        while out.tell() < goal and (piece := source.read(min(1 << 24, goal - out.tell()))):
            out.write(piece)
        out.write(source.readline())
    return path


def machine() -> str:
    """The processor and the cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def measure(contenders: list[Contender], runs: int, rounds: dict[str, int] | None = None) -> None:
    """Runs everyone `runs` times in turn (or as often as `rounds` says) and prints a table and a JSON line."""
    for number in range(runs):
        for contender in contenders:
            if number < (rounds or {}).get(contender.name, runs):
                contender.run()
    first = contenders[0]
    print(machine())
    print(f"{'':<14}{'best s':>9}{'median s':>10}{'best MB/s':>11}{'peak MB':>9}   {first.name} is")
    for contender in contenders:
        best = contender.megabytes / min(contender.seconds)
        ratio = first.megabytes / min(first.seconds) / best
        print(
            f"{contender.name:<14}{min(contender.seconds):>9.2f}{statistics.median(contender.seconds):>10.2f}"
            f"{best:>11.1f}{contender.peak_mb:>9.0f}   {ratio:.2f}x as fast"
        )
    print(json.dumps({c.name: {"mb": c.megabytes, "s": c.seconds, "peak_mb": c.peak_mb} for c in contenders}))
