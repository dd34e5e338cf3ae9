"""What `rotools books` reads on pages of PDFs: spaces, accents, letters of fonts that lie, what is shown, large initials."""

from collections.abc import Callable
from pathlib import Path

import pytest
from test_books import font, write_pdf

from rotools import _rotext
from rotools.books.worker import library

fpdf = pytest.importorskip("fpdf")
pytest.importorskip("pypdfium2")

SENTENCES = [
    "Vecina noastră a cumpărat mere și struguri din piața orașului, apoi s-a întors acasă înainte de ploaie.",
    "Câțiva copii își făceau lecțiile în bucătărie, iar fratele lor învăța să cânte la vioară și să citească note.",
    "Peste sat trecuse furtuna; gardurile căzuseră, iar oamenii strângeau țiglele împrăștiate prin curțile lor.",
    "Știința nu înaintează fără răbdare, spunea profesoara, și de aceea fiecare greșeală trebuie înțeleasă.",
    "Șoferul opri mașina lângă fântână, își șterse fruntea și întrebă dacă drumul spre cetate este deschis.",
    "Bunica ținea în cămară borcane cu dulceață, pâine proaspătă, brânză și o sticlă de oțet pentru murături.",
    "Mâine dimineață vom urca muntele, vom căuta izvorul și vom așeza cortul în poiana de sub stâncă.",
    "Judecătorul ascultă martorii, citi scrisorile și hotărî că moșia rămâne celor doi frați și surorii lor.",
    "Pescărușii țipau deasupra vaporului, marea se liniștise, iar căpitanul își scria jurnalul în cabină.",
    "Învățătoarea așteptă liniștea, apoi le arătă elevilor o hartă și îi rugă să găsească Oltul și Mureșul.",
]


def read(path: Path) -> dict[str, object]:
    """The text of a PDF and what is known about its pages, without OCR."""
    pdf = _rotext.PdfBook(path, library())
    for _ in range(pdf.pages):
        pdf.read_next()
    wanting = pdf.judge()
    result: dict[str, object] = pdf.finish([])
    result["wanting"] = wanting
    return result


def words(path: Path) -> list[str]:
    return str(read(path)["text"]).split()


def drawn(path: Path, draw: Callable[["fpdf.FPDF"], None]) -> Path:
    pdf = fpdf.FPDF(format=(150, 210))
    font(pdf)
    pdf.add_page()
    pdf.set_font("body", size=10)
    draw(pdf)
    pdf.output(str(path))
    return path


def placed(
    pdf: "fpdf.FPDF", line: str, y: float, space: float, *, inside: float = 0.0, x: float = 12.0
) -> None:
    """Draw a line word by word, or letter by letter: `space` and `inside` are the gaps between them, in em."""
    em = pdf.font_size
    for word in line.split():
        for part in word if inside else [word]:
            pdf.text(x, y, part)
            x += pdf.get_string_width(part) + inside * em
        x += (space - inside) * em


@pytest.mark.parametrize("space", [0.11, 0.15, 0.2, 0.25, 0.33, 0.6])
def test_spaces_that_are_not_drawn_are_found_by_the_gaps_of_their_line(tmp_path: Path, space: float) -> None:
    lines = [" ".join(sentence.split()[:9]) for sentence in SENTENCES]

    def draw(pdf: "fpdf.FPDF") -> None:
        for number, line in enumerate(lines):
            placed(pdf, line, 20 + 6 * number, space)

    assert words(drawn(tmp_path / "a.pdf", draw)) == " ".join(lines).split()


def test_a_gap_between_runs_is_a_space_beside_drawn_ones(tmp_path: Path) -> None:
    """Programs for offices draw the spaces inside a run, and not the one between two runs."""
    lines = [" ".join(sentence.split()[:9]) for sentence in SENTENCES]

    def draw(pdf: "fpdf.FPDF") -> None:
        for number, line in enumerate(lines):
            parts, x = line.split(), 12.0
            for run in (parts[:4], parts[4:5], parts[5:]):
                pdf.text(x, 20 + 6 * number, " ".join(run))
                x += pdf.get_string_width(" ".join(run)) + 0.24 * pdf.font_size

    assert words(drawn(tmp_path / "a.pdf", draw)) == " ".join(lines).split()


def test_letters_that_are_set_apart_stay_one_word(tmp_path: Path) -> None:
    lines = ["CUVÂNT ÎNAINTE DESPRE CĂLĂTORIE", *[" ".join(sentence.split()[:9]) for sentence in SENTENCES]]

    def draw(pdf: "fpdf.FPDF") -> None:
        placed(pdf, lines[0], 14, 0.7, inside=0.22)
        for number, line in enumerate(lines[1:]):
            pdf.text(12, 24 + 6 * number, line)

    assert words(drawn(tmp_path / "a.pdf", draw)) == " ".join(lines).split()


def test_word_spacing_loses_no_space(tmp_path: Path) -> None:
    line = b"BT /F 11 Tf %s Tw 40 %d Td (Omul vede drumul care duce spre munte) Tj ET\n"
    content = b"".join(line % (b"-1.2" if n % 2 else b"4", 500 - 20 * n) for n in range(8))
    assert (
        words(page(tmp_path / "a.pdf", content))
        == ["Omul", "vede", "drumul", "care", "duce", "spre", "munte"] * 8
    )


def page(path: Path, content: bytes, *, boxes: bytes = b"", fonts: bytes = b"/BaseFont/Helvetica") -> Path:
    """A page of 400 by 600 points that draws `content` with the fonts /F and /S (Symbol)."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]%s/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R/S 6 0 R>>>>>>" % boxes,
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1%s>>" % fonts,
        b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>",
    ]
    write_pdf(path, objects)
    return path


def test_accents_are_joined_by_their_place_wherever_they_are_drawn(tmp_path: Path) -> None:
    """Letters of Courier are 6 points wide at 10 points; the accents come after the page, 0.05 points higher."""
    plain = ["Batrana asteapta langa casa", "Padurea vanturata tacea tarziu"]
    right = ["Bătrâna așteaptă lângă casă", "Pădurea vânturată tăcea târziu"]
    marks = {"ă": b"\\001", "â": b"\\002", "ș": b"\\003"}
    lines, accents = [], []
    for row, (line, good) in enumerate(zip(plain, right, strict=True)):
        y = 500 - 14 * row
        lines.append(b"BT /F 10 Tf 40 %d Td (%s) Tj ET" % (y, line.encode()))
        accents += [
            b"BT /F 10 Tf %d %.2f Td (%s) Tj ET" % (40 + 6 * at, y + 0.05, marks[c])
            for at, c in enumerate(good)
            if c in marks
        ]
    courier = b"/BaseFont/Courier/Encoding<</Type/Encoding/Differences[1/breve/circumflex/cedilla]>>"
    path = page(tmp_path / "a.pdf", b"\n".join([*lines, *reversed(accents)]), fonts=courier)
    assert words(path) == " ".join(right).split()


def test_what_is_drawn_twice_is_read_once(tmp_path: Path) -> None:
    lines = [" ".join(sentence.split()[:8]) for sentence in SENTENCES]
    for shift in (0.0, 0.1):

        def draw(pdf: "fpdf.FPDF", shift: float = shift) -> None:
            for copy in range(2):
                for number, line in enumerate(lines):
                    pdf.text(12 + copy * shift, 20 + 6 * number, line)

        result = read(drawn(tmp_path / "a.pdf", draw))
        assert str(result["text"]).split() == " ".join(lines).split()
        assert result["left_out"]["repeated"] > 400  # type: ignore[index]


def test_only_what_the_page_shows_is_read(tmp_path: Path) -> None:
    def line(x: int, y: int, text: str) -> bytes:
        return b"BT /F 9 Tf %d %d Td (%s) Tj ET\n" % (x, y, text.encode())

    content = line(20, 300, "Pe stanga este o casa veche") + line(220, 300, "Pe dreapta este un drum")
    content += line(20, 2600, "Nimeni nu citeste randul acesta")
    for boxes, seen in (
        (b"/CropBox[0 0 200 600]", "stanga este o casa veche"),
        (b"/CropBox[200 0 400 600]", "dreapta este un drum"),
    ):
        result = read(page(tmp_path / "a.pdf", content, boxes=boxes))
        assert str(result["text"]).split() == ["Pe", *seen.split()]
        assert result["left_out"]["outside"] > 40  # type: ignore[index]


def test_signs_of_mathematics_stay(tmp_path: Path) -> None:
    """`f` of Symbol is φ. With a letter of another font after it, it is still φ."""
    rows = []
    for row in range(16):
        rows.append(
            b"BT /F 10 Tf 40 %d Td (Omul vede casa si drumul care duce spre marea noastra) Tj ET"
            % (560 - 30 * row)
        )
        rows.append(b"BT 40 %d Td" % (545 - 30 * row))
        rows += [
            b"/S 10 Tf (f) Tj /F 10 Tf (%s + ) Tj" % end for end in (b"e", b"i", b"r", b"a", b"er", b"ii")
        ] + [b"ET"]
    result = read(page(tmp_path / "a.pdf", b"\n".join(rows)))
    assert not result["repairs"] and "φe + φi + φr" in str(result["text"])
    assert str(result["text"]).count("φ") == 16 * 6


def lying(path: Path, table: dict[str, str]) -> Path:
    """A book whose font shows `table[c]` for the letter `c`."""
    pdf = fpdf.FPDF(format=(150, 210))
    pdf.set_compression(False)
    font(pdf)
    for start in range(4):
        pdf.add_page()
        pdf.set_font("body", size=10)
        pdf.multi_cell(0, 6, " ".join((SENTENCES[start:] + SENTENCES[:start]) * 2), align="L")
    pdf.output(str(path))
    data = path.read_bytes()
    for right, wrong in table.items():
        before, after = (f"> <{ord(c):04X}>\n".encode() for c in (right, wrong))
        assert before in data, "fpdf2 writes its tables in another way"
        data = data.replace(before, after)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "table",
    [
        {"ș": "[", "ț": "]"},
        {"ș": "7", "ț": "8", "ă": "9"},
        {"ă": "æ", "ș": "ø", "ț": "\ufb02"},
        {"î": "@"},
        {"ș": "º", "ț": "þ", "ă": "ã"},
    ],
)
def test_letters_that_a_font_shows_as_other_signs_are_solved(tmp_path: Path, table: dict[str, str]) -> None:
    result = read(lying(tmp_path / "a.pdf", table))
    assert str(result["text"]).split()[:80] == (" ".join(SENTENCES).split())[:80]


@pytest.mark.parametrize(
    "table", [{"ș": "\ufffd", "ț": "\ufffd"}, {"ș": " ", "ț": " "}, {"ș": "?", "ț": "?", "ă": "?"}]
)
def test_what_nobody_knows_is_doubted_and_not_guessed(tmp_path: Path, table: dict[str, str]) -> None:
    result = read(lying(tmp_path / "a.pdf", table))
    assert result["wanting"] == [0, 1, 2, 3] and not result["repairs"]


def test_an_initial_keeps_the_letters_of_its_word(tmp_path: Path) -> None:
    def draw(pdf: "fpdf.FPDF") -> None:
        pdf.set_font("body", size=34)
        pdf.text(12, 41, "V")
        indent = 12 + pdf.get_string_width("V") + 0.5
        pdf.set_font("body", size=10)
        for number, part in enumerate(["e", "cina noastră a plecat ieri la piață cu un"]):
            pdf.text(indent + number * pdf.get_string_width("e"), 32, part)
        pdf.text(indent, 36.5, "coș de nuiele și cu fiica ei, iar când s-au")
        pdf.text(indent, 41, "întors aveau brațele pline de flori și")
        for number in range(4):
            pdf.text(12, 45.5 + 4.5 * number, "toată strada le privea din spatele perdelelor, fără")

    text = " ".join(words(drawn(tmp_path / "a.pdf", draw)))
    assert text.startswith("Vecina noastră a plecat ieri la piață cu un coș de nuiele")


def test_a_capital_after_a_full_line_continues_the_sentence(tmp_path: Path) -> None:
    text = (
        "Domnul Andrei Munteanu din Brașov i-a scris domnului Vasile Olteanu că Maria și Elena merg cu Ioana la Sibiu "
        * 9
    )

    def draw(pdf: "fpdf.FPDF") -> None:
        pdf.multi_cell(0, 5, text.strip(), align="J")

    assert "\n" not in str(read(drawn(tmp_path / "a.pdf", draw))["text"])


def recognized(words: list[str]) -> str:
    """The table that tesseract would give for these words, eight on a line."""
    rows = ["level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"]
    for at, word in enumerate(words):
        line, place = divmod(at, 8)
        box = f"{100 + 200 * place}\t{100 + 60 * line}\t180\t40"
        rows.append(f"5\t1\t1\t1\t{line}\t{place}\t{box}\t95\t{word}")
    return "\n".join(rows)


def test_ocr_does_not_replace_a_page_of_foreign_names(tmp_path: Path) -> None:
    names = ["Whytlockx", "Zbrzezny", "Khwarzqy", "Szczyrkowy", "Hjaltgrimr", "Wrzszcz", "Ghwydr", "Kjøbmgt"]
    common = " ".join(SENTENCES[:4]).replace(",", "").replace(".", "").split()
    drawn_words = [
        word
        for at, word in enumerate(common)
        for word in ([word, names[at // 3 % 8]] if at % 3 == 0 else [word])
    ]

    def draw(pdf: "fpdf.FPDF") -> None:
        pdf.multi_cell(0, 6, " ".join(drawn_words), align="L")

    path = drawn(tmp_path / "a.pdf", draw)
    # OCR reads some names as words that it knows; then all words otherwise, because the layer was wrong.
    for number, (read_as, kept) in enumerate([("casa", True), ("", False)]):
        pdf = _rotext.PdfBook(path, library())
        pdf.read_next()
        assert pdf.judge() == [0]
        other = " ".join(SENTENCES[5:]).replace(",", "").replace(".", "").split()
        same = [read_as if word in names and at % 2 else word for at, word in enumerate(drawn_words)]
        pdf.recognized(0, recognized([other, same][kept]), 300.0, 3000, False)
        result = pdf.finish([])
        assert (result["pages"][0]["action"] != "ocr") == kept, number
