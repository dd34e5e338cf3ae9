"""What `rotools plan` says beside what `rotools pack` then takes, and lines through the points.

Inputs of several sizes are made by inflate.py (sentences shuffled, digits and names exchanged), planned, packed, and
compared: seconds, the most memory of the process and its children, bytes of the pack. The line through (megabytes,
seconds) gives what 20 GB would take on this machine; say what else ran on it.

    python benches/compare/plan.py --mb 1000 2000 4000 --folder target/plan [--corpus ../shared/corpus] [--threads 2]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from measure import Contender, machine

INFLATE = Path(__file__).with_name("inflate.py")


def main() -> None:
    """Prints a row a size, then the fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mb", type=float, nargs="+", required=True, help="sizes, in 10^6 bytes, ascending")
    parser.add_argument("--folder", type=Path, required=True, help="where inputs and packs go")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--max-ram", default="1G")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    points = []
    print(machine())
    print(
        f"{'MB':>8} {'planned s':>10} {'real s':>8} {'CPU s':>8} {'peak MB':>8} {'planned out':>12} {'real out':>10}"
    )
    for megabytes in sorted(arguments.mb):
        text = arguments.folder / f"{megabytes:.0f}.jsonl"
        if not text.exists():
            inflate = [INFLATE, "--mb", megabytes, "--out", text, "--corpus", arguments.corpus]
            subprocess.run([sys.executable, *map(str, inflate)], check=True, stdout=subprocess.DEVNULL)
        options = ["--threads", str(arguments.threads), "--max-ram", arguments.max_ram]
        rotools = [sys.executable, "-m", "rotools"]
        plan = json.loads(subprocess.check_output([*rotools, "plan", str(text), *options, "--json"]))
        out = arguments.folder / "pack"
        # Copies by construction: a source may lose more than half.
        command = [
            *rotools,
            "pack",
            str(text),
            "--out",
            str(out),
            "--force",
            "--accept-loss",
            "--quiet",
            *options,
        ]
        real = Contender(text.name, command, megabytes)
        real.run()
        size = sum(path.stat().st_size for path in out.iterdir())
        points.append((megabytes, real.seconds[0]))
        print(
            f"{megabytes:8.0f} {plan['seconds']:10.1f} {real.seconds[0]:8.1f} {real.peak_mb:8.0f} "
            f"{plan['output'] / 1e6:12.1f} {size / 1e6:10.1f}",
            flush=True,
        )
    if len(points) > 1:
        sizes, seconds = np.array(points, dtype=np.float64).T
        slope, start = np.polyfit(sizes, seconds, 1)
        print(
            f"fit: {start:.1f} s + {slope:.4f} s/MB; 20 GB would take {(start + slope * 20_000) / 60:.1f} min"
        )


if __name__ == "__main__":
    main()
