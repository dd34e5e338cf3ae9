"""Books set by real typesetters, from plain paragraphs: pdfLaTeX (T1 and OT1, one and two columns), LibreOffice,
Chromium; and scans of them. LaTeX sets running heads, page numbers,
hyphenation and footnotes; the browser its date, title, address and page; LibreOffice none of these.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

Paragraphs = list[str]

_ACCENTS = {
    "ă": r"\u{a}", "â": r"\^{a}", "î": r"\^{\i}", "ș": r"\c{s}", "ț": r"\c{t}",
    "Ă": r"\u{A}", "Â": r"\^{A}", "Î": r"\^{I}", "Ș": r"\c{S}", "Ț": r"\c{T}",
    "„": ",,", "”": "''", "—": "---", "–": "--", "…": r"\ldots{}", "«": ",,", "»": "''", "’": "'", "é": r"\'e",
}  # fmt: skip
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "{": r"\{",
    "}": r"\}",
    **{c: "\\" + c for c in "$&#%_"},
}
_PROGRAMS = {
    "t1": "pdflatex", "ot1": "pdflatex", "columns": "pdflatex", "chromium": "chromium", "libreoffice": "soffice",
}  # fmt: skip


def missing() -> set[str]:
    """The typesetters that are not installed."""
    return {name for name, program in _PROGRAMS.items() if shutil.which(program) is None}


def _tex(text: str, accents: bool) -> str:
    table = {**_SPECIAL, **(_ACCENTS if accents else {})}
    return "".join(table.get(c, c) for c in text)


def _latex(
    paragraphs: Paragraphs, folder: Path, name: str, *, accents: bool, columns: bool, preamble: str = ""
) -> Path:
    head = r"\documentclass[10pt,twoside" + (",twocolumn" if columns else "") + "]{book}"
    encoding = r"\usepackage[OT1]{fontenc}" if accents else r"\usepackage[T1]{fontenc}\usepackage{lmodern}"
    source = [head, encoding, r"\usepackage[utf8]{inputenc}", r"\usepackage[romanian]{babel}", r"\sloppy"]
    source += [
        r"\usepackage[a5paper,margin=18mm]{geometry}"
        if not columns
        else r"\usepackage[a4paper,margin=20mm]{geometry}"
    ]
    source += [preamble, r"\pagestyle{headings}\begin{document}\tolerance=2000 "]
    for number, paragraph in enumerate(paragraphs):
        if number % 60 == 0:
            source.append("\\chapter{" + _tex(chapter(number), accents) + "}")
        text = _tex(paragraph, accents)
        if note(number):
            text = text.rstrip() + "\\footnote{" + _tex(note(number), accents) + "}"
        source.append(text + "\n\n")
    source.append(r"\end{document}")
    (folder / f"{name}.tex").write_text("\n".join(source), encoding="utf-8")
    for _ in range(2):
        command = ["pdflatex", "-interaction=batchmode", f"{name}.tex"]
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, timeout=280)
    return folder / f"{name}.pdf"


def remapped(paragraphs: Paragraphs, folder: Path, name: str, codes: dict[str, str]) -> Path:
    """A book whose glyphs look right and whose ToUnicode table gives `codes` (glyph name: hexadecimal code)."""
    # The font's own ș and ț, which it calls by the cedilla: set with commas below they are two glyphs.
    paragraphs = [paragraph.translate(str.maketrans("șțȘȚ", "şţŞŢ")) for paragraph in paragraphs]
    table = "".join(f"\\pdfglyphtounicode{{{glyph}}}{{{code}}}" for glyph, code in codes.items())
    preamble = r"\input glyphtounicode \pdfgentounicode=1 " + table
    return _latex(paragraphs, folder, name, accents=False, columns=False, preamble=preamble)


def chapter(number: int) -> str:
    """The title of the chapter that paragraph `number` begins."""
    words = [
        "Plecarea",
        "Întoarcerea",
        "Țara",
        "Casa de pe deal",
        "Ștefan",
        "Noaptea",
        "Drumul",
        "Vânătoarea",
    ]
    return words[number // 60 % len(words)]


def note(number: int) -> str:
    """The footnote at the end of paragraph `number`, if it has one."""
    notes = [
        "Cuvânt vechi, astăzi uitat.", "Așa se spunea pe atunci boierilor de la țară.", "Vezi și capitolul următor.",
        "Nume de sat.", "Turcii numeau astfel pe cei care strângeau birul.", "După cronica veche, în anul acela.",
    ]  # fmt: skip
    return notes[number // 23 % len(notes)] if number % 23 == 11 else ""


def _html(paragraphs: Paragraphs) -> str:
    rows = []
    for number, paragraph in enumerate(paragraphs):
        if number % 60 == 0:
            rows.append(f"<h1>{chapter(number)}</h1>")
        escaped = paragraph.replace("&", "&amp;").replace("<", "&lt;")
        rows.append(f"<p>{escaped}</p>")
    style = (
        "@page{size:148mm 210mm;margin:18mm} p{text-align:justify;text-indent:1.5em;margin:0;hyphens:auto;"
        "font:11pt 'Liberation Serif',serif} h1{break-before:page}"
    )
    return f'<!doctype html><html lang="ro"><meta charset="utf-8"><style>{style}</style>' + "\n".join(rows)


def _chromium(paragraphs: Paragraphs, folder: Path, name: str) -> Path:
    (folder / f"{name}.html").write_text(_html(paragraphs), encoding="utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={folder / name}.pdf", (folder / f"{name}.html").as_uri(),
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=280)
    return folder / f"{name}.pdf"


def _libreoffice(paragraphs: Paragraphs, folder: Path, name: str) -> Path:
    (folder / f"{name}.html").write_text(_html(paragraphs), encoding="utf-8")
    command = [
        "soffice", f"-env:UserInstallation={(folder / 'office').as_uri()}", "--headless",
        "--convert-to", "pdf", "--outdir", str(folder),
        str(folder / f"{name}.html"),
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=280)
    return folder / f"{name}.pdf"


SETTERS: dict[str, Callable[[Paragraphs, Path, str], Path]] = {
    "t1": lambda text, folder, name: _latex(text, folder, name, accents=False, columns=False),
    "ot1": lambda text, folder, name: _latex(text, folder, name, accents=True, columns=False),
    "columns": lambda text, folder, name: _latex(text, folder, name, accents=False, columns=True),
    "chromium": _chromium,
    "libreoffice": _libreoffice,
}


def scan(pdf: Path, out: Path, *, pages: int, dpi: int = 300, skew: float = 0.0, noise: float = 0.0) -> Path:
    """The first pages of `pdf` as pictures in a new PDF: turned by `skew` degrees, with grains and soft edges."""
    import pypdfium2
    from PIL import Image, ImageFilter

    document = pypdfium2.PdfDocument(pdf)
    pictures = []
    for number in range(min(pages, len(document))):
        picture = document[number].render(scale=dpi / 72, grayscale=True).to_pil().convert("L")
        picture = picture.rotate(skew, fillcolor=255, resample=Image.Resampling.BICUBIC)
        if noise:
            grains = Image.effect_noise(picture.size, 60 * noise).convert("L")
            picture = Image.blend(picture, grains, 0.12 * noise).filter(ImageFilter.GaussianBlur(0.6 * noise))
        pictures.append(picture)
    pictures[0].save(out, "PDF", resolution=dpi, save_all=True, append_images=pictures[1:])
    return out


def plain(text: str) -> str:
    """Text with the letters that every typesetter can draw, one paragraph a line."""
    text = text.translate(str.maketrans("şţŞŢ’ǐĭŭ", "șțȘȚ'iiu"))
    good = re.compile(r"[^ -;=?-~ăâîșțĂÂÎȘȚ„”—–…«»é\n]")
    return good.sub("", re.sub(r"[ \t]+", " ", text))
