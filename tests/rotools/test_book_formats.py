"""Readers of books without pages: real files of each format, made here, and what must come out of them."""

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotools.books import formats
from rotools.books.formats.story import Story
from rotools.books.formats.xml import parse
from rotools.books.texts import Text

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def rows(text: Text) -> dict[str, int]:
    """What the ledger says of the parts, by rule."""
    return {part.rule: part.value for part in text.parts}


# --- DOCX


def run(text: str, properties: str = "") -> str:
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def para(inside: str, properties: str = "") -> str:
    return f"<w:p>{properties}{inside}</w:p>"


def docx(
    path: Path, body: str, *, namespace: str = W, parts: dict[str, tuple[str, str]] | None = None
) -> Path:
    """A document with this body. `parts`: the content and the kind of relationship of other parts, by name."""
    spaces = (
        f'xmlns:w="{namespace}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
        f'xmlns:r="{OFFICE}" xmlns:x="urn:alt"'
    )
    parts = parts or {}
    related = "".join(
        f'<Relationship Id="r{at}" Type="{OFFICE}/{kind}" Target="{name}"/>'
        for at, (name, (_, kind)) in enumerate(parts.items())
    )
    package = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "_rels/.rels",
            f'{package}<Relationship Id="a" Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        )
        archive.writestr("word/_rels/document.xml.rels", f"{package}{related}</Relationships>")
        archive.writestr(
            "word/document.xml",
            f'<?xml version="1.0"?><w:document {spaces}><w:body>{body}</w:body></w:document>',
        )
        for name, (content, _) in parts.items():
            archive.writestr(f"word/{name}", content.replace("SPACES", spaces))
    return path


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (para(run("Am ") + f"<w:ins>{run('mai')}</w:ins>" + "<w:del><w:r><w:delText>nu</w:delText></w:r></w:del>" + run(" scris.")), "Am mai scris."),
        (para(f"<w:moveFrom>{run('Rândul mutat.')}</w:moveFrom>") + para(f"<w:moveTo>{run('Rândul mutat.')}</w:moveTo>"), "Rândul mutat."),
        (para(run("Capul "), "<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>") + para(run("frazei.")), "Capul frazei."),
        (f"<w:sdt><w:sdtPr><w:alias w:val='titlu'/></w:sdtPr><w:sdtContent>{para(run('Din casetă.'))}</w:sdtContent></w:sdt>", "Din casetă."),
        (para(run("La ") + f"<w:sdt><w:sdtContent>{run('Brăila')}</w:sdtContent></w:sdt>" + run(" vara.")), "La Brăila vara."),
        (para(f"<w:smartTag><w:smartTag>{run('Iași')}</w:smartTag></w:smartTag><w:customXml>{run(' și Huși')}</w:customXml>"), "Iași și Huși"),
        (para(f"<w:hyperlink>{run('o legătură')}</w:hyperlink><w:fldSimple w:instr='REF a'>{run(' spre cap. 2')}</w:fldSimple>"), "o legătură spre cap. 2"),
        (para("<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGEREF x</w:instrText></w:r>" + run("ascuns")
              + "<w:r><w:fldChar w:fldCharType='separate'/></w:r>" + run("pagina 8") + "<w:r><w:fldChar w:fldCharType='end'/></w:r>"), "pagina 8"),
        (para("<w:r><w:fldChar w:fldCharType='begin'/></w:r>") + para(run("Un câmp fără sfârșit.")), "Un câmp fără sfârșit."),
        (para(run("unu") + "<w:r><w:tab/></w:r>" + run("doi") + "<w:r><w:br/></w:r>" + run("trei") + "<w:r><w:noBreakHyphen/></w:r>" + run("pa") + "<w:r><w:softHyphen/></w:r>" + run("tru")), "unu doi\ntrei-patru"),
        (para(run("unghiul ") + "<w:r><w:sym w:font='Symbol' w:char='F061'/></w:r><w:r><w:sym w:font='Arial' w:char='021B'/></w:r>"), "unghiul αț"),
        (para("<w:r><w:ruby><w:rt><w:r><w:t>sus</w:t></w:r></w:rt><w:rubyBase>" + run("jos") + "</w:rubyBase></w:ruby></w:r>"), "jos"),
        (para("<m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath>"), "a/b"),
        (para(run("văzut") + run("nevăzut", "<w:rPr><w:vanish/></w:rPr>") + run(" tot", "<w:rPr><w:vanish w:val='0'/></w:rPr>")), "văzut tot"),
    ],
)  # fmt: skip
def test_docx_has_the_text_that_word_shows(body: str, wanted: str, tmp_path: Path) -> None:
    assert formats.read(docx(tmp_path / "a.docx", body)).text == wanted
    strict = formats.read(docx(tmp_path / "b.docx", body, namespace=STRICT))
    assert strict.text == wanted


def table(*lines: list[tuple[str, str]]) -> str:
    """A table of cells: (content, properties)."""
    cells = (
        "".join(f"<w:tc><w:tcPr>{about}</w:tcPr>{inside}</w:tc>" for inside, about in line) for line in lines
    )
    return "<w:tbl>" + "".join(f"<w:tr>{line}</w:tr>" for line in cells) + "</w:tbl>"


def test_docx_tables_are_read_once(tmp_path: Path) -> None:
    span, first, next_ = "<w:gridSpan w:val='3'/>", "<w:vMerge w:val='restart'/>", "<w:vMerge/>"
    body = table(
        [(para(run("Cap de tabel")), span)],
        [(para(run("stânga")), first), (para(run("unu")), "")],
        [(para(run("stânga")), next_), (para(run("doi")), "")],
        [(table([(para(run("adânc")), "")]) + para(""), ""), (para(run("lângă")), "")],
        [(para(run("Primul.")) + para(run("Al doilea.")), ""), (para(run("Alături.")), "")],
    )
    text = formats.read(docx(tmp_path / "a.docx", body))
    lines = ["Cap de tabel", "stânga unu", "doi", "adânc lângă", "Primul.", "Al doilea.", "Alături."]
    assert text.text.split("\n") == lines
    assert rows(text) == {"left-out merged-cell": 6}


def test_docx_text_boxes_are_read_once(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{para(run('În chenar.'))}</w:txbxContent>"
    drawn = f"<w:drawing><wp:anchor><wp:posOffset>914400</wp:posOffset><wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></wp:anchor></w:drawing>"
    old = f"<w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict>"
    both = f"<mc:AlternateContent><mc:Choice>{drawn}</mc:Choice><mc:Fallback>{old}</mc:Fallback></mc:AlternateContent>"
    only = f"<mc:AlternateContent><mc:Choice><w:drawing/></mc:Choice><mc:Fallback>{old}</mc:Fallback></mc:AlternateContent>"
    for inside in (both, old, drawn, only):
        text = formats.read(
            docx(tmp_path / "a.docx", para(run("Înainte") + f"<w:r>{inside}</w:r>" + run(" și după.")))
        )
        assert text.text == "Înainte și după.\nÎn chenar.", inside
        assert not text.parts


def test_docx_notes_follow_their_paragraph(tmp_path: Path) -> None:
    def notes(kind: str, *texts: str) -> str:
        inside = "".join(
            f'<w:{kind} w:id="{at}">{para(run(text))}</w:{kind}>' for at, text in enumerate(texts, 1)
        )
        return f'<w:{kind}s SPACES><w:{kind} w:id="-1" w:type="separator">{para("")}</w:{kind}>{inside}</w:{kind}s>'

    body = para(
        run("Un cuvânt")
        + '<w:r><w:footnoteReference w:id="2"/></w:r>'
        + run(", altul")
        + '<w:r><w:endnoteReference w:id="1"/></w:r>'
        + run(".")
    ) + para(run("Mai departe."))
    parts = {
        "footnotes.xml": (notes("footnote", "Nimeni nu o cheamă.", "Din bătrâni."), "footnotes"),
        "endnotes.xml": (notes("endnote", "La sfârșit."), "endnotes"),
    }
    text = formats.read(docx(tmp_path / "a.docx", body, parts=parts))
    assert text.text.split("\n") == [
        "Un cuvânt[1], altul[2].", "[1] Din bătrâni.", "[2] La sfârșit.", "Mai departe.",
    ]  # fmt: skip
    assert rows(text) == {"left-out footnote without a mark": 16}


def test_docx_counts_what_is_not_text(tmp_path: Path) -> None:
    parts = {
        "header1.xml": (f"<w:hdr SPACES>{para(run('Antet'))}</w:hdr>", "header"),
        "comments.xml": (f"<w:comments SPACES><w:comment>{para(run('De ce?'))}</w:comment></w:comments>", "comments"),
        "in.html": ("<p>Dintr-o pagină.</p>", "aFChunk"),
        "in.bin": ("...", "aFChunk"),
    }  # fmt: skip
    body = para(run("Rămâne.")) + "<x:y>necunoscut</x:y><w:altChunk r:id='r2'/><w:altChunk r:id='r3'/>"
    text = formats.read(docx(tmp_path / "a.docx", body, parts=parts))
    assert text.text == "Rămâne.\nDintr-o pagină."
    assert rows(text) == {
        "left-out header": 5, "left-out comments": 5, "left-out <y>": 10, "inserted-file-unread": 1,
    }  # fmt: skip


def test_docx_numbers_of_lists_are_text(tmp_path: Path) -> None:
    def level(at: int, form: str, text: str) -> str:
        return f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'

    levels = level(0, "upperRoman", "Cap. %1.") + level(1, "lowerLetter", "%2)") + level(2, "bullet", "•")
    numbering = (
        f'<w:numbering SPACES><w:abstractNum w:abstractNumId="7">{levels}</w:abstractNum>'
        '<w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num></w:numbering>'
    )
    styles = '<w:styles SPACES><w:style w:styleId="T"><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr></w:style></w:styles>'

    def item(text: str, at: int) -> str:
        about = f'<w:pPr><w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="3"/></w:numPr></w:pPr>'
        return para(run(text), about)

    body = (
        para(run("Pâinea"), '<w:pPr><w:pStyle w:val="T"/></w:pPr>')
        + item("grâul", 1) + item("moara", 1) + item("punct", 2) + item("Vinul", 0) + item("via", 1)
    )  # fmt: skip
    parts = {"numbering.xml": (numbering, "numbering"), "styles.xml": (styles, "styles")}
    assert formats.read(docx(tmp_path / "a.docx", body, parts=parts)).text.split("\n") == [
        "Cap. I. Pâinea", "a) grâul", "b) moara", "punct", "Cap. II. Vinul", "a) via",
    ]  # fmt: skip


def test_docx_signs_of_fonts_are_characters(tmp_path: Path) -> None:
    fonts = "<w:rPr><w:rFonts w:ascii='Symbol'/></w:rPr>"
    text = formats.read(
        docx(tmp_path / "a.docx", para(run("\uf062", fonts) + run(" și ") + run("\uf0b3", fonts)))
    )
    assert text.text == "β și ≥" and not text.parts


def test_docx_symbols_that_are_not_known_are_counted(tmp_path: Path) -> None:
    text = formats.read(
        docx(tmp_path / "a.docx", para("<w:r><w:sym w:font='Webdings' w:char='F021'/></w:r>"))
    )
    assert text.text == "\ufffd" and rows(text) == {"unknown-symbol Webdings": 1}


# --- EPUB


def epub(
    path: Path, chapters: dict[str, bytes | str], *, opf: str = "", extra: str = "", spine: str | None = None
) -> Path:
    """A book of these chapters, in their order."""
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in chapters)
    refs = "".join(f'<itemref idref="{n}"/>' for n in chapters) if spine is None else spine
    package = opf or (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f"{items}{extra}</manifest><spine>{refs}</spine></package>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container xmlns="c"><rootfile full-path="O/p.opf"/></container>'
        )
        archive.writestr("O/p.opf", package)
        for name, content in chapters.items():
            archive.writestr(f"O/{name}", content)
    return path


def page(body: str, head: str = "<title>t</title>") -> str:
    return f'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head>{head}</head><body>{body}</body></html>'


@pytest.mark.parametrize(
    "content",
    [
        page("<p>Toamna</p><p>vine</p>"),
        page("<p>Toamna</p><p>vine</p>", "<title/>"),
        page("<script/><p>Toamna</p><iframe/><p>vine</p>", "<script src='a.js'/><style/>"),
        page("<p><![CDATA[Toamna]]></p><p>vine</p>"),
        page("<p>&nbsp;Toamna&shy;</p><p>vin&#101;</p>").replace("&shy;", ""),
        '<!DOCTYPE html PUBLIC "a" "b" [<!ENTITY t "Toamna">]>' + page("<p>&t;</p><p>vine</p>").partition("?>\n")[2],
        "\n\n" + page("<p>Toamna</p><p>vine</p>"),
        page("<p>Toamna</p><p>vine</p>").encode("utf-16"),
        # Not well-formed: read as HTML, where a title that closes itself would take the rest.
        page("<p>Toamna<br></p><p>vine</p>", "<title/>"),
        page("<p>Toamna <b>vine</p>", "<title/>").replace(" <b>", "</p><p>"),
    ],
)  # fmt: skip
def test_epub_chapters_are_whole(content: str | bytes, tmp_path: Path) -> None:
    text = formats.read(epub(tmp_path / "a.epub", {"c.xhtml": content}))
    assert text.text.replace("\xa0", " ").split("\n") in (["Toamna", "vine"], [" Toamna", "vine"])
    assert set(rows(text)) <= {"read-as-html"}


def test_epub_names_are_found(tmp_path: Path) -> None:
    content = page("<p>Aici.</p>")
    for href, name in (("Cap.xhtml", "cap.XHTML"), ("a%20b.xhtml#x", "a b.xhtml"), ("../O/c.xhtml", "c.xhtml"),
                       ("ș\u0103.xhtml", "ș" + "a\u0306" + ".xhtml")):  # fmt: skip
        opf = f'<package><manifest><item id="i" href="{href}" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="i"/></spine></package>'
        assert formats.read(epub(tmp_path / "a.epub", {name: content}, opf=opf)).text == "Aici.", href


def test_epub_only_documents_are_text_and_lost_chapters_are_named(tmp_path: Path) -> None:
    extra = (
        '<item id="p" href="p.jpg" media-type="image/jpeg" fallback="q"/>'
        '<item id="q" href="c.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="s" href="s.css" media-type="text/css"/><item id="n" href="n.ncx" media-type="application/x-dtbncx+xml"/>'
        '<item id="l" href="lost.xhtml" media-type="application/xhtml+xml"/>'
    )
    spine = "".join(
        f'<itemref idref="{n}"/>' for n in ("p", "s", "n", "l", "nowhere", "c.xhtml", "bad.xhtml")
    )
    chapters: dict[str, str | bytes] = {
        "c.xhtml": page("<p>Text.</p><svg><text>desen</text></svg>"),
        "bad.xhtml": page("<p>Învățătorul și fântâna țărănească așteptau mâine</p>")
        .encode()
        .replace(b"a", b"\x96", 1),
        "p.jpg": b"\xff\xd8\xff",
    }
    text = formats.read(epub(tmp_path / "a.epub", chapters, extra=extra, spine=spine))
    assert "Text." in text.text and "JFIF" not in text.text and "Ä" not in text.text
    drops = [(part.rule, part.where) for part in text.parts if part.action == "drop"]
    assert drops == [("chapter-missing", "O/lost.xhtml"), ("chapter-not-in-manifest", "nowhere")]
    assert rows(text)["bad-bytes"] == 1 and rows(text)["left-out svg"] == 5
    assert [part.where for part in text.parts if part.rule == "no-text-in-spine"] == [
        "s.css text/css", "n.ncx application/x-dtbncx+xml",
    ]  # fmt: skip


def test_epub_without_a_spine_and_damaged_packages(tmp_path: Path) -> None:
    chapters: dict[str, str | bytes] = {"b.xhtml": page("<p>Întâi.</p>"), "a.xhtml": page("<p>Apoi.</p>")}
    text = formats.read(epub(tmp_path / "a.epub", chapters, spine=""))
    assert text.text == "Întâi.\n\nApoi." and rows(text) == {"empty-spine": 1}
    items = "".join(f'<item id="{n}" href="{n}" media-type="text/html"/>' for n in chapters)
    broken = f"\n<package><metadata><t>A & B</t></metadata><manifest>{items}</manifest></package>"
    text = formats.read(epub(tmp_path / "b.epub", chapters, opf=broken))
    assert text.text == "Întâi.\n\nApoi." and "package-repaired" in rows(text)


def test_epub_encryption_is_named(tmp_path: Path) -> None:
    path = epub(tmp_path / "a.epub", {"a.xhtml": b"\x13\x37", "b.xhtml": page("<p>Liber.</p>")})
    lock = (
        '<encryption><EncryptedData><EncryptionMethod Algorithm="aes"/><CipherData><CipherReference URI="O/{}"/>'
        "</CipherData></EncryptedData></encryption>"
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("META-INF/encryption.xml", lock.format("a.xhtml"))
    text = formats.read(path)
    assert text.text == "Liber." and rows(text) == {"chapter-encrypted": 1}
    whole = epub(tmp_path / "b.epub", {"a.xhtml": b"\x13\x37"})
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr("META-INF/encryption.xml", lock.format("a.xhtml"))
    with pytest.raises(ValueError, match="all 1 chapters are encrypted"):
        formats.read(whole)


def test_an_unpacked_epub_is_one_book(tmp_path: Path) -> None:
    path = epub(tmp_path / "a.epub", {"a.xhtml": page("<p>Dosar.</p>")})
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "carte.epub")
    assert formats.read(tmp_path / "carte.epub").text == "Dosar."


# --- the other formats


def test_html_and_xhtml(tmp_path: Path) -> None:
    (tmp_path / "a.xhtml").write_text(page("<p>Frunze</p><p>galbene</p>", "<title/>"), encoding="utf-8")
    (tmp_path / "b.html").write_text(
        "<meta charset='utf-16'><nav>Meniu</nav><p>Frunze<p>galbene", encoding="utf-8"
    )
    for name in ("a.xhtml", "b.html"):
        assert formats.read(tmp_path / name).text == "Frunze\ngalbene"
    assert rows(formats.read(tmp_path / "b.html")) == {"left-out nav": 5}


def test_odt(tmp_path: Path) -> None:
    body = (
        "<text:tracked-changes><text:p>șters</text:p></text:tracked-changes>"
        "<text:h>Titlu</text:h><text:p>Un   rând<text:s text:c='2'/>cu<text:tab/>spații"
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>O notă.</text:p></text:note-body></text:note>"
        " și <text:span>coadă</text:span>.</text:p>"
        "<text:list><text:list-item><text:p>Listă</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:covered-table-cell/>"
        "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
        "<text:p>Lângă<draw:frame><draw:text-box><text:p>Chenar</text:p></draw:text-box></draw:frame> text</text:p>"
    )
    spaces = 'xmlns:office="o" xmlns:text="t" xmlns:table="tb" xmlns:draw="d"'
    with zipfile.ZipFile(tmp_path / "a.odt", "w") as archive:
        archive.writestr(
            "content.xml",
            f"<office:d {spaces}><office:body><office:text>{body}</office:text></office:body></office:d>",
        )
    text = formats.read(tmp_path / "a.odt")
    assert text.text.split("\n") == [
        "Titlu", "Un rând cu spații[1] și coadă.", "[1] O notă.", "Listă", "a b", "Lângă text", "Chenar",
    ]  # fmt: skip
    assert rows(text) == {"left-out tracked-deletion": 5}


def test_fb2(tmp_path: Path) -> None:
    book = (
        '<?xml version="1.0" encoding="windows-1250"?><FictionBook xmlns="f" xmlns:l="x"><description><a>Autor</a></description>'
        '<body><section><title><p>Cap</p></title><p>Țara<a l:href="#n1" type="note">1</a> mea.</p>'
        "<poem><stanza><v>Vers unu</v><v>vers doi</v></stanza></poem></section></body>"
        '<body name="notes"><section id="n1"><title><p>1</p></title><p>Nota.</p></section></body>'
        "<binary id='a'>AAAA</binary></FictionBook>"
    ).encode("cp1250", errors="xmlcharrefreplace")
    (tmp_path / "a.fb2").write_bytes(book)
    with zipfile.ZipFile(tmp_path / "b.fb2.zip", "w") as archive:
        archive.writestr("b.fb2", book)
    for name in ("a.fb2", "b.fb2.zip"):
        text = formats.read(tmp_path / name)
        assert text.text.split("\n") == ["Cap", "Țara[1] mea.", "[1] Nota.", "Vers unu", "vers doi"]
        assert rows(text) == {"left-out description": 5}


def test_rtf(tmp_path: Path) -> None:
    (tmp_path / "a.rtf").write_bytes(
        rb"{\rtf1\ansi\ansicpg1252\deff0\uc1{\fonttbl{\f0\fcharset238 Times CE;}{\f1\fcharset2 Symbol;}}{\info{\title X}}"
        rb"{\header antet}\pard \'aacoal\'e3 \u537?i \f1 a\f0 .{\super\chftn}{\footnote {\super\chftn} O not\'e3.}\par "
        rb"\trowd\intbl unu\cell doi\cell\row\pard {\deleted sters}{\v ascuns}\u-10179?\u-8704? \{da\}\par"
        rb"{\shp{\*\shpinst{\sp{\sn n}{\sv 1}}{\shptxt \pard Chenar\par}}{\shprslt vechi}}{\*\necunoscut nu}"
        rb"{\pict\bin4 }{}\}{\listtext 1.\tab}punct\line doi\par}"
    )
    text = formats.read(tmp_path / "a.rtf")
    lines = text.text.split("\n")
    assert lines[:3] == ["Şcoală și α.[1]", "[1] O notă.", "unu doi"]
    assert lines[3] == "😀 {da}" and "Chenar" in lines and lines[-2:] == ["1. punct", "doi"]
    assert rows(text)["left-out header"] == 5 and rows(text)["left-out tracked-deletion"] == 5
    assert "necunoscut" not in text.text and "vechi" not in text.text and "X" not in text.text


def palm(records: list[bytes]) -> bytes:
    head = b"carte".ljust(32, b"\0") + bytes(28) + b"BOOKMOBI" + bytes(8) + struct.pack(">H", len(records))
    at, table = len(head) + 8 * len(records) + 2, b""
    for number, record in enumerate(records):
        table += struct.pack(">LL", at, number)
        at += len(record)
    return head + table + b"\0\0" + b"".join(records)


def packed(text: bytes) -> bytes:
    """PalmDOC without compression, but with its three kinds of codes."""
    out = b""
    for byte in text:
        out += bytes([byte]) if 9 <= byte < 0x80 or byte == 0 else b"\x01" + bytes([byte])
    return out + b"\x80\x18"  # three bytes from three before


@pytest.mark.parametrize(("version", "encryption"), [(6, 0), (8, 0), (6, 2)])
def test_mobi(version: int, encryption: int, tmp_path: Path) -> None:
    html = "<html><head><title>T</title></head><body></body></html><p>Țara de sus</p><p>abc".encode()
    record = packed(html) + b"\x00\x82"  # one trailing entry of two bytes
    flows = b"FDST" + struct.pack(">LLLLLL", 12, 2, 0, len(html) + 3, len(html) + 3, len(html) + 9)
    head = struct.pack(">HHLHHHH", 2, 0, len(html) + 3, 1, 4096, encryption, 0) + b"MOBI"
    head += struct.pack(">5L", 0xE8, 2, 65001, 1, version)
    head = head.ljust(0xC0, b"\0") + struct.pack(">LL", 2, 2)
    head = head.ljust(0xF2, b"\0") + struct.pack(">H", 2)
    (tmp_path / "a.azw3").write_bytes(palm([head, record, flows]))
    if encryption:
        with pytest.raises(ValueError, match="DRM"):
            formats.read(tmp_path / "a.azw3")
        return
    text = formats.read(tmp_path / "a.azw3")
    assert text.text.split("\n") == ["Țara de sus", "abcabc"] and not text.parts


def test_mobi_with_huffman_codes(tmp_path: Path) -> None:
    """Each byte is a phrase with a code of eight bits; one phrase is made of two codes."""
    html = "<p>măr și pară</p>".encode()
    phrases = [bytes([code]) for code in range(255)] + [bytes([ord("m"), ord("a")])]
    lengths = [0x8000 | 1] * 255 + [2]
    offsets, body = [], b""
    for phrase, length in zip(phrases, lengths, strict=True):
        offsets.append(512 + len(body))
        body += struct.pack(">H", length) + phrase
    cdic = b"CDIC" + struct.pack(">LLL", 16, 256, 8) + struct.pack(">256H", *offsets) + body
    # A code of eight bits: the number of the phrase is `most - code`, so the codes count down.
    short = struct.pack(">256L", *[8 | 0x80 | 255 << 8] * 256)
    huff = (
        b"HUFF" + struct.pack(">LLL", 24, 24, 24 + 1024) + bytes(8) + short + struct.pack(">64L", *[0] * 64)
    )
    record = bytes(255 - byte for byte in html) + bytes([255 - 255])
    phrases[255] = bytes(255 - byte for byte in phrases[255])
    cdic = cdic[: -len(phrases[255])] + phrases[255]
    head = struct.pack(">HHLHHHH", 17480, 0, len(html) + 2, 1, 4096, 0, 0) + b"MOBI"
    head += struct.pack(">5L", 0xE8, 2, 65001, 1, 6)
    head = head.ljust(0x70, b"\0") + struct.pack(">LL", 2, 2)
    (tmp_path / "a.mobi").write_bytes(palm([head.ljust(0xF4, b"\0"), record, huff, cdic]))
    assert formats.read(tmp_path / "a.mobi").text == "măr și pară\nma"


def test_content_counts_more_than_the_name(tmp_path: Path) -> None:
    docx(tmp_path / "a.docx", para(run("Din Word.")))
    (tmp_path / "b.doc").write_bytes((tmp_path / "a.docx").read_bytes())
    (tmp_path / "c.doc").write_bytes(rb"{\rtf1 Din RTF.\par}")
    (tmp_path / "d.doc").write_text("<html><body><p>Din HTML.</p></body></html>", encoding="utf-8")
    assert [formats.read(tmp_path / name).text for name in ("b.doc", "c.doc", "d.doc")] == [
        "Din Word.", "Din RTF.", "Din HTML.",
    ]  # fmt: skip


# --- hostile files


def test_entities_do_not_grow(tmp_path: Path) -> None:
    laughs = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 30}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    for document in (
        f'<?xml version="1.0"?><!-- <x> --><!DOCTYPE x [{laughs}]><x>&i;</x>',
        f'<!DOCTYPE x [{laughs}]><x y="&i;"/>',
    ):
        with pytest.raises(ValueError, match="not well-formed"):
            parse(document)
    root = parse(f'<!-- <x> --><!DOCTYPE x [{laughs}]><x y="&a;">&a; &lt;</x>')
    assert root.text == "ha <" and root.get("y") == "ha"
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>'
    with pytest.raises(ValueError, match="not well-formed"):
        parse(outside)
    # Openings that nothing closes are looked at once, not each to the end of the file.
    with pytest.raises(ValueError, match="not well-formed"):
        parse("<x>&amp;" + "<![CDATA[" * 200_000)


def test_a_zip_bomb_and_deep_nesting_end(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(600):
            part.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="more than 512 MB"):
        formats.read(tmp_path / "a.docx")
    deep = "<w:sdt><w:sdtContent>" * 900 + para(run("jos")) + "</w:sdtContent></w:sdt>" * 900
    assert formats.read(docx(tmp_path / "b.docx", deep)).text == "jos"
    deeper = epub(tmp_path / "c.epub", {"a.xhtml": page("<div>" * 5000 + "jos" + "</div>" * 5000)})
    text = formats.read(deeper)
    assert text.text == "jos" or rows(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_rtf_of_any_bytes_is_read(data: bytes) -> None:
    from rotools.books.formats import rtf

    rtf._Reader(b"{\\rtf1 " + data).read()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["begin_paragraph", "end_paragraph", "begin_cell", "end_cell", "begin_row", "end_row", "begin_box", "end_box", "begin_note", "end_note", "write"]), max_size=30))  # fmt: skip
def test_no_order_of_calls_loses_a_word(calls: list[str]) -> None:
    """Damaged files open and close in any order."""
    story, notes, written = Story(), 0, 0
    for number, call in enumerate(calls):
        if call == "write":
            story.write(f"<{number}>")
            written += 1
        elif call == "end_note":
            if notes:
                story.end_note()
                notes -= 1
        else:
            notes += call == "begin_note"
            getattr(story, call)()
    while notes:
        story.end_note()
        notes -= 1
    text = story.text()
    assert all(f"<{number}>" in text for number, call in enumerate(calls) if call == "write"), text
