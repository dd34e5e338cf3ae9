"""How often the language rule takes text of other languages for Romanian, by paragraphs and by documents.

    apt-get download libreoffice-help-ca gimp-help-ca      # dpkg-deb -x each into a folder of its own
    pip download --no-deps vulgata-spacy                   # the Clementine Vulgate, in data/clem_vulgate.csv
    python benches/compare/language.py libreoffice-help-ca gimp-help-ca vulgata

Reads every .html (its paragraphs; the page is the document), .csv (the longest field of a row; 30 rows are a document) and
.jsonl or .jsonl.zst (`text`) below each folder. Needs pyarrow and selectolax, and zstandard for .zst.
"""

import argparse
import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from selectolax.lexbor import LexborHTMLParser

from rotools import kernels

ROWS = 30
"""Of a table make a document."""


def html(path: Path) -> list[str]:
    """The paragraphs of a page, without what is code."""
    page = LexborHTMLParser(path.read_bytes().decode(errors="replace"))
    for node in page.css("script, style, pre, code, nav, kbd"):
        node.decompose()
    return [
        node.text(separator=" ") for node in page.css("p, li, dd, td") if len(node.css("p, li, dd, td")) < 2
    ]


def table(path: Path) -> Iterator[list[str]]:
    """The rows of a table, some at a time."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [max(row, key=len) for row in csv.reader(file) if row]
    for at in range(1, len(rows), ROWS):
        yield rows[at : at + ROWS]


def lines(path: Path) -> Iterator[list[str]]:
    """The paragraphs of each record."""
    if path.suffix == ".zst":
        import zstandard

        with path.open("rb") as file:
            records = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
    else:
        records = path.read_bytes().splitlines()
    for record in records:
        yield json.loads(record)["text"].split("\n")


def documents(place: Path) -> Iterator[list[str]]:
    """The documents below a folder (or of one file), each as its paragraphs."""
    paths: Iterable[Path] = sorted(place.rglob("*")) if place.is_dir() else [place]
    for path in paths:
        if path.suffix in (".html", ".htm") and path.is_file():
            yield html(path)
        elif path.suffix == ".csv":
            yield from table(path)
        elif path.name.endswith((".jsonl", ".jsonl.zst")):
            yield from lines(path)


def languages(texts: list[str]) -> list[str | None]:
    """What the filter takes each text for; nothing where it does not judge."""
    scores = kernels.score(pa.array(texts, pa.large_string())).to_pylist()
    return [score["measures"]["language"] for score in scores]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("places", nargs="+", type=Path)
    parser.add_argument("--least", type=int, default=60, help="characters of a paragraph")
    parser.add_argument(
        "--most", type=int, default=400, help="characters of a paragraph; longer ones are cut"
    )
    parser.add_argument("--show", type=int, default=0, help="paragraphs taken for Romanian that are printed")
    options = parser.parse_args()
    for place in options.places:
        paragraphs: dict[str, None] = {}
        whole = []
        for document in documents(place):
            clean = [re.sub(r"\s+", " ", paragraph).strip() for paragraph in document]
            long = [paragraph[: options.most] for paragraph in clean if len(paragraph) >= options.least]
            paragraphs.update(dict.fromkeys(long))
            if len(long) >= 3:
                whole.append("\n".join(clean))
        texts = list(paragraphs)
        found = languages(texts)
        called = Counter(language for language in found if language)
        judged = sum(called.values())
        print(f"{place.name}: {len(texts):,} different paragraphs, {judged:,} judged, ", end="")
        print(f"{called['romanian']:,} called Romanian ({called['romanian'] / max(judged, 1):.2%})")
        print("  as", ", ".join(f"{name} {count:,}" for name, count in called.most_common(5)))
        scores = kernels.score(pa.array(whole, pa.large_string())).to_pylist()
        shares = [score["measures"]["romanian"] for score in scores]
        kept = sum(share is not None and share >= 0.5 for share in shares)
        print(f"  {len(whole):,} documents, {kept:,} Romanian by half or more")
        taken = [text for text, language in zip(texts, found, strict=True) if language == "romanian"]
        for text in taken[: options.show]:
            print("   ", text)


if __name__ == "__main__":
    main()
