"""`rotools plan` says what `rotools pack` then takes."""

import json
from pathlib import Path

import pytest
from rotools_program import jsonl, rotools, texts

STEPS = {"sign web", "order", "find pairs", "compare", "count web", "train", "encode web"}


def test_a_sample_predicts_the_whole(tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(12_000, 4))
    plan = json.loads(rotools("plan", corpus, "--sample", "3M", "--vocab-size", 500, "--json").stdout)
    assert not plan["whole"] and 2e6 < plan["sample_text_bytes"] < 6e6
    out = tmp_path / "pack"
    report = json.loads(rotools("pack", corpus, "--out", out, "--vocab-size", 500, "--json").stdout)
    read = report["phases"][0]["read"]
    assert plan["documents"] == pytest.approx(12_000, rel=0.1)
    text = sum(len(json.loads(line)["text"].encode()) for line in corpus.open(encoding="utf-8"))
    assert plan["text_bytes"] == pytest.approx(text, rel=0.1)
    size = sum(path.stat().st_size for path in out.iterdir() if path.name != "tokenizer.json")
    assert plan["output"] == pytest.approx(size, rel=0.2)
    assert read["documents"] <= 12_000
    names = [step["name"] for step in plan["steps"]]
    # A step that is over between two looks is counted with its neighbour.
    assert names and set(names) <= STEPS
    assert plan["seconds"] == pytest.approx(sum(step["seconds"] for step in plan["steps"]))
    # Words alone are four bytes each.
    assert plan["scratch"] > 4 * text / 12 and plan["memory"] <= 1 << 30
    assert {path.name for path in tmp_path.iterdir()} == {"corpus.jsonl", "pack"}


def test_all_of_a_small_input_is_measured_and_phases_are_named(tmp_path: Path) -> None:
    web = jsonl(tmp_path / "web.jsonl", texts(300, 1))
    books = tmp_path / "books"
    books.mkdir()
    for number, text in enumerate(texts(12, 3)):
        (books / f"{number:02}.txt").write_text(text * 3, encoding="utf-8")
    shown = rotools(
        "plan", "--phase", f"web={web}", "--phase", f"books={books}", "--vocab-size", 400, "--max-ram", "300M"
    ).stdout
    assert "312 documents; measured on all of it" in shown
    assert "(--max-ram 300M)" in shown and any(step in shown for step in ("sign ", "encode "))


def test_errors_of_the_plan_name_the_cause(tmp_path: Path) -> None:
    assert "stdin is a stream" in rotools("plan", "-", code=2).stderr
    assert "no such file" in rotools("plan", tmp_path / "no.jsonl", code=1).stderr
    english = jsonl(tmp_path / "e.jsonl", ["This page is in English, and there is no other word in it."] * 20)
    assert "no document that passes" in rotools("plan", english, code=1).stderr
