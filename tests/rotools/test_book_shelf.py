"""A shelf as people have it: every file is counted, names of any bytes, books of other languages, failures from outside."""

import contextlib
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rotools_program import rotools

from rotools import InputError, ResourceError, _rotext, jsonl
from rotools.books import decisions, process
from rotools.books.language import foreign
from rotools.books.run import Options, Screen, read_books
from rotools.books.shelf import find_books
from rotools.files import shown

STORY = [
    "În prag de toamnă, pădurarul își repara căruța, iar fetele lui adunau nuci sub streașina casei.",
    "Spre seară s-a auzit clopotul de la mănăstire și toată valea a tăcut pentru câteva clipe.",
    "Nimeni nu știa încă dacă podul avea să reziste până la venirea iernii, dar oamenii sperau.",
]


def read(folder: Path, out: Path, **options: object) -> dict[str, object]:
    settings_ = {"workers": 1, "ocr": False, "seconds": 60.0, **options}
    return read_books([folder], out, Options(**settings_), Screen())  # type: ignore[arg-type]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "raft"
    folder.mkdir()
    (folder / "poveste.txt").write_text("\n".join(STORY), encoding="utf-8")
    return folder


def test_every_file_is_counted_by_its_ending(shelf: Path, tmp_path: Path) -> None:
    for name in (
        "a.lit",
        "b.chm",
        "c.CHM",
        "coperta.jpg",
        "LISEZMOI",
        "d.odt",
        "~$poveste.docx",
        ".DS_Store",
        "Thumbs.db",
    ):
        (shelf / name).write_bytes(name.encode())
    (shelf / "__MACOSX").mkdir()
    (shelf / "__MACOSX" / "x.txt").write_text("x")
    out = tmp_path / "o.jsonl"
    done = rotools("books", shelf, "--out", out, "--no-ocr")
    assert "1 of 5 books; not read: .chm 2, .jpg 1, .lit 1, .odt 1, without ending 1" in done.stderr
    result = json.loads(rotools("books", shelf, "--out", out, "--no-ocr", "--json").stdout)
    assert result["unread"] == {".chm": 2, ".jpg": 1, ".lit": 1, ".odt": 1, "without ending": 1}
    assert result["ignored"] == 3
    found = {
        name: _rotext.why(result["ledger"], name)["rows"][-1]["rule"]
        for name in ("a.lit", "d.odt", "~$poveste.docx")
    }
    assert found == {"a.lit": "unknown-format", "d.odt": "unreadable", "~$poveste.docx": "no-book"}
    assert _rotext.why(result["ledger"], "d.odt")["rows"][0]["rule"].startswith(
        "reason: the zip file is damaged"
    )


def test_the_output_of_a_run_is_no_book(shelf: Path) -> None:
    read(shelf, shelf / "o.jsonl")
    summary = read(shelf, shelf / "p.jsonl")
    assert summary["books"] == 1 and summary["unread"] == {".jsonl": 1, ".parquet": 1}
    assert not find_books([shelf], shelf / "p.jsonl").others[0].id.startswith("p.")


def test_a_missing_program_is_named_and_the_file_is_tried_again(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "vechi.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    out = tmp_path / "o.jsonl"
    summary = read(shelf, out)
    assert summary["dropped"] == {"needs-program": 1} and summary["unread"] == {".doc": 1}
    assert summary["missing"] == {
        "a .doc file needs antiword, catdoc or LibreOffice": "sudo apt-get install antiword"
    }
    program = programs / "antiword"
    story = "\\n".join(STORY)
    program.write_text(f"#!/bin/sh\nprintf '%b' '{story} Sfârșit.'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    assert read(shelf, out)["kept"] == 2


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_names_of_any_bytes(shelf: Path, tmp_path: Path) -> None:
    strange = [b"c\xe3r\xfei.txt", "linie\u2028nou\u0103\x85.txt".encode(), b"a\\xe3.txt", "ă\n.txt".encode()]
    for number, name in enumerate(strange):
        with open(os.path.join(os.fsencode(shelf), name), "wb") as file:
            file.write("\n".join([*STORY, f"Capitolul al {number + 2}-lea."]).encode())
    out = tmp_path / "o.jsonl"
    summary = read(shelf, out)
    assert summary["kept"] == 5
    records = [value for _, value in jsonl.read(out)]
    ids = [record["id"] for record in records]
    assert {"c\\xe3r\\xfei.txt", "a\\\\xe3.txt", "linie\u2028nouă\x85.txt"} < set(ids)
    for record in records:
        about = {"digest": record["book"]["sha256"], "id": record["id"], "verdict": "drop"}
        decisions.append(out, about)
    assert len(decisions.read(out)) == 5
    assert read(shelf, out)["kept"] == 0
    assert rotools("books", shelf, "--out", out, "--no-ocr").returncode == 0
    assert rotools("review", out, "--static").returncode == 0


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_shown_names_can_be_turned_back(name: bytes) -> None:
    text = shown(os.fsdecode(name))
    text.encode()
    back = text.encode("latin-1", "backslashreplace") if text.isascii() else None
    if back is not None:
        assert back.decode("unicode_escape").encode("latin-1") == name


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Жили-были дед и баба, и была у них курочка. " * 8, "another script"),
        ("Μια φορά κι έναν καιρό ήταν ένας βασιλιάς. " * 8, "another script"),
        ("从前有一个国王住在山上的城堡里。" * 12, "another script"),
        ("היה היה פעם מלך זקן ולו שלוש בנות. " * 8, "another script"),
        ("Once upon a time there was an old king who lived with his three daughters in the castle. " * 8, "english"),
        ("Il était une fois un vieux roi qui vivait avec ses trois filles dans le château. " * 8, "french"),
    ],
)  # fmt: skip
def test_a_book_in_another_language_is_removed_first(
    text: str, language: str, shelf: Path, tmp_path: Path
) -> None:
    (shelf / "altul.txt").write_text(text, encoding="utf-8")
    summary = read(shelf, tmp_path / "o.jsonl")
    assert summary["kept"] == 1 and summary["dropped"] == {"language": 1}
    rules = [row["rule"] for row in _rotext.why(str(summary["ledger"]), "altul.txt")["rows"]]
    assert rules == [f"language {language}", "language"]


def test_ocr_is_not_asked_for_a_book_in_another_language(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fpdf = pytest.importorskip("fpdf")
    pytest.importorskip("pypdfium2")
    pdf = fpdf.FPDF()
    pdf.set_font("Helvetica", size=11)
    line = "The miller walked to the river in the evening, because the wheel had stopped and he wanted to know why. "
    for _ in range(3):
        pdf.add_page()
        pdf.multi_cell(0, 6, line * 8, new_x="LMARGIN", new_y="NEXT")
    pdf.output(str(shelf / "mill.pdf"))
    programs = tmp_path / "bin"
    programs.mkdir()
    asked = tmp_path / "asked"
    program = programs / "tesseract"
    program.write_text(
        f"#!/bin/sh\ncase $1 in --list-langs) echo ron;; --version) echo 5;; *) echo >> {asked}; exit 1;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    result = json.loads(rotools("books", shelf, "--out", tmp_path / "o.jsonl", "--json").stdout)
    assert result["dropped"] == {"language": 1} and result["kept"] == 1 and result["wanting"] == 0
    assert not asked.exists()


def test_romanian_with_some_foreign_lines_stays() -> None:
    assert foreign("\n".join(STORY * 4) + "\nOnce upon a time there was an old king in the castle.") is None
    assert foreign("Scurt.") is None


def test_modern_words_are_kept(shelf: Path, tmp_path: Path) -> None:
    (shelf / "retea.txt").write_text(
        "Routerul verifică adresa fiecărui pachet, apoi alege interfața prin care îl trimite mai departe. Administratorul "
        "configurează firewallul, actualizează sistemul de operare și monitorizează traficul dintre servere.\n"
        "Dacă senzorul detectează o temperatură prea ridicată, microcontrolerul oprește ventilatorul și salvează parametrii.",
        encoding="utf-8",
    )
    (shelf / "spital.txt").write_text(
        "Antibioticele nu vindecă infecțiile virale, iar abuzul lor favorizează apariția bacteriilor rezistente. Pacientul "
        "diabetic își măsoară glicemia înainte de masă și își ajustează doza de insulină.\n"
        "Ecografia abdominală și tomografia completează analizele de laborator, iar chirurgul explică riscurile intervenției.",
        encoding="utf-8",
    )
    assert read(shelf, tmp_path / "o.jsonl")["kept"] == 3


def test_a_worker_that_was_killed_from_outside_is_tried_again(shelf: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    children = Path(f"/proc/{os.getpid()}/task")
    if not children.exists():
        pytest.skip("needs Linux")
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            for task in children.iterdir():
                try:
                    found = (task / "children").read_text().split()
                except OSError:
                    continue
                for child in found:
                    # A child that has ended meanwhile has no files there.
                    with contextlib.suppress(OSError):
                        if b"rotools.books.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                            os.kill(int(child), signal.SIGKILL)
                            killed.append(int(child))
                            return
            time.sleep(0.002)

    thread = threading.Thread(target=kill)
    thread.start()
    summary = read(shelf, out)
    thread.join()
    assert summary["dropped"] == {"crash": 1}
    assert read(shelf, out)["kept"] == 1


def test_a_timeout_is_not_remembered(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "o.jsonl"
    assert read(shelf, out, seconds=0.0)["dropped"] == {"timeout": 1}
    assert read(shelf, out)["kept"] == 1
    asked: list[object] = []
    monkeypatch.setattr(process.Worker, "ask", lambda *given: asked.append(given))
    assert read(shelf, out)["kept"] == 1 and not asked


def test_what_is_a_property_of_the_bytes_is_remembered(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "rupt.epub").write_bytes(b"PK\x03\x04rupt")
    out = tmp_path / "o.jsonl"
    assert read(shelf, out)["unread"] == {".epub": 1}
    monkeypatch.setattr(process.Worker, "ask", lambda *_: pytest.fail("the file was read again"))
    assert read(shelf, out)["unread"] == {".epub": 1}


def test_a_list_that_cannot_be_written_is_one_sentence(shelf: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    read(shelf, out)
    taken = tmp_path / "o.jsonl.work" / "shelf.json"
    taken.unlink()
    taken.mkdir()
    with pytest.raises(ResourceError, match=r"shelf\.json: ") as error:
        read(shelf, out)
    assert error.value.hint


def test_a_file_that_the_disk_refuses_costs_itself(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "stricat.txt").write_text("\n".join(STORY) + " Iarna.", encoding="utf-8")
    real = Path.open

    def refuse(self: Path, *given: object, **named: object) -> object:
        if self.name == "stricat.txt":
            raise OSError(5, "Input/output error")
        return real(self, *given, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    summary = read(shelf, tmp_path / "o.jsonl")
    assert summary["kept"] == 1 and summary["unread"] == {".txt": 1}
    monkeypatch.undo()
    assert read(shelf, tmp_path / "o.jsonl")["kept"] == 2


def test_lost_chapters_are_in_the_summary(shelf: Path, tmp_path: Path) -> None:
    folder = shelf / "carte.epub"
    (folder / "META-INF").mkdir(parents=True)
    (folder / "META-INF" / "container.xml").write_text('<c><rootfile full-path="p.opf"/></c>')
    items = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in "ab")
    refs = '<itemref idref="a"/><itemref idref="b"/>'
    (folder / "p.opf").write_text(f"<package><manifest>{items}</manifest><spine>{refs}</spine></package>")
    body = "".join(f"<p>{line} Acum.</p>" for line in STORY)
    (folder / "a.xhtml").write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    done = rotools("books", shelf, "--out", tmp_path / "o.jsonl", "--no-ocr")
    assert "2 of 2 books" in done.stderr and "parts, chapter-missing: 1" in done.stderr
    rows = _rotext.why(str(tmp_path / "o.jsonl.ledger.parquet"), "carte.epub")["rows"]
    assert [(row["action"], row["rule"]) for row in rows] == [("drop", "chapter-missing")]
    assert rows[0]["source"].endswith("carte.epub#b.xhtml")
    shutil.rmtree(folder)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(), max_size=8))
def test_json_lines_hold_any_text(texts: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.jsonl"
        for ascii_only in (True, False):
            lines = [json.dumps({"text": text}, ensure_ascii=ascii_only) for text in texts]
            data = "".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass")
            file.write_bytes(data)
            assert [value["text"] for _, value in jsonl.read(file)] == texts
        file.write_bytes(b'{"a": 1}\n{"a":\n')
        with pytest.raises(InputError, match=r"a\.jsonl:2: the line is not JSON"):
            list(jsonl.read(file))


def test_decisions_about_any_name_are_read_again(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    for name in ("a\u2028b", "c\x85d", "e\x1cf", "g\x0bh\x0c"):
        decisions.append(out, {"digest": name, "id": name, "verdict": "keep"})
    assert set(decisions.read(out)) == {"a\u2028b", "c\x85d", "e\x1cf", "g\x0bh\x0c"}
