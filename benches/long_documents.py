"""CPU time for each byte of one long document, by stage: it must not grow with the length of the document.

    python benches/long_documents.py                    # 1, 4, 16, 64 and 250 MB; some minutes, some GB of memory
    python benches/long_documents.py --mb 1 4 16 --stages filter

A stage is a verb on one document of Romanian words by chance, with lines of about 80 characters. The start of the program, measured
with a document of 1 kB, is taken off. The last column is the time for each byte, over that of the shortest document above 4 MB; more
than 1.5 is a finding. The largest record is 256 MiB, so the longest document is 250 MB.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from romanian_words import WORDS

STAGES: dict[str, tuple[str, ...]] = {
    "normalize": ("normalize", "IN", "--out", "OUT.jsonl"),
    "filter": ("filter", "IN", "--out", "OUT.jsonl"),
    "dedup": ("dedup", "IN", "--out", "OUT.jsonl", "--max-ram", "8G"),
    "train": ("tokenizer", "train", "IN", "--vocab-size", "2000", "--out", "OUT.json"),
    "encode": ("tokenizer", "encode", "IN", "--tokenizer", "TOKENIZER", "--out", "OUT.bin"),
    "pack": ("pack", "IN", "--no-filter", "--tokenizer", "TOKENIZER", "--valid-share", "0", "--max-ram", "8G", "--out", "OUT"),
}  # fmt: skip


def document(path: Path, size: int) -> None:
    """Written in parts: the memory of this process would be the least that the system says of its children."""
    rng = random.Random(size)
    length = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"id": "lung", "text": "')
        while length < size:
            line = " ".join(rng.choices(WORDS, k=13)) + ("." if rng.random() < 0.5 else ",")
            length += len(line.encode()) + 1
            file.write(line + "\\n")
        file.write('"}\n')


def measure(words: tuple[str, ...], names: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and peak MiB of a verb. Two threads: one document has no work for more."""
    command = [
        sys.executable,
        "-m",
        "rotools",
        *(names.get(word, word.replace("OUT", names["OUT"])) for word in words),
    ]
    process = subprocess.Popen([*command, "--threads", "2", "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=float, nargs="+", default=[1, 4, 16, 64, 250])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as space:
        folder = Path(space)
        sizes = [0.001, *chosen.mb]
        for mb in sizes:
            document(folder / f"{mb}.jsonl", int(mb * 1e6))
        tokenizer = str(folder / "tokenizer.json")
        measure((*STAGES["train"][:-1], tokenizer), {"IN": str(folder / f"{sizes[1]}.jsonl"), "OUT": ""})
        print(f"{'stage':12} {'MB':>6} {'CPU s':>8} {'ns/byte':>8} {'peak MiB':>9} {'over first':>10}")
        for stage in chosen.stages:
            start, first = 0.0, 0.0
            for mb in sizes:
                out = folder / f"out-{stage}-{mb}"
                names = {"IN": str(folder / f"{mb}.jsonl"), "TOKENIZER": tokenizer, "OUT": str(out)}
                # The start is taken off, so short runs are measured best of five.
                tries = 5 if mb <= 16 else 1
                seconds, peak = math.inf, 0.0
                for _ in range(tries):
                    shutil.rmtree(out, ignore_errors=True)
                    seconds, peak = min((seconds, peak), measure(STAGES[stage], names))
                if mb == sizes[0]:
                    start = seconds
                    continue
                each = max(seconds - start, 1e-9) / mb * 1e3
                # One and four MB take hundredths of a second: too little beside the start that is taken off.
                first = first or (each if mb > 4 or mb == sizes[-1] else 0.0)
                share = f"{each / first:.2f}" if first else "-"
                print(
                    f"{stage:12} {mb:>6g} {seconds:>8.2f} {each:>8.1f} {peak:>9.0f} {share:>10}", flush=True
                )


if __name__ == "__main__":
    main()
