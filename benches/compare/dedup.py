"""Near-duplicate removal, whole process, JSONL to JSONL, beside datatrove, rensa and datasketch.

    python benches/compare/inflate.py --mb 2000 --out big.jsonl
    python benches/compare/dedup.py big.jsonl --peers target/peers/bin/python [--part 20]

Copies that inflate.py makes have their sentences in another order and other digits: some are near-duplicates by any
measure and some are not, so contenders may rightly differ in what they keep; the count of documents kept is printed. The
peers get the first `--part` megabytes, because the slowest needs a minute for 30; rotools runs on the same part and on all.
Wall-clock and CPU seconds are given: on a machine that others use only the second can be compared.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import machine

PEERS = ("datatrove", "rensa", "datasketch")


def run(name: str, command: list[str], megabytes: float, out: Path) -> dict[str, float]:
    """One run in a fresh process, children included; prints a line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"error: {name} failed: {' '.join(command)}\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with out.open("rb") as lines:
        kept = sum(1 for _ in lines)
    print(f"{name:<24}{megabytes:>8.0f}{wall:>9.2f}{cpu:>9.2f}{megabytes / cpu:>12.2f}{kept:>10}", flush=True)
    return {"mb": megabytes, "s": wall, "cpu_s": cpu, "kept": kept}


def main() -> None:
    """Cuts the part, runs everyone once in turn, prints a table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file")
    parser.add_argument("--peers", help="a Python with the peers")
    parser.add_argument("--only", nargs="+", default=PEERS, choices=PEERS)
    parser.add_argument("--part", type=float, default=20, help="megabytes for the peers")
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    arguments = parser.parse_args()

    ours = [arguments.rotools, "dedup", "--quiet", "--accept-loss"]
    print(machine())
    print(f"{'':<24}{'MB':>8}{'s':>9}{'CPU s':>9}{'MB/CPU s':>12}{'kept':>10}")
    results = {}
    with tempfile.TemporaryDirectory(dir=arguments.text.parent) as folder:
        out, part = Path(folder, "out.jsonl"), Path(folder, "part.jsonl")
        size = 0
        with arguments.text.open("rb") as lines, part.open("wb") as file:
            for line in lines:
                size += file.write(line)
                if size >= arguments.part * 1e6:
                    break
        everything = arguments.text.stat().st_size / 1e6
        results["rotools"] = run("rotools", [*ours, str(arguments.text), "--out", str(out)], everything, out)
        command = [*ours, str(part), "--out", str(out)]
        results["rotools, part"] = run("rotools, part", command, size / 1e6, out)
        if arguments.peers:
            script = str(Path(__file__).with_name("dedup_peer.py"))
            for peer in arguments.only:
                command = [arguments.peers, script, peer, str(part), str(out)]
                results[peer] = run(peer, command, size / 1e6, out)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
