"""What the reader of books takes for a word: general Romanian, names of programs, other languages."""

import json
import random
from pathlib import Path

import pytest
from rotools_program import rotools

from rotools import _rotext
from rotools.books import words
from rotools.books.languages import ROMANIAN, tesseract_name
from rotools.books.run import Options, Screen, read_books
from rotools.books.verdict import judge
from rotools.errors import UsageError

PLAIN = _rotext.BookJudge()
FRENCH = (
    "Le vieux moulin se trouvait près de la rivière, et les enfants du village y allaient chaque soir d’été pour écouter "
    "l’eau qui tombait. Personne ne savait qui l’avait construit."
)
MANUAL = (
    "Funcția open(2) deschide fișierul /etc/passwd și returnează un descriptor de tip size_t, iar errno primește valoarea ENOENT sau "
    "EACCES dacă fișierul nu există. Biblioteca OpenSSL și interfața IPv6 sunt descrise în string.h și pe pagina "
    "https://example.org/manual?id=4 a proiectului GNU."
)
COOKING = (
    "Legumele rădăcinoase se curăță, se mărunțesc și se călesc în untdelemn. Bacteriile lactice fermentează zarzavaturile, iar "
    "calculatorul bucătarului arată caloriile, vitaminele și antioxidanții fiecărei porții."
)


def readable(text: str, judge: _rotext.BookJudge = PLAIN) -> float:
    """The score of the only stretch of a text: it has no junk and no numbers."""
    [(_, score, _)] = _rotext.read_text(text, judge)[1]
    return float(score)


def broken(text: str) -> str:
    """Every fifth letter is another one, as after OCR of a bad scan."""
    dice = random.Random(3)
    return "".join(dice.choice("bcdfglmnrtz") if c.isalpha() and dice.random() < 0.2 else c for c in text)


def read(text: str, folder: Path, **options: object) -> tuple[dict[str, object], list[dict[str, object]]]:
    shelf = folder / "shelf"
    shelf.mkdir(exist_ok=True)
    (shelf / "carte.txt").write_text(text, encoding="utf-8")
    out = folder / "out.jsonl"
    summary = read_books([shelf], out, Options(workers=1, ocr=False, **options), Screen())  # type: ignore[arg-type]
    return summary, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_names_of_programs_are_no_broken_words() -> None:
    assert readable(MANUAL) > 0.95
    assert readable(broken(MANUAL)) < 0.5


def test_notation_does_not_hide_a_broken_text() -> None:
    """A page may be half notation: at most a quarter of its words is excused."""
    garbage = " ".join(f"x{n}_y{n % 7}" for n in range(60))
    assert readable(f"{MANUAL} {garbage}") < 0.7


def test_notation_is_not_excused_without_diacritics() -> None:
    """A font without these letters writes signs in their places."""
    table = str.maketrans({"ă": "_", "â": "/", "î": "1", "ș": "_", "ț": "_"})
    assert readable((COOKING + " " + MANUAL).translate(table)) < readable(COOKING + " " + MANUAL) - 0.15


def test_a_list_of_words_is_evidence() -> None:
    more = _rotext.BookJudge(
        words=["untdelemn", "zarzavaturile", "antioxidanții"], english=["browser", "kernel"]
    )
    known = _rotext.read_text(COOKING, more)[1][0][0]["known"]
    assert known > _rotext.read_text(COOKING)[1][0][0]["known"]
    english = _rotext.read_text(f"{COOKING} Un browser și un kernel.", more)[1][0][0]["english"]
    assert english > 0


def test_english_pages_are_not_romanian() -> None:
    page = (
        "the browser opens every window with another kernel module and waits until all buffers were written "
        * 6
    )
    every = _rotext.BookJudge(words=["și"], english=sorted(set(page.split())))
    assert readable(page, every) < 0.3


def test_general_words_come_from_the_package() -> None:
    pytest.importorskip("simplemma")
    assert words.source(ROMANIAN).startswith("simplemma 2")
    measures = _rotext.read_text(COOKING, words.judge(ROMANIAN))[1][0][0]
    assert measures["known"] > 0.85
    assert readable(broken(COOKING), words.judge(ROMANIAN)) < 0.6


def test_words_are_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that was made without the package is not used with it."""
    read(COOKING, tmp_path)
    monkeypatch.setattr(words, "source", lambda language: "another list")
    read(COOKING, tmp_path)
    assert len(list((tmp_path / "out.jsonl.work").glob("*-*.json"))) == 2


def test_a_shelf_in_another_language_is_kept(tmp_path: Path) -> None:
    book = "\n".join([FRENCH] * 12)
    summary, kept = read(book, tmp_path)
    assert (summary["kept"], summary["dropped"]) == (0, {"language": 1})
    summary, kept = read(book, tmp_path, language="fr")
    assert summary["kept"] == 1
    assert kept[0]["text"] == book


def test_turkish_letters_of_a_turkish_shelf_stay(tmp_path: Path) -> None:
    book = "\n".join(["Beşiktaş’ta yaşayan şair, eski şehrin sokaklarında dolaşıp şiirler yazıyordu."] * 30)
    assert read(book, tmp_path, language="tr")[1][0]["text"] == book


def test_one_letter_words_are_not_torn_letters(tmp_path: Path) -> None:
    book = "\n".join(["Он жил в доме у реки и с утра до ночи писал о том, как я и он росли в селе."] * 30)
    assert read(book, tmp_path, language="ru")[0]["kept"] == 1
    torn = "\n".join([" ".join("жизньвдомеуреки")] * 60)
    assert read(torn, tmp_path, language="ru")[0]["kept"] == 0


def test_a_damaged_book_in_another_language_is_dropped(tmp_path: Path) -> None:
    dice = random.Random(1)
    symbols = "".join(
        dice.choice("+*=<>@|!0123[]") if c.isalpha() and dice.random() < 0.2 else c for c in FRENCH
    )
    summary, _ = read("\n".join([symbols] * 20), tmp_path, language="fr")
    assert summary["dropped"] == {"score": 1}


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="xx"):
        tesseract_name("xx")
    (tmp_path / "a.txt").write_text(FRENCH, encoding="utf-8")
    told = rotools("books", tmp_path / "a.txt", "--out", tmp_path / "o.jsonl", "--language", "xx", code=2)
    assert "invalid value 'xx'" in told.stderr and "hint: take one of" in told.stderr


def page(score: float, tokens: int) -> dict[str, object]:
    return {"action": "keep", "score": score, "measures": {"tokens": tokens, "stops": 0, "astray": 0}}


def test_a_short_page_does_not_decide() -> None:
    """The table of contents of a leaflet, and two pages of prose."""
    leaflet = {"pages": [page(0.5, 30), page(0.95, 300), page(0.96, 300)], "wanting": 0}
    assert judge(leaflet)["action"] == "keep"
    spoiled = {"pages": [page(0.5, 250), page(0.95, 300), page(0.96, 300)], "wanting": 0}
    assert judge(spoiled)["rule"] == "score"
