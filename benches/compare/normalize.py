"""Normalization against ftfy on the same text, in turn, in one process, on one thread.

    pip install ftfy    (into any environment in which rotools is built)
    python benches/compare/normalize.py [../shared/corpus] [--mb 8] [--runs 3]

Both get the same Python strings and give back Python strings, so ours pays for the way across the binding. ftfy runs
with its defaults, except that it keeps quotes and ligatures as far as its options go, which makes it faster. It does
less: no cedilla, Latin-2, spacing accents, soft hyphens, spaces (rust/rotext's own figures: `cargo bench --bench
normalize`).
"""

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import ftfy
import pyarrow as pa
from measure import machine

from rotools import normalize


def documents(corpus: Path, megabytes: float) -> list[str]:
    """Every n-th document of the web corpus, so that a part holds what the whole holds."""
    path = corpus / "web.jsonl.zst"
    with pa.input_stream(str(path), compression="zstd") as stream:
        texts = [json.loads(line)["text"] for line in io.TextIOWrapper(stream, encoding="utf-8")]
    size = sum(len(text.encode()) for text in texts)
    step = max(1, round(size / (megabytes * 1e6)))
    return texts[::step]


def main() -> None:
    """Prints best and median of each, and the ratio of the best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="?", default=Path("../shared/corpus"))
    parser.add_argument("--mb", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    texts = documents(arguments.corpus, arguments.mb)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    normal = [normalize(text) for text in texts]
    options = ftfy.TextFixerConfig(uncurl_quotes=False, fix_latin_ligatures=False, explain=False)

    def fix(text: str) -> str:
        return str(ftfy.fix_text(text, options))

    contenders: list[tuple[str, Callable[[str], str], list[str]]] = [
        ("rotools, web text", normalize, texts),
        ("ftfy, web text", fix, texts),
        ("rotools, clean text", normalize, normal),
        ("ftfy, clean text", fix, normal),
    ]
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in contenders}
    for _ in range(arguments.runs):
        for name, repair, inputs in contenders:
            began = time.perf_counter()
            for text in inputs:
                repair(text)
            seconds[name].append(time.perf_counter() - began)
    print(f"{machine()}; {len(texts):,} documents, {megabytes:.1f} MB; ftfy {version('ftfy')}")
    for name, times in seconds.items():
        print(
            f"{name:<20} best {megabytes / min(times):9.1f} MB/s   "
            f"median {megabytes / statistics.median(times):9.1f} MB/s"
        )
    for kind in ("web text", "clean text"):
        ratio = min(seconds[f"ftfy, {kind}"]) / min(seconds[f"rotools, {kind}"])
        print(f"{kind}: rotools is {ratio:.0f} times as fast as ftfy")


if __name__ == "__main__":
    main()
