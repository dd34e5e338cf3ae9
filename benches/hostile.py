"""A million documents with a thousand hostile ones among them, through `rotools pack`: every document is in the pack or named.

    python benches/hostile.py make target/hostile.jsonl           # 1,000,000 documents, about 1 GB
    python benches/hostile.py check target/hostile.jsonl --out target/hostile-pack

`check` packs the file (without the filter, because the honest documents are made of words by chance) and compares. Every honest
document must be in the pack, or be a row of the ledger that a named rule dropped. Every hostile document must be in the pack,
repaired, or be named in the rejects or the ledger. It prints the counts, the seconds and the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from romanian_words import WORDS


def honest(rng: random.Random, number: int) -> bytes:
    text = f"{number}. " + " ".join(rng.choices(WORDS, k=rng.randint(40, 200)))
    return json.dumps({"id": f"h{number}", "text": text}, ensure_ascii=False).encode()


def record(number: int, text: str) -> bytes:
    return json.dumps({"id": f"x{number}", "text": text}).encode()


def mojibake(text: str, depth: int) -> str:
    for _ in range(depth):
        text = text.encode().decode("latin-1")
    return text


def filled(number: int, size: int) -> str:
    rng = random.Random(number)
    return " ".join(rng.choices(WORDS, k=size))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda n: b'{"id": "x%d", "text": ' % n + b"[" * 12_000,
    "deep field": lambda n: b'{"id": "x%d", "text": "adanc", "f": ' % n + b"[" * 9_000 + b"]" * 9_000 + b"}",
    "mojibake": lambda n: record(n, mojibake(filled(n, 300), 3)),
    "endless mojibake": lambda n: record(n, "\u00c3\u0083\u00c2\u0083" * 20_000),
    "lone surrogate": lambda n: b'{"id": "x%d", "text": "jum\\ud83d tate ' % n + filled(n, 60).encode() + b'"}',
    "NUL": lambda n: record(n, "\0" * 50 + filled(n, 60)),
    "raw NUL": lambda n: b'{"id": "x%d", "text": "\0\0"}' % n,
    "bad UTF-8": lambda n: b'{"id": "x%d", "text": "\xff\xfe\xc3 ' % n + filled(n, 60).encode() + b'"}',
    "direction": lambda n: record(n, "\u202e\u2066\u200f" * 100 + filled(n, 60)),
    "controls": lambda n: record(n, "".join(map(chr, range(1, 32))) + "\x1b[2J" + filled(n, 60)),
    "separators": lambda n: record(n, filled(n, 20) + "\u2028\u2029\u0085\x0b\x0c" + filled(n + 1, 40)),
    "huge number": lambda n: b'{"id": %s, "text": "numar ' % (b"9" * 4_000) + filled(n, 60).encode() + b'"}',
    "number as text": lambda n: b'{"id": "x%d", "text": 1e999999}' % n,
    "no text": lambda n: b'{"id": "x%d"}' % n,
    "cut": lambda n: record(n, filled(n, 60))[:-9],
    "not JSON": lambda n: b"<html>" + filled(n, 60).encode(),
    "combining": lambda n: record(n, "a" + "\u0301" * 50_000 + filled(n, 60)),
    "one word": lambda n: record(n, f"{n}" + "a" * 200_000),
    "one line again": lambda n: record(n, (filled(n, 9) + "\n") * 3_000),
    "joiners": lambda n: record(n, "👩\u200d" * 30_000 + filled(n, 60)),
    "duplicate key": lambda n: b'{"text": "x", "id": "x%d", "text": "' % n + filled(n, 60).encode() + b'"}',
    "empty": lambda n: record(n, " \n\t\u00a0"),
    "entities": lambda n: record(n, "&amp;" * 20_000 + "&#x110000;&#0;" + filled(n, 60)),
    "tags": lambda n: record(n, "<div>" * 20_000 + filled(n, 60)),
    "20 MB": lambda n: record(n, filled(n, 3_400_000)),
}  # fmt: skip


def make(path: Path, documents: int, hostile: int) -> None:
    """The 20 MB records are four; the other kinds share what is left."""
    rng = random.Random(0)
    kinds = [name for name in HOSTILE if name != "20 MB"]
    plan = ["20 MB"] * min(4, hostile) + [kinds[i % len(kinds)] for i in range(max(0, hostile - 4))]
    rng.shuffle(plan)
    places = dict(zip(sorted(rng.sample(range(documents), hostile)), plan, strict=True))
    lines: dict[int, str] = {}
    with path.open("wb") as file:
        for number in range(documents):
            kind = places.get(number)
            file.write((HOSTILE[kind](number) if kind else honest(rng, number)) + b"\n")
            if kind:
                lines[number + 1] = kind
    path.with_suffix(".hostile.json").write_text(json.dumps(lines), "utf-8")


def check(path: Path, out: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    command = [
        sys.executable,
        "-m",
        "rotools",
        "pack",
        str(path),
        "--out",
        str(out),
        "--no-filter",
        "--vocab-size",
        "8000",
    ]
    began = time.monotonic()
    ended = subprocess.run([*command, "--quiet", "--accept-loss"], check=False)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert ended.returncode == 0, f"pack ended with {ended.returncode}"
    hostile = {
        int(line): kind
        for line, kind in json.loads(path.with_suffix(".hostile.json").read_text("utf-8")).items()
    }

    kept = Counter[str]()
    for file in out.glob("*.docs.parquet"):
        kept.update(parquet.read_table(file, columns=["id"])["id"].to_pylist())
    ledger = parquet.read_table(out / "ledger.parquet", columns=["document", "line", "action", "rule"])
    dropped: dict[int, str] = {}
    for line, action, rule in zip(
        *(ledger[name].to_pylist() for name in ("line", "action", "rule")), strict=True
    ):
        if action == "drop":
            dropped.setdefault(line, rule)
    with pyarrow.CompressedInputStream(str(out / "rejects.jsonl.zst"), "zstd") as file:
        rejects = {json.loads(line)["line"] for line in file.read().split(b"\n") if line}

    unnamed, named, packed, honest_dropped = [], Counter[str](), Counter[str](), Counter[str]()
    documents = sum(1 for _ in path.open("rb"))
    for line in range(1, documents + 1):
        kind = hostile.get(line)
        if line in dropped:
            assert line in rejects, f"line {line} is in the ledger and not in the rejects"
            (named if kind else honest_dropped)[kind or dropped[line]] += 1
        elif kind is None and not kept[f"h{line - 1}"]:
            unnamed.append(line)
        elif kind is not None:
            # Its id may be what is hostile about it; then its place is its id.
            packed[kind] += 1
    here = sum(kept.values())
    print(f"{documents:,} lines, {len(hostile):,} hostile; {seconds:.0f} s, {peak:.0f} MiB")
    print(f"in the pack: {here:,}, of these hostile and repaired: {packed.total():,} {dict(packed)}")
    print(f"hostile and rejected: {named.total():,} {dict(named)}")
    print(f"honest and dropped by a rule: {honest_dropped.total():,} {dict(honest_dropped)}")
    assert not unnamed, f"{len(unnamed):,} honest lines are in neither: {unnamed[:5]}"
    assert here + len(dropped) == documents, (
        f"{documents - here - len(dropped):,} lines are in neither or in both"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("make", "check"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--hostile", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=Path("target/hostile-pack"))
    words = parser.parse_args()
    if words.what == "make":
        make(words.path, words.documents, words.hostile)
    else:
        check(words.path, words.out)


if __name__ == "__main__":
    main()
