"""`rotools books` on books that real typesetters set, and on scans: `make test-system`.

apt-get install texlive-latex-base texlive-latex-recommended texlive-lang-european lmodern chromium tesseract-ocr \
tesseract-ocr-ron
"""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import test_books
import typeset
from browser import PROGRAM, Browser
from rotools_program import rotools

from rotools import _rotext
from rotools.books import decisions, ocr
from rotools.books.assemble import SHELF, sealed, text_hash, work_folder
from rotools.books.review import Review
from rotools.books.worker import library

PARAGRAPHS = [
    paragraph
    for _ in range(12)
    for paragraph in (
        "Sătenii se strânseseră dinaintea bisericii, așteptând vești de la oamenii care plecaseră în zori spre târg, "
        "fiindcă nimeni nu știa dacă podul cel vechi mai ținea după ploile din săptămâna aceea.",
        "— N-au cum să treacă, zise învățătorul; apa a luat și țărușii, și scândurile.",
        "Într-o clipă s-a făcut liniște. Și-au adus aminte cu toții de primăvara în care se înecaseră doi frați, și "
        "mamele își chemară copiii lângă ele, ținându-i de mâini și certându-i în șoaptă.",
        "„Să mergem până la vad”, hotărî primarul, „și ne-om uita de acolo; printr-un noroc, poate că-i zărim.”",
    )
]


def read(path: Path) -> str:
    book = _rotext.PdfBook(path, library())
    for _ in range(book.pages):
        book.read_next()
    assert book.judge() == []
    text: str = book.finish([])["text"]
    return text


def folded(text: str) -> str:
    return text.replace("’", "'").replace(",,", "„").replace("''", "”").replace("“", "”")


@pytest.mark.parametrize("setter", ["t1", "ot1", "columns", "chromium", "libreoffice"])
def test_the_text_of_a_typeset_book_is_recovered(setter: str, tmp_path: Path) -> None:
    if setter in typeset.missing():
        pytest.skip(f"{setter}: its program is not installed")
    lines = [folded(line) for line in read(typeset.SETTERS[setter](PARAGRAPHS, tmp_path, setter)).split("\n")]
    wanted = [folded(paragraph) for paragraph in PARAGRAPHS]
    found = [line for line in (line.split("[")[0] for line in lines) if line in set(wanted)]
    # Two columns break more lines in odd places.
    assert len(found) >= (0.9 if setter == "columns" else 0.97) * len(wanted)
    text = "\n".join(lines)
    if setter in ("t1", "ot1"):
        # Of two columns there are too few pages for their heads to repeat.
        assert "CAPITOLUL" not in text
    if setter == "chromium":
        # A browser prints date and title above, address and page below.
        assert "file://" not in text and "chromium.html" not in text


@pytest.mark.parametrize("setter", ["t1", "ot1", "columns"])
def test_every_note_is_found(setter: str, tmp_path: Path) -> None:
    if setter in typeset.missing():
        pytest.skip(f"{setter}: its program is not installed")
    # Twice, so that page numbers repeat: on too few pages they pass for text, and end the notes above them.
    paragraphs = PARAGRAPHS * 2
    text = folded(read(typeset.SETTERS[setter](paragraphs, tmp_path, setter)))
    wanted = [folded(note) for number in range(len(paragraphs)) if (note := typeset.note(number))]
    assert re.findall(r"^\[\d+\] (.*)$", text, re.MULTILINE) == wanted


@pytest.mark.skipif(ocr.find()[0] is None, reason="tesseract with ron is not installed")
def test_a_scan_is_read_by_ocr(tmp_path: Path) -> None:
    setter = "t1" if "t1" not in typeset.missing() else "chromium"
    if setter in typeset.missing():
        pytest.skip("no typesetter is installed")
    pytest.importorskip("PIL")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    typeset.scan(
        typeset.SETTERS[setter](PARAGRAPHS, tmp_path, setter),
        shelf / "scan.pdf",
        pages=2,
        skew=0.5,
        noise=0.5,
    )
    done = rotools("books", shelf, "--out", tmp_path / "out.jsonl", "--json")
    assert json.loads(done.stdout)["pages"] == {"ocr": 2}
    [record] = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert "Într-o clipă s-a făcut liniște" in record["text"]
    assert not set("şţ") & set(record["text"])


def layered(pictures: list[Any], layer: list[str], out: Path) -> None:
    """Pages of pictures, and over each an invisible text that says `layer`, as scanners' programs write it."""
    import fpdf

    pdf = fpdf.FPDF(format="A5")
    pdf.set_auto_page_break(False)
    test_books.font(pdf)
    for picture in pictures:
        pdf.add_page()
        pdf.image(picture, 0, 0, pdf.w, pdf.h)
        pdf.set_font("body", size=8)
        with pdf.local_context(text_mode=fpdf.TextMode.INVISIBLE):
            pdf.multi_cell(0, 4, "\n".join(layer))
    pdf.output(str(out))


@pytest.mark.skipif(ocr.find()[0] is None, reason="tesseract with ron is not installed")
def test_a_text_layer_that_is_not_what_is_drawn_is_found(tmp_path: Path) -> None:
    import pypdfium2

    pytest.importorskip("PIL")
    if "t1" in typeset.missing():
        pytest.skip("pdflatex is not installed")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    printed = typeset.SETTERS["t1"](PARAGRAPHS[:6], tmp_path, "t1")
    picture = pypdfium2.PdfDocument(printed)[0].render(scale=200 / 72, grayscale=True).to_pil()
    layered([picture] * 5, PARAGRAPHS[:6], shelf / "right.pdf")
    # Every word is a word; it is another book's.
    layered([picture] * 5, test_books.PARAGRAPHS * 3, shelf / "wrong.pdf")
    rotools("books", shelf, "--out", tmp_path / "out.jsonl")
    results = json.loads((work_folder(tmp_path / "out.jsonl") / "shelf.json").read_text(encoding="utf-8"))[
        "books"
    ]
    right, wrong = [[(page["action"], page["agreement"]) for page in result["pages"]] for result in results]
    assert [action for action, _ in right] == ["keep"] * len(right), right
    read = [share for _, share in right if share is not None]
    assert len(read) == min(3, len(right)) and min(read) > 0.7
    assert [action for action, _ in wrong] == ["ocr"] * len(wrong)
    texts = [
        json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert all("Într-o clipă s-a făcut liniște" in text for text in texts)


@contextmanager
def served(out: Path) -> Iterator[str]:
    """The address of the review of `out`, while it is served."""
    server, address = Review(out).serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


with_browser = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")


@with_browser
def test_the_review_page_works_in_a_browser(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "a.txt").write_text("\n".join(PARAGRAPHS) + "\nqxzwk pcntrn", encoding="utf-8")
    out = tmp_path / "books.jsonl"
    rotools("books", shelf, "--out", out)
    # What a reader of a format may leave in a text, or another program.
    [text] = (tmp_path / "books.jsonl.work").glob("*.txt")
    text.write_text(text.read_text(encoding="utf-8") + " gpj\u202eexe\x1b[2J\u2066.", encoding="utf-8")
    rotools("review", out, "--static")
    command = [
        str(PROGRAM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=3000", "--dump-dom", (tmp_path / "books.jsonl.review.html").as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert 'class="book on"' in shown and "a.txt" in shown
    assert "gpj\\u202eexe\\x1b[2J\\u2066." in re.sub("</?mark>", "", shown)  # unknown words are marked
    assert not set(shown) & set("\u202e\x1b\u2066")


@with_browser
def test_decisions_by_keyboard_are_saved_and_replayed(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, count in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
        text = "\n".join([*PARAGRAPHS * count, f"xqzw{name}"])
        (shelf / f"{name}.txt").write_text(text, encoding="utf-8")
    out = tmp_path / "books.jsonl"
    rotools("books", shelf, "--out", out)
    names = [row["id"] for row in Review(out).listing()]
    with served(out) as address, Browser(tmp_path / "profile") as browser:
        browser.open(address)
        on = "document.querySelector('.book.on span')?.textContent"
        decided = "[...document.querySelectorAll('.book')].map(e => e.lastChild.textContent)"
        browser.until("books.length")
        browser.until(f"{on} === '{names[0]}'")
        # Two at once: the first answer comes when the second book is shown already.
        browser.press("n")
        browser.press("y")
        browser.until(f"{decided}[1]")
        assert browser.run(on) == names[2]
        browser.press("o", answer="1-2")
        browser.until(f"{decided}[2]")
        browser.press("k")
        browser.press("u")
        browser.until(f"{decided}[1] === ''")
        browser.press("j")
        browser.press("j")
        browser.until(f"{on} === '{names[3]}'")
        browser.press("p", answer="2-1")
        browser.until("true")
        browser.press("p", answer="2, 1")
        browser.until(f"{decided}[3]")
        # Nothing is said: nothing is decided.
        browser.press("p")
        assert browser.run(decided) == [
            "decided: drop", "", "decided: OCR again: pages 1, 2", "decided: remove pages 1, 2",
        ]  # fmt: skip
        assert any("pages are numbers from 1 to" in said for said in browser.dialogs)
        assert not browser.errors
        # A page that is loaded anew says the same.
        browser.open(address)
        browser.until(f"{decided}[3] === 'decided: remove pages 1, 2'")
    lines = [json.loads(line) for line in decisions.path_of(out).read_text(encoding="utf-8").splitlines()]
    assert [(line["id"], line["verdict"], line.get("pages")) for line in lines] == [
        (names[0], "drop", None), (names[1], "keep", None), (names[2], "ocr", [1, 2]), (names[1], "undo", None),
        (names[3], "pages", [1, 2]),
    ]  # fmt: skip
    rotools("books", shelf, "--out", out)
    left = [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert left == sorted(set(names) - {names[0]})


@with_browser
def test_three_thousand_books_scroll(tmp_path: Path) -> None:
    """Every row is in the list, and what is drawn or held for a key does not grow with them."""
    out = tmp_path / "books.jsonl"
    shelf(out, 3000)
    with served(out) as address, Browser(tmp_path / "profile") as browser:
        browser.open(address)
        browser.until("!!document.querySelector('.book.on')")
        assert browser.run("books.length") == 3000
        nodes = browser.run("document.getElementsByTagName('*').length")
        # The list to its end and back, a screenful a frame.
        frames = browser.run(SCROLL)
        print(
            f"{nodes} elements; frames of {max(frames):.0f} ms at most, {sum(frames) / len(frames):.0f} ms on average"
        )
        assert nodes < 1000
        browser.run("show(2999)")
        browser.until("document.querySelector('.book.on span')?.textContent === books[2999].id")
        picture = browser.run(
            "(r => r.top >= 0 && r.bottom <= innerHeight)(document.querySelector('.book.on').getBoundingClientRect())"
        )
        assert picture, "the book that is shown is in sight"
        assert not browser.errors


SCROLL = """new Promise(done => {
  const list = document.getElementById('list'), times = []; let last = performance.now(), at = 0, step = list.clientHeight;
  const tick = now => {
    times.push(now - last); last = now; at += step;
    if (at > list.scrollHeight) step = -step;
    if (at < 0) return done(times.slice(1));
    list.scrollTop = at; requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})"""


def shelf(out: Path, count: int) -> None:
    """A work folder of `count` books, as `rotools books` leaves it."""
    work = work_folder(out)
    work.mkdir()
    measures = {"known": 0.9, "plausible": 0.05, "words": 200, "tokens": 210}
    page = {"action": "keep", "score": 0.9, "fault": None, "agreement": None, "measures": measures}
    books = []
    for number in range(count):
        key = f"{number:024x}-00000000"
        (work / f"{key}.txt").write_text(PARAGRAPHS[number % 4], encoding="utf-8")
        verdict = {"action": "keep", "rule": "", "score": 0.5 + number / (2 * count)}
        books.append(
            {
                "id": f"raft/{number:04}.txt", "path": f"/nowhere/{number}.txt", "digest": f"{number:064x}", "key": key,
                "again": [], "starts": [], "pages": [page] * 200, "verdict": verdict,
                "text_sha256": text_hash(work / f"{key}.txt"),
            }
        )  # fmt: skip
    content = {"version": SHELF, "books": books, "others": []}
    (work / "shelf.json").write_text(json.dumps({**content, "seal": sealed(content)}), encoding="utf-8")
