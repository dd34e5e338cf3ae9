"""How many planted near-copies of real text `rotools dedup` finds, and whether anything else goes.

    python benches/compare/dedup_recall.py [--corpus ../shared/corpus] [--documents 2000] [--seed 0]

From each of `--documents` texts of at least 100 words one copy is made: 1 to 20 % of its words changed, in one run or
spread, left out, added or exchanged, every second copy without diacritics. A copy is to be found when its 5-grams of words
(without case and diacritics) have a Jaccard similarity of at least 0.85 with the original's. A removal is checked on the
strings: the share of word 3-grams that stand in the partner, or the Jaccard similarity, must be as high as the rules say.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from inflate import documents


def words(text: str) -> list[str]:
    """Words without case and diacritics."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def grams(found: list[str], size: int) -> set[tuple[str, ...]]:
    """The set of runs of `size` words."""
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    """Shared of all."""
    return len(a & b) / len(a | b) if a or b else 0.0


def strip(text: str) -> str:
    """The text without diacritics, both encodings of ș and ț."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def copy(text: str, others: list[str], rng: random.Random) -> str:
    """A near copy of `text`, its white space kept."""
    parts = re.split(r"(\s+)", text)
    places = range(0, len(parts), 2)
    share = rng.uniform(0.01, 0.2)
    how_many = max(int(share * len(places)), 1)
    chosen: Sequence[int]
    if rng.random() < 0.5:
        start = rng.randrange(len(places) - how_many)
        chosen = places[start : start + how_many]
    else:
        chosen = sorted(rng.sample(places, max(how_many // 5, 1)))
    kind = rng.randrange(3)
    for place in chosen:
        other = rng.choice(others)
        parts[place] = ["", other, f"{parts[place]} {other}"][kind]
    return "".join(parts)


def main() -> None:
    """Plants, removes, counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    arguments = parser.parse_args()

    rng = random.Random(arguments.seed)
    texts = [r["text"] for r in documents(arguments.corpus, "web")]
    texts = [t for t in texts if 100 <= len(t.split()) <= 5000]
    texts = rng.sample(texts, min(arguments.documents, len(texts)))
    others = [word for text in rng.sample(texts, min(50, len(texts))) for word in text.split()]
    records: dict[str, str] = {}
    for number, text in enumerate(texts):
        near = copy(text, others, rng)
        records[f"a{number}"], records[f"b{number}"] = text, strip(near) if number % 2 else near
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        lines = (json.dumps({"id": i, "text": t}, ensure_ascii=False) for i, t in records.items())
        source.write_text("\n".join(lines), encoding="utf-8")
        command = [arguments.rotools, "dedup", str(source), "--out", str(out), "--quiet", "--accept-loss"]
        subprocess.run([*command, "--preset", arguments.preset], check=True)
        rows = pq.read_table(f"{out}.ledger.parquet").to_pylist()
    gone = {row["document"]: row["partner"] for row in rows}
    found: dict[str, list[int]] = {}
    for number in range(len(texts)):
        pair = (f"a{number}", f"b{number}")
        similarity = jaccard(*(grams(words(records[name]), 5) for name in pair))
        # Gone for each other, or for a third that is like both (the corpus has its own copies).
        hit = any(name in gone for name in pair)
        low = 0.0 if similarity < 0.6 else int(similarity * 20) / 20
        for name in [f"{low:.2f}"] + ["all >= 0.85"] * (similarity >= 0.85):
            counts = found.setdefault(name, [0, 0])
            counts[0] += hit
            counts[1] += 1
    for name, (hits, of) in sorted(found.items()):
        print(f"Jaccard {name:<12} {hits:>6} of {of:>6} found  {100 * hits / of:6.2f} %")
    wrong = 0
    for row in rows:
        mine, other = (grams(words(records[row[name]]), 3) for name in ("document", "partner"))
        good = len(mine & other) >= 0.9 * len(mine) or jaccard(mine, other) >= 0.85
        wrong += not good and row["rule"] != "exact"
    strangers = sum(document[1:] != partner[1:] for document, partner in gone.items())
    print(f"{len(rows)} went, {wrong} against the rules, {strangers} for another than the planted one")


if __name__ == "__main__":
    main()
