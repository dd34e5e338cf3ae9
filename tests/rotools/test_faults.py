"""A defect of the program costs one document; a refusal of the system ends in one sentence with a hint."""

import errno
import json
from pathlib import Path

import pytest
from rotools_program import jsonl, rotools, texts

from rotools import _rotext
from rotools.cli import main
from rotools.errors import system_hint

needs_debug_build = pytest.mark.skipif(
    not getattr(_rotext, "__debug_build__", False),
    reason="only a debug build panics over a text that asks for it",
)


def poisoned(path: Path, stage: str) -> Path:
    """Twenty documents, and two more over which `stage` panics."""
    documents = texts(22, 4)
    for number in (3, 17):
        documents[number] += f" rotext-panic-in-{stage}"
    return jsonl(path, documents)


@needs_debug_build
@pytest.mark.parametrize("verb", ["normalize", "filter", "dedup", "pack"])
@pytest.mark.parametrize("how", ["--quiet", "--json"])
def test_the_run_goes_on_and_ends_with_3(verb: str, how: str, tmp_path: Path) -> None:
    stage = "parse" if verb == "filter" else "key" if verb in ("dedup", "pack") else "normalize"
    out = tmp_path / ("out" if verb == "pack" else "out.jsonl")
    more = ("--vocab-size", 300, "--no-filter") if verb == "pack" else ()
    done = rotools(verb, poisoned(tmp_path / "in.jsonl", stage), "--out", out, how, *more, code=3)
    lines = done.stderr.splitlines()
    assert "warning: the program itself failed over 2 documents; they are rejects `internal-error`" in lines
    assert any(line.startswith("hint: ") for line in lines) and "panicked" not in done.stderr
    assert out.exists()
    if verb == "normalize":
        rejects = (tmp_path / "out.jsonl.rejects.jsonl").read_bytes().splitlines()
        assert [json.loads(line)["line"] for line in rejects] == [4, 18]
        assert len(out.read_bytes().splitlines()) == 20


@needs_debug_build
def test_the_tokenizer_goes_on_too(tmp_path: Path) -> None:
    model = tmp_path / "tokenizer.json"
    source = poisoned(tmp_path / "in.jsonl", "count")
    rotools("tokenizer", "train", source, "--vocab-size", 300, "--out", model, "--quiet", code=3)
    source = poisoned(tmp_path / "in.jsonl", "encode")
    args = (source, "--tokenizer", model, "--out", tmp_path / "ids.bin", "--json")
    done = rotools("tokenizer", "encode", *args, code=3)
    assert json.loads(done.stdout)["read"]["rejected"] == {"internal-error": 2}


@needs_debug_build
def test_strict_stops_at_the_place(tmp_path: Path) -> None:
    source = poisoned(tmp_path / "in.jsonl", "normalize")
    done = rotools("normalize", source, "--out", tmp_path / "out.jsonl", "--strict", "--quiet", code=1)
    assert done.stderr.startswith(
        f"error: {source}:4: internal error: the text asks for a panic in normalize ("
    )


@pytest.mark.parametrize(
    "number", ["ENOSPC", "EDQUOT", "EIO", "EACCES", "EROFS", "EMFILE", "ENFILE", "ENOLCK", "EXDEV", "ESTALE"]
)
@pytest.mark.parametrize("filename", ["corpus.jsonl", None])
def test_what_the_system_refuses_has_a_hint(
    number: str, filename: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(getattr(errno, number), "Refused", filename)

    monkeypatch.setattr("rotools.cli.app.app", refuse)
    with pytest.raises(SystemExit) as ended:
        main()
    error, hint = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert error == ("error: corpus.jsonl: refused" if filename else "error: refused")
    assert hint.startswith("hint: ") and hint != "hint: check the path"
    assert len(system_hint(OSError(getattr(errno, number), ""))) > 10


HOSTILE = "carte\u202egpj.exe\x1bc\u2066\x07.jsonl"


def test_a_terminal_is_shown_no_signs_that_it_obeys(tmp_path: Path) -> None:
    source = jsonl(tmp_path / HOSTILE, texts(3, 2))
    for words in (("inspect", source), ("pack", tmp_path / "no" / HOSTILE, "--out", tmp_path / "out")):
        done = rotools(*words, code=0 if words[0] == "inspect" else 1)
        shown = done.stdout + done.stderr
        assert "carte\\u202egpj.exe\\x1bc\\u2066\\x07" in shown
        assert not set(shown) & set("\u202e\x1b\u2066\x07")


def test_a_page_shows_direction_signs_escaped() -> None:
    from rotools.pages import render

    page = render("rotools.books", "review.html.j2", connect=False, title=HOSTILE, data="null")
    assert "carte\\u202egpj.exe" in page and not set(page) & set("\u202e\x1b\u2066\x07")
