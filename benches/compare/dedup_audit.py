"""Whether documents that `rotools dedup` removes as near-duplicates were right to go, by a measure that is not its own.

    pip install rapidfuzz
    python benches/compare/inflate.py --mb 200 --out big.jsonl --seed 3
    python benches/compare/dedup_audit.py big.jsonl [--corpus ../shared/corpus] [--pairs 500] [--show 60]

Three runs: the corpus as it is (web and texts without diacritics); the novels; and the first again with planted copies
(1 to 20 % of the words changed, `dedup_recall.py`) and what else is named. Of the pairs that went as near, all of the corpus
itself are taken, and others drawn at random. rotools compares sets of 3-grams of words; here the texts themselves are aligned, without case and
diacritics: the share of the removed text that stands in its partner, either as words in their order (longest common
subsequence), or line by line (each line or sentence beside the most similar one of the partner, 85 % and more by edit distance).
A removal is doubtful when the higher of both is under 0.8; doubtful ones are printed to be read, and so are `--show` at random.
"""

import argparse
import difflib
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from dedup_recall import copy, strip
from inflate import documents
from rapidfuzz import fuzz, process
from rapidfuzz.distance import LCSseq

RIGHT = 0.8
"""Share of a removed text that must stand in its partner."""
SAME_LINE = 85.0
"""Similarity, in percent, of two lines that say the same."""
RUNS = (("web", "web undiacritized"), ("books", "books"), ("web", "web undiacritized planted inflated"))
"""Profile, and the kinds of text."""


def plain(text: str) -> str:
    """Small letters without diacritics."""
    return strip(text).lower()


def in_order(text: str, partner: str) -> float:
    """Share of the words that stand in the partner in this order."""
    mine, other = (re.findall(r"\w+", plain(t)) for t in (text, partner))
    return float(LCSseq.similarity(mine, other)) / max(len(mine), 1)


def by_lines(text: str, partner: str) -> float:
    """Share of the characters in lines and sentences that have their like in the partner."""
    mine, other = (
        [line.strip() for line in re.split(r"\n|(?<=[.!?;])\s", plain(t)) if line.strip()]
        for t in (text, partner)
    )
    found = 0
    for line in mine:
        best = process.extractOne(line, other, scorer=fuzz.ratio, score_cutoff=SAME_LINE)
        found += len(line) if best else 0
    return found / max(sum(map(len, mine)), 1)


def difference(text: str, partner: str, width: int = 12) -> list[str]:
    """The first places at which the removed text and its partner differ."""
    mine, other = text.split(), partner.split()
    places = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, mine, other, autojunk=False).get_opcodes():
        if tag != "equal":
            places.append(f"- {' '.join(mine[a:b][:width])}\n      + {' '.join(other[c:d][:width])}")
    return places


def main() -> None:
    """Runs, draws, aligns, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("more", nargs="*", type=Path, help="JSONL files, for example of inflate.py")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--planted", type=int, default=1000)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)

    texts: dict[str, str] = {}
    kinds: dict[str, str] = {}

    def add(kind: str, name: str, text: str) -> None:
        kinds[f"{kind}/{name}"], texts[f"{kind}/{name}"] = kind, text

    for part in ("web", "books", "undiacritized"):
        for record in documents(arguments.corpus, part):
            add(part, record["id"], record["text"])
    originals = [text for name, text in texts.items() if kinds[name] == "web" and len(text.split()) >= 100]
    originals = rng.sample([text for text in originals if len(text) < 40_000], arguments.planted)
    others = [word for text in originals[:50] for word in text.split()]
    for number, text in enumerate(originals):
        near = copy(text, others, rng)
        add("planted", str(number), strip(near) if number % 2 else near)
    for path in arguments.more:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                add("inflated", f"{path.stem}-{number}", json.loads(line)["text"])

    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for run, (name, which) in enumerate(RUNS):
            source, out = Path(folder, f"{run}.jsonl"), Path(folder, f"{run}-out.jsonl")
            lines = (
                json.dumps({"id": i, "text": t}, ensure_ascii=False) + "\n"
                for i, t in texts.items()
                if kinds[i] in which.split()
            )
            with source.open("w", encoding="utf-8") as file:
                file.writelines(lines)
            command = [arguments.rotools, "dedup", str(source), "--out", str(out), "--quiet", "--accept-loss"]
            subprocess.run([*command, "--profile", name], check=True)
            rows.append(pq.read_table(f"{out}.ledger.parquet").to_pylist())
    print(f"{len(texts):,} documents; went, by run:")
    for (_, which), gone in zip(RUNS, rows, strict=True):
        print(f"  {which}:", dict(Counter((row["rule"], kinds[row["document"]]) for row in gone)))

    real, _, rest = ([row for row in gone if row["rule"].startswith("near")] for gone in rows)
    drawn = real + rng.sample(rest, min(len(rest), max(arguments.pairs - len(real), 0)))
    doubtful, shares = [], []
    for row in drawn:
        pair = texts[row["document"]], texts[row["partner"]]
        share = max(in_order(*pair), by_lines(*pair))
        shares.append((share, row))
        if share < RIGHT:
            doubtful.append((share, row))
    print(f"{len(drawn)} pairs drawn, {len(real)} of them of the corpus itself: {len(doubtful)} doubtful")
    for edge in (1.0, 0.99, 0.95, 0.9, 0.85, 0.8):
        print(f"  {sum(share >= edge for share, _ in shares):>4} with {edge:.0%} and more in the partner")
    chosen = doubtful + rng.sample([one for one in shares if one not in doubtful], arguments.show)
    for share, row in chosen:
        text, partner = texts[row["document"]], texts[row["partner"]]
        places = difference(text[:20_000], partner[:20_000])
        print(f"\n{share:.3f} {row['rule']} {row['value']:.3f} {row['document']} ({len(text):,}) -> ", end="")
        print(f"{row['partner']} ({len(partner):,}); {len(places)} places")
        for place in places[:6]:
            print("     ", place)


if __name__ == "__main__":
    main()
