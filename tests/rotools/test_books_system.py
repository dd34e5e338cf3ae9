"""`rotools books` on books that real typesetters set, and on scans: `make test-system`.

apt-get install texlive-latex-base texlive-latex-recommended texlive-lang-european lmodern chromium tesseract-ocr \
tesseract-ocr-ron
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import typeset
from rotools_program import rotools

from rotools import _rotext
from rotools.books import ocr
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
def test_a_typesetter_is_read_back(setter: str, tmp_path: Path) -> None:
    if setter in typeset.missing():
        pytest.skip(f"{setter}: its program is not installed")
    lines = [folded(line) for line in read(typeset.SETTERS[setter](PARAGRAPHS, tmp_path, setter)).split("\n")]
    wanted = [folded(paragraph) for paragraph in PARAGRAPHS]
    found = [line for line in (line.split("[")[0] for line in lines) if line in set(wanted)]
    # Two columns break more lines in odd places.
    assert len(found) >= (0.9 if setter == "columns" else 0.97) * len(wanted)
    text = "\n".join(lines)
    if setter in ("t1", "ot1"):
        # Set with running heads and notes. Of two columns there are too few pages for their heads to repeat, and
        # notes below them are not told from the text yet.
        assert "CAPITOLUL" not in text
        assert text.count("[1] ") >= 1
    if setter == "chromium":
        # A browser prints date and title above, address and page below.
        assert "file://" not in text and "chromium.html" not in text


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


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_the_review_page_works_in_a_browser(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "a.txt").write_text("\n".join(PARAGRAPHS) + "\nqxzwk pcntrn", encoding="utf-8")
    out = tmp_path / "books.jsonl"
    rotools("books", shelf, "--out", out)
    rotools("review", out, "--static")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=3000", "--dump-dom", (tmp_path / "books.jsonl.review.html").as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert 'class="book on"' in shown and "a.txt" in shown
