"""`rotrain bench` beside llama.cpp's own `llama-bench`: decode and prefill of the same files by the same library.

Both use the libllama beside `llama-bench`. They take turns, A B B A a block, so that a drift of the machine meets both;
each call of either is one sample, the median of its repetitions, and the difference is the mean over the blocks with its
range. llama-bench feeds random tokens and chooses none; `rotrain bench` decodes text greedily and counts the choice.

    python benches/compare/llama_bench.py model.gguf ... --llama-bench build/bin/llama-bench [--blocks 3] [--threads 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DEPTH, NEW_TOKENS, REPEATS = 128, 32, 10


def ours(model: Path, words: argparse.Namespace) -> dict[str, float]:
    """Median tokens a second of `rotrain bench`: decode from an empty context, prefill of `DEPTH` tokens."""
    library = next(words.llama_bench.parent.glob("libllama.*"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bench.json"
        command = [sys.executable, "-m", "rotrain", "bench", model, "--depths", f"0,{DEPTH}"]
        command += ["--new-tokens", NEW_TOKENS, "--threads", words.threads, "--out", out, "--quiet"]
        environment = os.environ | {"ROTRAIN_LLAMA_CPP": str(library)}
        ended = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
        if ended.returncode:
            sys.exit(ended.stderr)
        row: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))["rows"][0]
    low, high = row["decode"]["0"]["tokens_per_s"]["ci"]
    decode = row["decode"]["0"]["tokens_per_s"]["median"]
    return {
        "decode": decode,
        "prefill": row["prefill_tokens_per_s"][str(DEPTH)]["median"],
        "interval": max(decode - low, high - decode) / decode,
    }


def theirs(model: Path, words: argparse.Namespace) -> dict[str, float]:
    """The same of llama-bench: medians, as a disturbed repetition is not thrown away there."""
    command = [words.llama_bench, "-m", model, "-t", words.threads, "-p", DEPTH, "-n", NEW_TOKENS]
    command += ["-r", REPEATS, "-o", "json"]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)
    rows = json.loads(ended.stdout)
    return {"decode" if row["n_gen"] else "prefill": statistics.median(row["samples_ts"]) for row in rows}


def main() -> None:
    """A line a file and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--llama-bench", type=Path, required=True)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    rows = []
    for model in words.models:
        blocks = []
        for _ in range(words.blocks):
            first, second = ours(model, words), theirs(model, words)
            third, fourth = theirs(model, words), ours(model, words)
            blocks.append({"rotrain": [first, fourth], "llama-bench": [second, third]})
        for measure in ("decode", "prefill"):
            sides = {
                side: [statistics.mean(run[measure] for run in block[side]) for block in blocks]
                for side in ("rotrain", "llama-bench")
            }
            differences = [a / b - 1 for a, b in zip(*sides.values(), strict=True)]
            row = {
                "model": model.name,
                "measure": measure,
                "tokens_per_s": {side: statistics.mean(values) for side, values in sides.items()},
                "difference": statistics.mean(differences),
                "range": [min(differences), max(differences)],
            }
            rows.append(row)
            if not words.json:
                mean = row["tokens_per_s"]
                interval = max(run["interval"] for block in blocks for run in block["rotrain"])
                print(
                    f"{model.name} {measure}: rotrain {mean['rotrain']:,.1f}, llama-bench {mean['llama-bench']:,.1f} "
                    f"tokens/s, {100 * row['difference']:+.1f} % [{100 * min(differences):+.1f}, "
                    f"{100 * max(differences):+.1f}]"
                    + (f"; widest interval of ours {100 * interval:.1f} %" if measure == "decode" else ""),
                    flush=True,
                )
    if words.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
