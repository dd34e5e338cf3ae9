"""The verbs of rotools that write, on inputs that take some hundredths of a second."""

from __future__ import annotations

import json
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from lab import Lab, Verb

sys.path.insert(0, str(Path(__file__).parents[1] / "rotools"))
from rotools_program import jsonl, texts


def corpus(folder: Path, _: Lab) -> None:
    """Documents, some equal, some alike, and two lines that are no records; the same for an earlier output."""
    documents = texts(24, 5)
    documents += [documents[3], documents[4] + " Un sfârșit.", documents[5]]
    jsonl(folder / "in.jsonl", documents)
    with (folder / "in.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "fără text"}\n{"text": \n')
    jsonl(folder / "old.jsonl", texts(9, 7))


def after(*words: str) -> Callable[[Path, Lab], None]:
    """Inputs, and the output of the same verb for other inputs."""

    def prepare(folder: Path, lab: Lab) -> None:
        corpus(folder, lab)
        ended = lab.run(words, folder)
        assert ended.code == 0, ended

    return prepare


def shelf(folder: Path, _: Lab) -> None:
    """Books that need no library of C: a text, an HTML page, an EPUB."""
    books = folder / "books"
    books.mkdir()
    rng = random.Random(3)
    for number, text in enumerate(texts(2, 9)):
        (books / f"carte{number}.txt").write_text("\n\n".join([text] * 3), encoding="utf-8")
    page = (
        "<html><body><h1>Titlu</h1>" + "".join(f"<p>{text}</p>" for text in texts(3, 11)) + "</body></html>"
    )
    (books / "pagina.html").write_text(page, encoding="utf-8")
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    with zipfile.ZipFile(books / "roman.epub", "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr("META-INF/container.xml", container)
        book.writestr("c.opf", package)
        book.writestr("a.xhtml", page)
    (books / "fals.pdf").write_bytes(bytes(rng.randbytes(500)))


def packed(folder: Path, lab: Lab) -> None:
    """A pack, to report about."""
    corpus(folder, lab)
    words = ("pack", "in.jsonl", "--no-filter", "--vocab-size", "300", "--out", "pack", "--quiet")
    ended = lab.run(words, folder)
    assert ended.code == 0, ended


def trained(folder: Path, lab: Lab) -> None:
    """A tokenizer, and an older encoding."""
    corpus(folder, lab)
    for words in (
        ("tokenizer", "train", "in.jsonl", "--vocab-size", "300", "--out", "tokenizer.json", "--quiet"),
        (
            "tokenizer",
            "encode",
            "old.jsonl",
            "--tokenizer",
            "tokenizer.json",
            "--out",
            "out/ids.bin",
            "--quiet",
        ),
    ):
        ended = lab.run(words, folder)
        assert ended.code == 0, ended


def clean(name: str, data: bytes) -> object:
    """What of a file must be equal. Locks and journals of the work folder of books are the program's own."""
    if name.endswith("/lock"):
        return None
    if name.endswith(".json") and b'"seconds"' in data:
        value = json.loads(data)
        value.pop("seconds", None)
        return value
    return data


PACK = (
    "pack",
    "in.jsonl",
    "--no-filter",
    "--vocab-size",
    "300",
    "--threads",
    "2",
    "--quiet",
    "--out",
    "out/pack",
)
FILES = ("in.jsonl", "--threads", "2", "--quiet", "--out")


def judged(name: str, data: bytes) -> object:
    """What of a shard must be equal. Frames of a killed run stand in another place of its journal."""
    return len(data) if "/journal/" in name else data


STEPS = ("judge", "decide", "count", "train", "encode", "finish")


def step(name: str) -> tuple[str, ...]:
    """A step of `pack`; a task has the only shard."""
    shard = ("--shard", "1/1") if name in ("judge", "count", "encode") else ()
    return (*PACK, "--accept-loss", "--step", name, *shard)


def stepped(name: str) -> Callable[[Path, Lab], None]:
    """Inputs, and what the steps before `name` leave."""

    def prepare(folder: Path, lab: Lab) -> None:
        corpus(folder, lab)
        for earlier in STEPS[: STEPS.index(name)]:
            ended = lab.run(step(earlier), folder)
            assert ended.code == 0, ended

    return prepare


VERBS = (
    Verb("normalize", ("normalize", *FILES, "out/a.jsonl.zst", "--report", "out/report.json"), corpus),
    Verb("normalize over", ("normalize", *FILES, "out/a.jsonl"), after("normalize", "old.jsonl", "--quiet", "--out", "out/a.jsonl")),
    Verb("filter", ("filter", *FILES, "out/a.jsonl.gz"), corpus),
    Verb("filter over", ("filter", *FILES, "out/a.jsonl"), after("filter", "old.jsonl", "--quiet", "--out", "out/a.jsonl")),
    Verb("dedup", ("dedup", *FILES, "out/a.jsonl", "--accept-loss"), corpus),
    Verb("dedup over", ("dedup", *FILES, "out/a.jsonl", "--accept-loss"), after("dedup", "old.jsonl", "--quiet", "--out", "out/a.jsonl")),
    Verb("dedup exact", ("dedup", *FILES, "out/a.jsonl.zst", "--preset", "exact", "--accept-loss"), corpus),
    Verb("pack", (*PACK, "--accept-loss"), corpus, refuses=True),
    Verb("pack exact", (*PACK, "--preset", "exact"), corpus, refuses=True),
    Verb("pack over", (*PACK, "--accept-loss", "--force"), after("pack", "old.jsonl", *PACK[2:])),
    Verb("step judge", step("judge"), stepped("judge"), keeps=("1-of-1",), read=judged),
    *(Verb(f"step {name}", step(name), stepped(name), keeps=("scratch",)) for name in STEPS[1:5]),
    Verb("step finish", step("finish"), stepped("finish"), keeps=(".shards",), refuses=True),
    Verb("train", ("tokenizer", "train", *FILES, "out/t.json", "--vocab-size", "300"),
         after("tokenizer", "train", "old.jsonl", "--vocab-size", "290", "--quiet", "--out", "out/t.json")),
    Verb("encode", ("tokenizer", "encode", *FILES, "out/ids.bin", "--tokenizer", "tokenizer.json"), trained),
    Verb("books", ("books", "books", "--out", "out/b.jsonl", "--workers", "1", "--quiet", "--no-ocr"), shelf, read=clean, keeps=("records", ".work"), forgives=True),
    Verb("report", ("report", "pack", "--out", "out/page.html"), packed),
)  # fmt: skip
