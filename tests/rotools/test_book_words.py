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
from rotools.books.verdict import SCORE, judge
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
TALE = (
    "Bătrâna s-a trezit înainte să răsară soarele și a ieșit în curte să vadă dacă a căzut zăpada. Pământul era încă gol, "
    "dar la fântână apa se făcuse gheață. Fata cea mică dormea lângă vatră, sub pătura groasă de lână, și nu voia să plece "
    "la școală fără pâine caldă. Mătușa lor, care făcea mâncare pentru toată casa, a spus că mâine vor avea oaspeți și că "
    "masa trebuie să fie gata până la prânz. Afară a început să bată vântul, iar câinele a lătrat către pădure."
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


@pytest.mark.parametrize("table", [{"ă": "3"}, {"ă": "X"}, {"ă": "8", "ș": "S"}, {"ă": "N", "ș": "S", "ț": "T"}, {"ă": "_", "ț": "/"}])  # fmt: skip
def test_signs_for_one_letter_are_no_notation(table: dict[str, str]) -> None:
    """The other letters are whole, so the text has diacritics, and its damaged words look like names."""
    damaged = TALE.translate(str.maketrans(table))
    assert readable(TALE) > 0.9
    assert readable(damaged) < SCORE
    if words.lists(ROMANIAN, 2 << 30).source:
        assert readable(damaged, words.judge(ROMANIAN, True)) < SCORE


@pytest.mark.parametrize(
    "table", [{"ă": "N"}, {"ă": "S"}, {"ă": "T"}, {"ă": "_"}, {"ă": "N", "ș": "S", "ț": "T"}]
)
def test_a_text_without_one_letter_is_no_book(table: dict[str, str]) -> None:
    good, damaged = (_rotext.read_text(text)[1] for text in (TALE, TALE.translate(str.maketrans(table))))
    assert min(score for _, score, _ in good) > SCORE
    assert max(score for _, score, _ in damaged) == 0


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
    assert words.lists(ROMANIAN, 2 << 30).source.startswith("simplemma 2")
    measures = _rotext.read_text(COOKING, words.judge(ROMANIAN, True))[1][0][0]
    assert measures["known"] > 0.85
    assert readable(broken(COOKING), words.judge(ROMANIAN, True)) < 0.6


def test_words_are_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that was made without the package is not used with it."""
    pytest.importorskip("simplemma")
    read(COOKING, tmp_path)
    monkeypatch.setattr(words, "lists", lambda language, max_ram: words.Lists())
    read(COOKING, tmp_path)
    assert results(tmp_path) == 2


def results(folder: Path) -> int:
    return len(list((folder / "out.jsonl.work").glob("*-*.json")))


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("2.9.9", "simplemma 2.9.9 cannot be loaded: No module named"),
        ("3.0.0", "simplemma 3.0.0 is not version 2"),
    ],
)
def test_a_broken_package_costs_no_book(
    version: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is there, and its module is empty. The package of the system comes after it."""
    packages = tmp_path / "packages"
    about = packages / f"simplemma-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: simplemma\nVersion: {version}\n")
    (packages / "simplemma").mkdir()
    (packages / "simplemma" / "__init__.py").write_text("")
    book = tmp_path / "carte.txt"
    book.write_text("\n".join([COOKING] * 3), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    monkeypatch.setenv("PYTHONPATH", str(packages))
    done = rotools("books", book, "--out", out, "--no-ocr")
    assert "1 of 1 books" in done.stderr
    assert done.stderr.count(f"the lists of words are not used, only the built-in model: {told}") == 1
    assert "hint: pip install --force-reinstall 'simplemma==2.*'" in done.stderr
    monkeypatch.delenv("PYTHONPATH")
    done = rotools("books", book, "--out", out, "--no-ocr")
    assert "1 of 1 books" in done.stderr and "lists of words" not in done.stderr


def test_lists_that_do_not_fit_are_not_the_fault_of_the_book(tmp_path: Path) -> None:
    pytest.importorskip("simplemma")
    book = tmp_path / "carte.txt"
    book.write_text("\n".join([COOKING] * 3), encoding="utf-8")
    done = rotools("books", book, "--out", tmp_path / "out.jsonl", "--no-ocr", "--max-ram", "150M")
    assert "1 of 1 books" in done.stderr
    assert "needs more memory than --max-ram allows" in done.stderr and "hint: raise --max-ram" in done.stderr
    assert results(tmp_path) == 1


def test_words_of_the_lists_are_not_doubtful() -> None:
    more = _rotext.BookJudge(words=["zarzavaturile"], english=["browser"])
    text = "Un browser, zarzavaturile și bactcriile"
    marked = [text.encode()[a:z].decode() for a, z in _rotext.doubtful(text, more)]
    assert marked == ["bactcriile"]
    assert len(_rotext.doubtful(text)) == 3


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


@pytest.mark.parametrize("language", ["zh", "ja", "th"])
def test_languages_without_blanks_are_refused(language: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("老磨坊在河边。" * 40, encoding="utf-8")
    told = rotools("books", tmp_path / "a.txt", "--out", tmp_path / "o.jsonl", "--language", language, code=2)
    assert (
        f"books in '{language}' cannot be judged" in told.stderr
        and "hint: leave these books out" in told.stderr
    )
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ka", "ძველი ხიდი სოფლის ბოლოს იდგა. ბავშვები ზაფხულში იქ თამაშობდნენ. მოხუცები ჩრდილში ისხდნენ."),
        ("de", "Die Ein- und Ausgänge der Halle sind im Winter zu. Nur die Vor- und Nachmittage bleiben frei, sagt der Wirt."),
        ("ca", "La il·lusió de la col·lectivitat era una novel·la, i l’alumna intel·ligent la va llegir al carrer."),
        ("en", "In the 1840s the 12th miller—a widower—sold the mill, and his 2nd son left for the sea in the 1860s."),
        ("fr", "Il a pris le train,sans bagages,vers la mer,où son frère l’attendait.Le 19e jour il a écrit,puis plus rien."),
    ],
)  # fmt: skip
def test_clean_books_of_other_languages_are_kept(language: str, text: str, tmp_path: Path) -> None:
    assert read("\n".join([text] * 30), tmp_path, language=language)[0]["kept"] == 1


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
    assert "invalid value 'xx'" in told.stderr and "hint: use one of" in told.stderr


def page(score: float, tokens: int) -> dict[str, object]:
    return {"action": "keep", "score": score, "measures": {"tokens": tokens, "stops": 0, "astray": 0}}


def test_a_short_page_does_not_decide() -> None:
    """The table of contents of a leaflet, and two pages of prose."""
    leaflet = {"pages": [page(0.5, 30), page(0.95, 300), page(0.96, 300)], "wanting": 0}
    assert judge(leaflet)["action"] == "keep"
    spoiled = {"pages": [page(0.5, 250), page(0.95, 300), page(0.96, 300)], "wanting": 0}
    assert judge(spoiled)["rule"] == "score"
