"""What `rotools plan` says beside what `rotools pack` then takes, and lines through the points.

The beginnings of a file are planned, packed, and compared: seconds, CPU seconds, the most memory of the process, bytes of the
pack. The line through (megabytes, seconds) gives what 20 GB would take on this machine; say what else ran on it.

    python benches/compare/inflate.py --mb 8000 --out big.jsonl
    python benches/compare/plan.py big.jsonl --mb 1000 2000 4000 8000 [--threads 2]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import Contender, head, machine


def main() -> None:
    """Prints a row a size, then the fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file")
    parser.add_argument("--mb", type=float, nargs="+", required=True, help="of its beginning, in 10^6 bytes")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--max-ram", default="1G")
    arguments = parser.parse_args()
    points = []
    print(machine())
    print(
        f"{'MB':>8} {'planned s':>10} {'real s':>8} {'CPU s':>8} {'peak MB':>8} {'planned out':>12} {'real out':>10}"
    )
    for megabytes in sorted(arguments.mb):
        with tempfile.TemporaryDirectory(dir=arguments.text.parent) as folder:
            text, out = head(arguments.text, megabytes, Path(folder)), Path(folder) / "pack"
            options = ["--threads", str(arguments.threads), "--max-ram", arguments.max_ram]
            rotools = [sys.executable, "-m", "rotools"]
            plan = json.loads(subprocess.check_output([*rotools, "plan", str(text), *options, "--json"]))
            # Inflated text is made of near copies: a source may lose more than half.
            pack = [*rotools, "pack", str(text), "--out", str(out), "--accept-loss", "--quiet", *options]
            real = Contender(text.name, pack, megabytes)
            real.run()
            size = sum(path.stat().st_size for path in out.iterdir())
        points.append((megabytes, real.seconds[0]))
        print(
            f"{megabytes:8.0f} {plan['seconds']:10.1f} {real.seconds[0]:8.1f} {real.cpu_seconds[0]:8.1f} "
            f"{real.peak_mb:8.0f} {plan['output'] / 1e6:12.1f} {size / 1e6:10.1f}",
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
