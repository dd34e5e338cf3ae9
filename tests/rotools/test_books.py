"""`rotools books` on real files that a Python library makes: no program from outside is needed."""

import json
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from rotools_program import rotools

from rotools import _rotext
from rotools.books import decisions
from rotools.books.run import Options, Screen, read_books
from rotools.books.verdict import judge

fpdf = pytest.importorskip("fpdf")
pytest.importorskip("pypdfium2")

PARAGRAPHS = [
    "Omul mergea pe drumul cel lung care duce spre munte, fără să se uite nici la dreapta, nici la stânga, și se gândea "
    "la cele ce avea să spună când va ajunge acasă, unde îl aștepta toată lumea.",
    "— Bună ziua, zise bătrânul care ședea pe bancă, la poarta casei sale.",
    "Nu-i răspunse nimeni; s-au uitat unii la alții, apoi într-o clipă au plecat cu toții înspre pădure, ca și cum ar fi "
    "fost chemați acolo de o putere care era mai mare decât voința lor.",
]
FONTS = Path("/usr/share/fonts/truetype")


def run(folder: Path, out: Path, **options: object) -> dict[str, object]:
    settings = {"workers": 1, "ocr": False, "seconds": 60.0, **options}
    return read_books([folder], out, Options(**settings), Screen())  # type: ignore[arg-type]


def records(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def font(pdf: "fpdf.FPDF") -> None:
    """A font with Romanian letters: Matplotlib-free, the one that fpdf2's tests and Debian both know."""
    found = sorted(FONTS.rglob("DejaVuSans.ttf")) + sorted(FONTS.rglob("LiberationSerif-Regular.ttf"))
    if not found:
        pytest.skip("no font with Romanian letters (apt-get install fonts-dejavu-core)")
    pdf.add_font("body", fname=found[0])


def book(path: Path, pages: int = 6, **more: str) -> Path:
    """A novel with a running head, page numbers, and justified paragraphs whose first lines are indented."""

    class Novel(fpdf.FPDF):
        def header(self) -> None:
            self.set_font("body", size=8)
            self.cell(0, 5, "Drumul spre munte" if self.page_no() % 2 else "Un autor", align="C")
            self.ln(14)

        def footer(self) -> None:
            self.set_y(-15)
            self.set_font("body", size=8)
            self.cell(0, 5, str(self.page_no() + 4), align="C")

    pdf = Novel(format="A5")
    font(pdf)
    for _ in range(pages):
        pdf.add_page()
        pdf.set_font("body", size=11)
        for paragraph in PARAGRAPHS:
            pdf.multi_cell(0, 5.5, "\u2003" + paragraph, align="J")
            pdf.ln(0)
    if "password" in more:
        pdf.set_encryption(owner_password="x", user_password=more["password"])
    pdf.output(str(path))
    return path


def raw_pdf(path: Path, content: bytes, *, pages: int = 1, packed: bool = False) -> Path:
    """A PDF of `pages` pages that all draw `content`, with the standard font Helvetica."""
    body = zlib.compress(content) if packed else content
    kind = b"/Filter/FlateDecode" if packed else b""
    kids = b" ".join(b"%d 0 R" % (5 + page) for page in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
        b"<</Length %d%s>>stream\n%s\nendstream" % (len(body), kind, body),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]/Contents 3 0 R/Resources<</Font<</F 4 0 R>>>>>>"
    write_pdf(path, [*objects, *[leaf] * pages])
    return path


def write_pdf(path: Path, objects: list[bytes]) -> None:
    """A file of these objects, numbered from 1; the first is the catalogue."""
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, value in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj" % number + value + b"endobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    path.write_bytes(out)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def test_the_text_of_a_novel_is_recovered(shelf: Path, tmp_path: Path) -> None:
    book(shelf / "roman.pdf")
    summary = run(shelf, tmp_path / "out.jsonl")
    assert summary["kept"] == 1
    [record] = records(tmp_path / "out.jsonl")
    assert record["id"] == "roman.pdf"
    assert str(record["text"]).split("\n") == PARAGRAPHS * 6


def test_a_hostile_file_is_removed_alone_and_with_a_reason(shelf: Path, tmp_path: Path) -> None:
    whole = book(shelf / "a.pdf").read_bytes()
    (shelf / "b-cut.pdf").write_bytes(whole[:700])
    (shelf / "c-empty.pdf").write_bytes(b"")
    (shelf / "d-other.pdf").write_bytes(b"<html>nu e PDF</html>" * 50)
    book(shelf / "e-locked.pdf", password="secret")
    raw_pdf(shelf / "f-blank.pdf", b"")
    # One kilobyte that unpacks to more drawing than a worker may hold.
    bomb = zlib.compressobj(6)
    data = b"".join(bomb.compress(b"0 0 m 9 9 l S\n" * 80_000) for _ in range(1100)) + bomb.flush()
    raw_pdf(shelf / "g-bomb.pdf", b"")
    part = (
        raw_pdf(shelf / "x", b"@@@@")
        .read_bytes()
        .replace(b"<</Length 4>>", b"<</Length %d/Filter/FlateDecode>>" % len(data))
    )
    (shelf / "x").unlink()
    (shelf / "g-bomb.pdf").write_bytes(part.replace(b"@@@@", data))
    with zipfile.ZipFile(shelf / "h-broken.epub", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    summary = run(shelf, tmp_path / "out.jsonl", max_ram=1 << 30, seconds=20.0)
    assert [record["id"] for record in records(tmp_path / "out.jsonl")] == ["a.pdf"]
    for name in (
        "b-cut.pdf",
        "c-empty.pdf",
        "d-other.pdf",
        "e-locked.pdf",
        "f-blank.pdf",
        "g-bomb.pdf",
        "h-broken.epub",
    ):
        rows = _rotext.why(str(summary["ledger"]), name)["rows"]
        assert rows and rows[-1]["action"] == "drop" and rows[-1]["rule"], name


def test_two_thousand_pages(shelf: Path, tmp_path: Path) -> None:
    line = b"BT /F 12 Tf 40 500 Td (Omul mergea pe drumul cel lung care duce spre munte) Tj ET"
    raw_pdf(shelf / "lung.pdf", line, pages=2000, packed=True)
    summary = run(shelf, tmp_path / "out.jsonl")
    assert sum(summary["pages"].values()) == 2000  # type: ignore[attr-defined]


def test_same_bytes_with_any_number_of_workers_and_after_a_stop(shelf: Path, tmp_path: Path) -> None:
    for number in range(5):
        book(shelf / f"{number}.pdf", pages=2 + number)
    (shelf / "z.txt").write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    run(shelf, tmp_path / "one.jsonl", workers=1)
    run(shelf, tmp_path / "three.jsonl", workers=3)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "three.jsonl").read_bytes()
    stopped = Screen()
    stopped.stop.set()
    with pytest.raises(KeyboardInterrupt):
        read_books([shelf], tmp_path / "stopped.jsonl", Options(workers=2, ocr=False), stopped)
    assert not (tmp_path / "stopped.jsonl").exists()
    run(shelf, tmp_path / "stopped.jsonl", workers=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "stopped.jsonl").read_bytes()


def test_a_killed_run_continues_to_the_same_bytes(shelf: Path, tmp_path: Path) -> None:
    """SIGKILL at five moments; the run after them takes what is whole and makes the rest."""
    import random
    import signal
    import time

    line = b"BT /F 12 Tf 40 500 Td (Omul mergea pe drumul cel lung care duce spre munte) Tj ET"
    for number in range(6):
        raw_pdf(shelf / f"{number}.pdf", line + b"%% %d" % number, pages=150 * number + 1)
    run(shelf, tmp_path / "whole.jsonl.zst")
    out = tmp_path / "killed.jsonl.zst"
    command = [
        sys.executable, "-m", "rotools", "books", str(shelf), "--out", str(out), "--no-ocr", "--workers", "2", "--quiet"
    ]  # fmt: skip
    dice = random.Random(4)
    for _ in range(5):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.3, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    assert out.read_bytes() == (tmp_path / "whole.jsonl.zst").read_bytes()
    left = [path.name for path in tmp_path.rglob("*") if "part" in path.name or path.suffix == ".tsv"]
    assert not left


def test_a_silent_worker_loses_only_its_file(shelf: Path, tmp_path: Path) -> None:
    """A stopped process answers nothing and does not end: as one in a page that takes for ever."""
    import os
    import signal
    import threading
    import time

    book(shelf / "a.pdf", pages=1)
    (shelf / "b.txt").write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    stopped: list[int] = []

    def stop() -> None:
        while not stopped:
            for task in Path(f"/proc/{os.getpid()}/task").iterdir():
                for child in (task / "children").read_text().split():
                    if b"rotools.books.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        os.kill(int(child), signal.SIGSTOP)
                        stopped.append(int(child))
                        return
            time.sleep(0.005)

    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        pytest.skip("needs Linux")
    thread = threading.Thread(target=stop)
    thread.start()
    summary = run(shelf, tmp_path / "out.jsonl", seconds=12.0)
    thread.join()
    assert [record["id"] for record in records(tmp_path / "out.jsonl")] == ["b.txt"]
    reason, row = _rotext.why(str(summary["ledger"]), "a.pdf")["rows"]
    assert row["rule"] == "timeout" and reason["rule"].startswith("reason: no answer for 12 s")
    with pytest.raises(ProcessLookupError):
        os.kill(stopped[0], 0)


def forms(path: Path, levels: int, times: int) -> Path:
    """A page that draws a form, which draws a form `times` times, and so on: `times ** levels` lines of text."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]/Contents 4 0 R/Resources<</XObject<</X 6 0 R>>>>>>",
        b"<</Length 5>>stream\n/X Do\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for level in range(levels):
        last = level == levels - 1
        body = b"BT /F 9 Tf 9 9 Td (Omul) Tj ET" if last else b"/X Do " * times
        uses = b"<</Font<</F 5 0 R>>>>" if last else b"<</XObject<</X %d 0 R>>>>" % (level + 7)
        head = b"<</Type/XObject/Subtype/Form/BBox[0 0 400 600]/Resources%s/Length %d>>" % (uses, len(body))
        objects.append(head + b"stream\n" + body + b"\nendstream")
    write_pdf(path, objects)
    return path


def test_an_endless_page_loses_only_its_file(shelf: Path, tmp_path: Path) -> None:
    forms(shelf / "a.pdf", levels=9, times=16)
    (shelf / "b.txt").write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    summary = run(shelf, tmp_path / "out.jsonl", seconds=12.0, max_ram=1 << 30)
    assert [record["id"] for record in records(tmp_path / "out.jsonl")] == ["b.txt"]
    row = _rotext.why(str(summary["ledger"]), "a.pdf")["rows"][-1]
    assert row["action"] == "drop" and row["rule"] in ("timeout", "crash", "memory")


def test_a_book_that_was_done_is_not_read_again(shelf: Path, tmp_path: Path) -> None:
    book(shelf / "a.pdf")
    out = tmp_path / "out.jsonl"
    run(shelf, out)
    first = out.read_bytes()
    screen = Screen()
    read_books([shelf], out, Options(workers=1, ocr=False, seconds=60.0), screen)
    assert screen.pages == 0 and screen.books == 1
    assert out.read_bytes() == first


def test_columns_that_were_read_across_are_rejected(shelf: Path, tmp_path: Path) -> None:
    """Every word is right, and every line goes on elsewhere."""
    words = " ".join(PARAGRAPHS[0::2] * 80).split()
    halves = [" ".join(words[at : at + 7]) for at in range(0, len(words), 7)]
    rows = len(halves) // 2
    (shelf / "right.txt").write_text("\n".join(halves), encoding="utf-8")
    across = [f"{left} {right}" for left, right in zip(halves[:rows], halves[rows:], strict=False)]
    (shelf / "across.txt").write_text("\n".join(across), encoding="utf-8")
    summary = run(shelf, tmp_path / "out.jsonl")
    assert [record["id"] for record in records(tmp_path / "out.jsonl")] == ["right.txt"]
    [row] = _rotext.why(str(summary["ledger"]), "across.txt")["rows"]
    assert row["rule"] == "reading-order" and row["value"] > row["threshold"]


def test_a_book_that_ocr_could_not_save_does_not_ask_for_ocr() -> None:
    page = {"action": "drop", "score": 0.4, "measures": {"tokens": 200, "stops": 0, "astray": 0}}
    assert judge({"pages": [page], "wanting": 1})["rule"] == "needs-ocr"
    assert judge({"pages": [page], "wanting": 0})["rule"] == "no-text"


def test_decisions_are_replayed(shelf: Path, tmp_path: Path) -> None:
    book(shelf / "a.pdf")
    book(shelf / "b.pdf", pages=3)
    out = tmp_path / "out.jsonl"
    run(shelf, out)
    digests = {record["id"]: record["book"]["sha256"] for record in records(out)}  # type: ignore[index]
    decisions.append(out, {"digest": digests["a.pdf"], "id": "a.pdf", "verdict": "drop"})
    decisions.append(out, {"digest": digests["b.pdf"], "id": "b.pdf", "verdict": "pages", "pages": [1, 3]})
    assert decisions.pending(out)
    run(shelf, out)
    assert not decisions.pending(out)
    [record] = records(out)
    assert record["id"] == "b.pdf" and str(record["text"]).split("\n") == [*PARAGRAPHS]
    decisions.append(out, {"digest": digests["a.pdf"], "id": "a.pdf", "verdict": "undo"})
    run(shelf, out)
    assert len(records(out)) == 2
    with pytest.raises(_rotext.RotoolsError, match="not a decision"):
        decisions.append(out, {"digest": "x", "verdict": "maybe"})


def test_epub_html_and_text(shelf: Path, tmp_path: Path) -> None:
    page = "<html><head><style>p{}</style></head><body><nav>Meniu</nav>" + "".join(
        f"<p>{p}</p>" for p in PARAGRAPHS
    )
    (shelf / "b.html").write_text(f"<meta charset='utf-8'>{page}", encoding="utf-8")
    with zipfile.ZipFile(shelf / "c.epub", "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container xmlns="c"><rootfile full-path="O/p.opf"/></container>'
        )
        archive.writestr(
            "O/p.opf",
            '<package xmlns="p"><manifest><item id="i" href="x%201.xhtml"/></manifest>'
            '<spine><itemref idref="i"/></spine></package>',
        )
        archive.writestr("O/x 1.xhtml", page)
    (shelf / "d.txt").write_bytes("\n".join(PARAGRAPHS).replace("ș", "ş").replace("ț", "ţ").encode("cp1250"))
    run(shelf, tmp_path / "out.jsonl")
    found = records(tmp_path / "out.jsonl")
    assert [record["id"] for record in found] == ["b.html", "c.epub", "d.txt"]
    assert all(str(record["text"]).split("\n") == PARAGRAPHS for record in found)


def test_the_command_line(shelf: Path, tmp_path: Path) -> None:
    (shelf / "a.txt").write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    out = tmp_path / "books.jsonl.zst"
    done = rotools("books", shelf, "--out", out, "--json", "--no-ocr")
    assert done.returncode == 0 and json.loads(done.stdout)["kept"] == 1
    packed = rotools(
        "pack", "--phase", f"books={out}", "--vocab-size", "300", "--no-filter", "--out", tmp_path / "pack"
    )
    assert packed.returncode == 0, packed.stderr
    missing = rotools("books", tmp_path / "nowhere", "--out", out, code=1)
    assert "hint:" in missing.stderr


def test_a_pipe_is_not_a_book(shelf: Path, tmp_path: Path) -> None:
    import os

    os.mkfifo(shelf / "a-stuck.txt")
    (shelf / "b.txt").write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    # Reading a pipe that nobody writes to hangs for ever, so it is no book.
    done = subprocess.run(
        [sys.executable, "-m", "rotools", "books", str(shelf), "--out", str(tmp_path / "o.jsonl"), "--timeout", "2"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [record["id"] for record in records(tmp_path / "o.jsonl")] == ["b.txt"]


def test_pack_replays_what_was_decided(shelf: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (shelf / name).write_text(name + "\n" + "\n".join(PARAGRAPHS), encoding="utf-8")
    out = tmp_path / "books.jsonl"
    run(shelf, out)
    digest = records(out)[0]["book"]["sha256"]  # type: ignore[index]
    decisions.append(out, {"digest": digest, "id": "a.txt", "verdict": "drop"})
    options = ("--vocab-size", "300", "--no-filter", "--no-dedup", "--json")
    packed = rotools("pack", "--phase", f"books={out}", "--out", tmp_path / "pack", *options)
    assert json.loads(packed.stdout)["phases"][0]["read"]["documents"] == 1
    assert [record["id"] for record in records(out)] == ["b.txt"]
    decisions.append(out, {"digest": digest, "id": "a.txt", "verdict": "ocr", "pages": [1]})
    refused = rotools("pack", "--phase", f"books={out}", "--out", tmp_path / "again", *options, code=1)
    assert "OCR again" in refused.stderr and "rotools books" in refused.stderr


def test_review_answers_only_with_the_token(shelf: Path, tmp_path: Path) -> None:
    import socket
    import threading
    import urllib.error
    import urllib.request

    from rotools.books.review import Review

    book(shelf / "a.pdf", pages=2)
    (shelf / "b.txt").write_text("<script>alert(1)</script> " + PARAGRAPHS[0], encoding="utf-8")
    out = tmp_path / "books.jsonl"
    run(shelf, out)
    review = Review(out)
    server, address = review.serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        rows = json.load(urllib.request.urlopen(address + "books"))
        assert [row["id"] for row in rows] == [
            row["id"] for row in sorted(rows, key=lambda row: (row["score"], row["id"]))
        ]
        first = next(row for row in rows if row["id"] == "a.pdf")
        detail = json.load(urllib.request.urlopen(address + f"book/{first['key']}"))
        assert "Omul mergea" in detail["pages"][0]["text"]
        image = urllib.request.urlopen(address + detail["pages"][0]["image"]).read()
        assert image.startswith(b"\x89PNG")
        data = json.dumps({"digest": first["digest"], "id": "a.pdf", "verdict": "drop"}).encode()
        urllib.request.urlopen(urllib.request.Request(address + "verdict", data=data))
        assert decisions.read(out)[first["digest"]].verdict == "drop"
        root = address.rsplit("/", 2)[0]
        for url in (root + "/books", root + "/wrong/books"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(url)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(urllib.request.Request(address + "verdict", data=b"[]"))
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "book/none")
        port = server.server_port
        own = f"http://127.0.0.1:{port}"
        for headers in (
            {"Host": "evil.example"}, {"Host": f"evil.example:{port}"}, {"Host": "127.0.0.1"}, {"Host": f"127.0.0.1:{port + 1}"},
            {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"{own}.evil.example"},
        ):  # fmt: skip
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(
                    urllib.request.Request(address + "verdict", data=data, headers=headers)
                )
        urllib.request.urlopen(
            urllib.request.Request(address + "verdict", data=data, headers={"Origin": own})
        )
        for length in ("99999999999", "1048577", "-1", "1e3", "\u0663"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                path = address.removeprefix(own)
                head = f"POST {path}verdict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n"
                raw.sendall(head.encode())
                assert b" 413 " in raw.recv(100)
        deep = urllib.request.Request(address + "verdict", data=b"[" * 100_000)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(deep)
    finally:
        server.shutdown()
        server.server_close()
    review.write_page(tmp_path / "review.html")
    page = (tmp_path / "review.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page and "<script>alert" not in page
