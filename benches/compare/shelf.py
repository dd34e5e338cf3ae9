"""A labelled shelf of good and damaged books, made by real typesetters, and how well the scores tell them apart.

    python benches/compare/shelf.py --corpus ../shared/corpus --out target/shelf

Short books (eight to twenty pages) are set from novels with pdfLaTeX, Chromium and as EPUB; some stay as they are, others
get what books in the wild have: glyph tables that lie, symbols in place of letters, columns read across, the garbage
of OCR on bad scans, another language, nothing but tables, half of the pages without text, shifted letters, letters torn apart,
lost letters. `rotools books` reads them without OCR, so that the text layer alone is judged. Novels are split in two halves: limits are taken
from one and measured on the other.
"""

import argparse
import io
import json
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "rotools"))

import typeset

Paragraphs = list[str]


@dataclass(frozen=True)
class Kind:
    """A way in which a book is made."""

    good: bool
    make: Callable[[Paragraphs, Path, str, random.Random], Path]


def by_letter(text: str, change: Callable[[str], str]) -> str:
    """Every letter of `text` by `change`."""
    return "".join(change(c) if c.isalpha() else c for c in text)


def words_of(paragraphs: Paragraphs) -> list[str]:
    """All words, in order."""
    return [word for paragraph in paragraphs for word in paragraph.split()]


def changed(change: Callable[[str, random.Random], str]) -> Callable[..., Path]:
    """A maker that sets what `change` makes of each paragraph."""

    def make(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
        return typeset.SETTERS["t1"]([change(p, dice) for p in paragraphs], folder, name)

    return make


def symbols(text: str, dice: random.Random) -> str:
    """A fifth of the letters as symbols: a font whose table is random."""
    return by_letter(text, lambda c: dice.choice("+*=<>@/|!?;:()[]") if dice.random() < 0.2 else c)


def noisy(share: float) -> Callable[[str, random.Random], str]:
    """What OCR makes of a bad scan: letters that look alike, lost and torn words, in `share` of the letters."""
    alike = {
        "e": "co", "c": "eo", "a": "on", "n": "ur", "u": "nv", "i": "l1!", "l": "i1", "t": "fr", "r": "tn", "m": "rnn",
        "o": "0c", "s": "5z", "h": "bl", "b": "h6", "d": "cl", "ă": "aä", "â": "à6", "î": "i1", "ș": "s5", "ț": "t|",
    }  # fmt: skip

    def change(text: str, dice: random.Random) -> str:
        out = []
        for c in text:
            if not c.isspace() and dice.random() < share:
                kind = dice.random()
                out.append(
                    dice.choice(alike.get(c, "~.,'")) if kind < 0.7 else c + " " if kind < 0.85 else ""
                )
            else:
                out.append(c)
        return "".join(out)

    return change


def shifted(text: str, _: random.Random) -> str:
    """Every letter is shown as one after it, some by three places and some by seven: a table that is off."""

    def move(c: str) -> str:
        first = ord("a") if c.islower() else ord("A")
        at = ord(c) - first
        return chr(first + (at + 3 + 4 * (at % 2)) % 26) if c.isascii() else c

    return by_letter(text, move)


def torn(text: str, _: random.Random) -> str:
    """A space after every letter."""
    return "   ".join(" ".join(word) for word in text.split())


def lost(text: str, _: random.Random) -> str:
    """The letters with diacritics are not there: a font that lacks them."""
    return re.sub("[ăâîșțĂÂÎȘȚ]", "", text)


def scrambled(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """A ToUnicode table that gives every small letter another one's code."""
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    codes = letters.copy()
    dice.shuffle(codes)
    tables = {letter: f"{ord(code):04X}" for letter, code in zip(letters, codes, strict=True)}
    return typeset.remapped(paragraphs, folder, name, tables)


def private(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """Half of the letters are shown in the private use area."""
    letters = dice.sample("abcdefghijklmnopqrstuvwxyz", 13)
    return typeset.remapped(paragraphs, folder, name, {c: f"{0xF000 + n:04X}" for n, c in enumerate(letters)})


def repairable(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """Only the Romanian letters have wrong codes, as in many books of the nineties: the text can be repaired."""
    tables = dice.choice([
        {"abreve": "00E3", "scedilla": "00BA", "tcedilla": "00FE", "Scedilla": "00AA", "Tcedilla": "00DE"},
        {"tcedilla": "0143", "Tcedilla": "0142"},
        {"tcedilla": "0120", "scedilla": "0121", "abreve": "0103"},
    ])  # fmt: skip
    return typeset.remapped(paragraphs, folder, name, tables)


def across(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """Two columns that were read across: each line has half a line of another place."""
    return _across(paragraphs, folder, name, dice, broken=True)


def whole(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """The same, of columns in which no word is broken."""
    return _across(paragraphs, folder, name, dice, broken=False)


def _across(paragraphs: Paragraphs, folder: Path, name: str, _: random.Random, *, broken: bool) -> Path:
    # Half lines of some 40 characters, words broken as a typesetter breaks them.
    lines: list[str] = []
    line = ""
    for word in words_of(paragraphs):
        if broken and len(line) + len(word) > 40 and len(word) > 7:
            cut = next((at for at in range(len(word) - 3, 2, -1) if word[at - 1] in "aeiouăâî"), 0)
            if cut and word.isalpha():
                line, word = f"{line} {word[:cut]}-", word[cut:]
        if len(line) + len(word) > 38:
            lines.append(line.strip())
            line = ""
        line += " " + word
    rows = 40
    mixed = []
    for start in range(0, len(lines) - 2 * rows, 2 * rows):
        both = zip(lines[start : start + rows], lines[start + rows : start + 2 * rows], strict=True)
        mixed += [f"{a} {b}" for a, b in both]
    return typeset.SETTERS["t1"](
        [" ".join(mixed[at : at + 6]) for at in range(0, len(mixed), 6)], folder, name
    )


def english(_: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """Another language: what Python's library says of itself."""
    import argparse as a
    import email as e
    import pydoc
    import unittest as u

    source = "\n".join(pydoc.plain(pydoc.render_doc(module)) for module in (a, e, u, zipfile, random))
    lines = [typeset.plain(line.strip(" |")) for line in source.split("\n")]
    sentences = [line for line in lines if len(line.split()) > 7 and "(" not in line]
    dice.shuffle(sentences)
    return typeset.SETTERS["t1"]([" ".join(sentences[at : at + 5]) for at in range(0, 450, 5)], folder, name)


def tables(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """Rows of numbers with a word here and there."""
    words = words_of(paragraphs)
    rows = [
        " ".join(
            dice.choice(words) if dice.random() < 0.12 else f"{dice.randrange(10 ** dice.randrange(1, 6)):,}"
            for _ in range(12)
        )
        for _ in range(350)
    ]
    return typeset.SETTERS["t1"](rows, folder, name)


def index(paragraphs: Paragraphs, folder: Path, name: str, dice: random.Random) -> Path:
    """An index of names: `Avram, I., 12, 45-48`."""
    names = sorted({w.strip(".,;:!?„”()-") for w in words_of(paragraphs) if w[:1].isupper() and len(w) > 3})
    rows = []
    for entry in names * 3:
        pages = ", ".join(str(dice.randrange(1, 500)) for _ in range(dice.randrange(2, 9)))
        rows.append(f"{entry}, {dice.choice('ABCDEGIMNPRST')}., {pages}")
    return typeset.SETTERS["t1"](rows[:400], folder, name)


def half(paragraphs: Paragraphs, folder: Path, name: str, _: random.Random) -> Path:
    """Every second page is a picture."""
    import pypdfium2

    whole = typeset.SETTERS["t1"](paragraphs, folder, name + "-whole")
    typeset.scan(whole, folder / f"{name}-scan.pdf", pages=40, dpi=72)
    out = pypdfium2.PdfDocument.new()
    text, pictures = pypdfium2.PdfDocument(whole), pypdfium2.PdfDocument(folder / f"{name}-scan.pdf")
    for page in range(len(text)):
        out.import_pages(pictures if page % 2 else text, [page])
    out.save(folder / f"{name}.pdf")
    return folder / f"{name}.pdf"


def epub(paragraphs: Paragraphs, folder: Path, name: str, _: random.Random) -> Path:
    """An EPUB of one chapter."""
    path = folder / f"{name}.epub"
    body = "".join(f"<p>{p.replace('&', '&amp;').replace('<', '&lt;')}</p>" for p in paragraphs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container xmlns="c"><rootfile full-path="p.opf"/></container>'
        )
        archive.writestr(
            "p.opf",
            '<package xmlns="p"><manifest><item id="i" href="x.xhtml"/></manifest>'
            '<spine><itemref idref="i"/></spine></package>',
        )
        archive.writestr("x.xhtml", f"<html><body>{body}</body></html>")
    return path


def setter(name: str) -> Callable[..., Path]:
    """A typesetter, on text as it is."""
    return lambda paragraphs, folder, stem, _: typeset.SETTERS[name](paragraphs, folder, stem)


KINDS: dict[str, Kind] = {
    "t1": Kind(True, setter("t1")),
    "ot1": Kind(True, setter("ot1")),
    "columns": Kind(True, setter("columns")),
    "chromium": Kind(True, setter("chromium")),
    "epub": Kind(True, epub),
    "repairable": Kind(True, repairable),
    "misprints": Kind(True, changed(noisy(0.004))),
    "scrambled": Kind(False, scrambled),
    "private": Kind(False, private),
    "symbols": Kind(False, changed(symbols)),
    "across": Kind(False, across),
    "across-whole": Kind(False, whole),
    "noisy": Kind(False, changed(noisy(0.10))),
    "noisier": Kind(False, changed(noisy(0.22))),
    "english": Kind(False, english),
    "tables": Kind(False, tables),
    "index": Kind(False, index),
    "half": Kind(False, half),
    "shifted": Kind(False, changed(shifted)),
    "torn": Kind(False, changed(torn)),
    "lost": Kind(False, changed(lost)),
}


def novels(corpus: Path, count: int) -> dict[str, Paragraphs]:
    """Some 12 pages each of `count` novels that the model of Romanian was not counted on, spread over the corpus."""
    raw = subprocess.run(["zstd", "-dc", corpus / "books.jsonl.zst"], capture_output=True, check=True).stdout
    found: dict[str, Paragraphs] = {}
    for record in map(json.loads, io.BytesIO(raw)):
        lines = [line.strip() for line in typeset.plain(record["text"]).split("\n")]
        lines = [line for line in lines if line]
        start, length, taken = len(lines) // 3, 0, []
        for line in lines[start:]:
            taken.append(line)
            length += len(line)
            if length > 22_000:
                break
        # `rust/rotext/examples/romanian.rs` says which were left out.
        if length > 22_000 and int(re.sub(r"\D", "", record["id"])) % 4 == 0:
            found[record["id"]] = taken
    names = sorted(found)
    step = max(1, len(names) // count)
    return {name: found[name] for name in names[::step][:count]}


def make(shelf: Path, corpus: Path, count: int) -> None:
    """Sets every kind of every novel that is not there yet."""
    shelf.mkdir(parents=True, exist_ok=True)
    build = shelf.with_name(shelf.name + "-build")

    def one(job: tuple[str, Paragraphs, str]) -> None:
        name, paragraphs, kind = job
        stem = f"{name}-{kind}"
        if list(shelf.glob(f"{stem}.*")):
            return
        folder = build / stem
        folder.mkdir(parents=True, exist_ok=True)
        made = KINDS[kind].make(paragraphs, folder, stem, random.Random(stem))
        made.rename(shelf / made.name)

    jobs = [(name, text, kind) for name, text in novels(corpus, count).items() for kind in KINDS]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, jobs))


Row = tuple[str, str, bool, float, bool]
"""Novel, kind, is it good, its score, was it kept."""


def read(shelf: Path) -> list[Row]:
    """What `rotools books` says of each book."""
    from rotools.books.run import Options, Screen, read_books

    out = shelf.with_name(shelf.name + ".jsonl")
    read_books([shelf], out, Options(workers=2, ocr=False), Screen())
    results = json.loads((out.with_name(out.name + ".work") / "shelf.json").read_text(encoding="utf-8"))[
        "books"
    ]
    rows = []
    for result in results:
        name, kind = Path(result["id"]).stem.split("-", 1)
        verdict = result["verdict"]
        rows.append((name, kind, KINDS[kind].good, verdict.get("score") or 0.0, verdict["action"] == "keep"))
    return rows


def quality(rows: list[Row], taken: list[bool]) -> tuple[float, float]:
    """Precision and recall of the good books among those that are `taken`, in the order of `rows`."""
    right = sum(row[2] for row, took in zip(rows, taken, strict=True) if took)
    return right / max(sum(taken), 1), right / max(sum(row[2] for row in rows), 1)


def limit_at(rows: list[Row], recall: float) -> float:
    """The highest score that `recall` of the good books reach."""
    scores = sorted((row[3] for row in rows if row[2]), reverse=True)
    return scores[min(len(scores) - 1, int(len(scores) * recall))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("target/shelf"))
    parser.add_argument("--novels", type=int, default=12)
    options = parser.parse_args()
    shelf = options.out.absolute()
    make(shelf, options.corpus, options.novels)
    rows = read(shelf)
    print(f"{len(rows)} books, {sum(row[2] for row in rows)} good\n")
    print("| kind | books | kept | lowest score | median | highest |\n|---|---|---|---|---|---|")
    for kind in KINDS:
        scores = sorted(row[3] for row in rows if row[1] == kind)
        kept = sum(row[4] for row in rows if row[1] == kind)
        if scores:
            middle = scores[len(scores) // 2]
            print(f"| {kind} | {len(scores)} | {kept} | {scores[0]:.3f} | {middle:.3f} | {scores[-1]:.3f} |")
    names = sorted({row[0] for row in rows})
    halves = [[row for row in rows if names.index(row[0]) % 2 == side] for side in (0, 1)]
    print("\n| limit from | measured on | score limit | precision | recall |\n|---|---|---|---|---|")
    for side in (0, 1):
        limit = limit_at(halves[side], 0.95)
        precision, recall = quality(halves[1 - side], [row[3] >= limit for row in halves[1 - side]])
        print(f"| half {side + 1} | half {2 - side} | {limit:.3f} | {precision:.1%} | {recall:.1%} |")
    precision, recall = quality(rows, [row[4] for row in rows])
    print(f"\nkept by `rotools books`: precision {precision:.1%}, recall {recall:.1%}")


if __name__ == "__main__":
    main()
