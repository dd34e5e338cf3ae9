"""One peer's near-duplicate removal, as its documentation shows it: JSONL in, the documents that stay out.

Run by dedup.py in the environment of the peers:

    uv pip install "datatrove[io,processing]" spacy rensa datasketch orjson
    python benches/compare/dedup_peer.py datatrove|rensa|datasketch IN.jsonl OUT.jsonl

All take 5-grams of words and 112 minima in 14 bands of 8 where they can be told to; none verifies a pair on the texts
(rensa and datasketch compare signatures or nothing, datatrove removes whole clusters).
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson

WORD = re.compile(r"\w+")


def records(path: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Records with their word 5-grams."""
    with open(path, "rb") as lines:
        for line in lines:
            record = orjson.loads(line)
            words = WORD.findall(record["text"].lower())
            yield record, [" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))]


def datatrove(source: str, out: str) -> None:
    """The four steps of minhash_deduplication.py, Romanian words by spaCy, in one process so that its CPU time is counted."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(
        hash_config=HashConfig(precision=64), n_grams=5, num_buckets=14, hashes_per_bucket=8
    )
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as folder:
        parts = Path(folder, "in")
        parts.mkdir()
        # A task reads whole files: two tasks need two.
        lines = Path(source).read_bytes().splitlines(keepends=True)
        for number in range(2):
            (parts / f"{number}.jsonl").write_bytes(b"".join(lines[number::2]))

        def run(tasks: int, *steps: object) -> None:
            LocalPipelineExecutor(list(steps), tasks=tasks, workers=1, logging_dir=f"{folder}/logs").run()

        reader = JsonlReader(str(parts))
        run(2, reader, MinhashDedupSignature(f"{folder}/signatures", config, language="ron"))
        run(14, MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config))
        run(1, MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove", config=config))
        writer = JsonlWriter(f"{folder}/out", "${rank}.jsonl", compression=None)
        run(2, JsonlReader(str(parts)), MinhashDedupFilter(f"{folder}/remove"), writer)
        with open(out, "wb") as whole:
            for part in sorted(Path(folder, "out").iterdir()):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole)


def rensa(source: str, out: str) -> None:
    """RMinHash with its LSH index; one thread, everything in memory."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.8, num_perm=112, num_bands=14)
    with open(out, "wb") as kept:
        for number, (record, shingles) in enumerate(records(source)):
            signature = RMinHash(num_perm=112, seed=42)
            signature.update(shingles)
            if not index.query(signature):
                index.insert(number, signature)
                kept.write(orjson.dumps(record) + b"\n")


def datasketch(source: str, out: str) -> None:
    """MinHash with MinHashLSH; one thread, everything in memory."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=112, params=(14, 8))
    with open(out, "wb") as kept:
        for number, (record, shingles) in enumerate(records(source)):
            signature = MinHash(num_perm=112)
            signature.update_batch([shingle.encode() for shingle in shingles])
            if not index.query(signature):
                index.insert(str(number), signature)
                kept.write(orjson.dumps(record) + b"\n")


if __name__ == "__main__":
    {"datatrove": datatrove, "rensa": rensa, "datasketch": datasketch}[sys.argv[1]](*sys.argv[2:])
