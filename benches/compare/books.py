"""Books set by real typesetters and read back: what is right, and how fast, beside other readers of PDF.

    python benches/compare/books.py --corpus ../shared/corpus --peers target/peers/bin/python

`scan` is such a book as pictures, read by OCR. Needs pdflatex, chromium, soffice and tesseract for the rows that they make, and in the peers' environment pdftext,
pypdf and pdfminer.six. Novels are set (tests/rotools/typeset.py), read by each, and compared with what was set: CER and
WER are edit distances over lengths, of text whose white space is folded and whose footnotes and chapter heads are in
both; `diacritics` is the share of ă â î ș ț that are aligned with themselves; `paragraphs` the share of paragraphs
that come out as one line. CPU seconds, so that other work on the machine does not count.
"""

import argparse
import difflib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "rotools"))

PEER = """
import sys, time, json
name, path = sys.argv[1:3]
began = time.process_time()
if name == "pypdf":
    from pypdf import PdfReader
    text = "\\n".join(page.extract_text() for page in PdfReader(path).pages)
elif name == "pdfminer.six":
    from pdfminer.high_level import extract_text
    text = extract_text(path)
elif name == "pdftext":
    from pdftext.extraction import plain_text_output
    text = plain_text_output(path, sort=True, hyphens=False)
print(json.dumps({"text": text, "seconds": time.process_time() - began}))
"""
PEERS = ("pdftext", "pypdf", "pdfminer.six")


def novel(corpus: Path, name: str, first: int, count: int) -> list[str]:
    """Paragraphs of a novel that the model of Romanian was not counted on."""
    import typeset

    raw = subprocess.run(["zstd", "-dc", corpus / "books.jsonl.zst"], capture_output=True, check=True).stdout
    texts = {record["id"]: record["text"] for record in map(json.loads, io.BytesIO(raw))}
    lines = [line.strip() for line in typeset.plain(texts[name]).split("\n")]
    return [line for line in lines if line][first : first + count]


def ours(path: Path) -> tuple[str, float, int]:
    """Text, CPU seconds, pages."""
    from rotools import _rotext
    from rotools.books.worker import library

    began = time.process_time()
    book = _rotext.PdfBook(path, library())
    pages = book.pages
    for _ in range(pages):
        book.read_next()
    book.judge()
    text = book.finish([])["text"]
    return text, time.process_time() - began, pages


def scanned(paragraphs: list[str], folder: Path, name: str) -> Path:
    """A book of LibreOffice, printed and scanned at 300 dpi: a little askew, with grains and soft edges."""
    import typeset

    printed = typeset.SETTERS["libreoffice"](paragraphs, folder, name)
    return typeset.scan(printed, folder / f"{name}-scan.pdf", pages=1000, skew=0.3, noise=0.3)


def by_ocr(path: Path) -> tuple[str, float, int]:
    """Text, CPU seconds, pages, by `rotools books` and tesseract."""
    from rotools.books.run import Options, Screen, read_books

    def used() -> float:
        times = resource.getrusage(resource.RUSAGE_CHILDREN)
        return times.ru_utime + times.ru_stime

    began, out = used(), path.with_suffix(".jsonl")
    read_books([path], out, Options(workers=2), Screen())
    record = json.loads(out.read_text(encoding="utf-8"))
    return record["text"], used() - began, record["book"]["pages"]


def expected(paragraphs: list[str], setter: str) -> list[str]:
    """What a perfect reader gives: chapter heads, paragraphs, notes after theirs."""
    import typeset

    lines = []
    for number, paragraph in enumerate(paragraphs):
        if number % 60 == 0:
            lines.append(typeset.chapter(number))
        note = typeset.note(number) if setter in ("t1", "ot1", "columns") else ""
        lines.append(paragraph)
        if note:
            lines.append(note)
    return lines


def flat(text: str) -> str:
    """Text without what readers may differ in: marks of notes, quotes' shapes, white space."""
    import re

    text = re.sub(r"\[\d+\] ?", "", text)
    for old, new in (
        ("’", "'"),
        (",,", "„"),
        ("''", "”"),
        ("“", "”"),
        ("«", "„"),
        ("»", "”"),
        ("ş", "ș"),
        ("ţ", "ț"),
        ("Ş", "Ș"),
        ("Ţ", "Ț"),
    ):
        text = text.replace(old, new)
    return re.sub(r"\s+", " ", text).strip()


def compare(gold: str, text: str) -> tuple[float, float, float]:
    """CER, WER, share of diacritics right. Words are aligned first, then letters inside what differs."""
    a, b = gold.split(" "), text.split(" ")
    letters, words, wrong, marked = 0, 0, 0, sum(c in "ăâîșțĂÂÎȘȚ" for c in gold)
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        words += max(i2 - i1, j2 - j1)
        left, right = " ".join(a[i1:i2]), " ".join(b[j1:j2])
        for tag, k1, k2, l1, l2 in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            if tag != "equal":
                letters += max(k2 - k1, l2 - l1)
                wrong += sum(c in "ăâîșțĂÂÎȘȚ" for c in left[k1:k2])
    return letters / len(gold), words / len(a), 1 - wrong / max(marked, 1)


def main() -> None:
    import typeset

    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--novels", nargs="+", default=["ROM004", "ROM036", "ROM092"])
    parser.add_argument("--paragraphs", type=int, default=300)
    setters = {**typeset.SETTERS, "scan": scanned}
    parser.add_argument("--setters", nargs="+", default=list(setters), choices=list(setters))
    parser.add_argument("--scanned", type=int, default=60, help="paragraphs of each novel that are scanned")
    options = parser.parse_args()
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.novels:
            for setter in options.setters:
                count = options.scanned if setter == "scan" else options.paragraphs
                paragraphs = novel(options.corpus, name, 40, count)
                path = setters[setter](paragraphs, Path(folder), f"{name}-{setter}")
                lines = expected(paragraphs, setter)
                gold = flat(" ".join(lines))
                text, seconds, pages = by_ocr(path) if setter == "scan" else ours(path)
                results = {"rotools": (text, seconds)}
                for peer in PEERS if options.peers and setter != "scan" else ():
                    done = subprocess.run(
                        [options.peers, "-c", PEER, peer, path], capture_output=True, text=True
                    )
                    if done.returncode == 0:
                        answer = json.loads(done.stdout.splitlines()[-1])
                        results[peer] = (answer["text"], answer["seconds"])
                for reader, (text, seconds) in results.items():
                    cer, wer, marks = compare(gold, flat(text))
                    found = {flat(line) for line in text.split("\n")}
                    whole = sum(flat(line) in found for line in lines) / len(lines)
                    rows.setdefault((setter, reader), []).append((cer, wer, marks, whole, pages, seconds))
    print("| set by | read by | CER | WER | diacritics | paragraphs | pages/s |")
    print("|---|---|---|---|---|---|---|")
    for (setter, reader), values in rows.items():
        cer, wer, marks, whole = (sum(value[at] for value in values) / len(values) for at in range(4))
        speed = sum(value[4] for value in values) / sum(value[5] for value in values)
        print(
            f"| {setter} | {reader} | {cer:.3%} | {wer:.2%} | {marks:.3%} | {whole:.1%} | {speed:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
