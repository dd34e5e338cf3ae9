"""The lines that `rotools filter` cuts out of web text as lines of the page, to be read.

    python benches/compare/boilerplate.py [--corpus ../shared/corpus] [--lines 100] [--seed 0]

The corpus is repaired and filtered with every rule off and nothing redacted, so what is missing from a document was cut as a
line of the page. Prints how many lines went of how many, the most frequent ones, and `--lines` at random with the lines that
stood before and after.
"""

import argparse
import difflib
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from inflate import documents

from rotools._rotext import filter_rules


def main() -> None:
    """Filters, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, clean, out = (Path(folder, f"{name}.jsonl") for name in ("web", "clean", "out"))
        with source.open("w", encoding="utf-8") as file:
            for number, record in enumerate(documents(arguments.corpus, "web")):
                file.write(json.dumps({"id": str(number), "text": record["text"]}, ensure_ascii=False) + "\n")
        off = [word for rule in filter_rules() for word in ("--threshold", f"{rule[0]}=off")]
        subprocess.run([arguments.rotools, "normalize", source, "--out", clean, "--quiet"], check=True)
        filtered = [arguments.rotools, "filter", clean, "--out", out, "--no-redact", "--quiet", *off]
        subprocess.run(filtered, check=True)
        with clean.open(encoding="utf-8") as file:
            before = {record["id"]: record["text"] for record in map(json.loads, file)}
        with out.open(encoding="utf-8") as file:
            after = {record["id"]: record["text"] for record in map(json.loads, file)}
    total = sum(text.count("\n") + 1 for text in before.values())
    cut: list[tuple[str, str, str]] = []
    for name, text in before.items():
        kept = after.get(name, "")
        if kept == text:
            continue
        lines, left = text.split("\n"), kept.split("\n")
        matcher = difflib.SequenceMatcher(None, lines, left, autojunk=False)
        for tag, a, b, _, _ in matcher.get_opcodes():
            if tag != "equal":
                for at in range(a, b):
                    around = (lines[at - 1] if at else "", lines[at + 1] if at + 1 < len(lines) else "")
                    cut.append((lines[at], *around))
    cut = [line for line in cut if line[0].strip()]
    print(f"{len(cut):,} of {total:,} lines of {len(before):,} documents were cut")
    for line, count in Counter(line for line, _, _ in cut).most_common(30):
        print(f"{count:>7}  {line[:150]}")
    print()
    for line, above, below in random.Random(arguments.seed).sample(cut, min(arguments.lines, len(cut))):
        print(f"    {above[:110]}\n--> {line[:300]}\n    {below[:110]}\n")


if __name__ == "__main__":
    main()
