"""Runs that are killed go on where they stopped, and end in the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rotools_program import contents, jsonl, rotools, texts

HEADER = 28
"""Bytes of a journal without a frame."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 12 chunks of documents, some of them twice."""
    documents = texts(10_000, 1)
    return jsonl(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", documents + documents[:100])


def kill(command: list[str], seconds: float, journal: Path, frames: int) -> int:
    """Starts the program and kills it later, and not before the journal has so many bytes; returns how many it has."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    while process.poll() is None and (not journal.exists() or journal.stat().st_size < frames):
        time.sleep(0.002)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return journal.stat().st_size if journal.exists() else 0


@pytest.mark.parametrize("verb", ["pack", "dedup", "filter"])
def test_a_killed_run_keeps_what_it_found(verb: str, corpus: Path, tmp_path: Path) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    whole.mkdir()
    again.mkdir()
    size = ("--vocab-size", "500") if verb == "pack" else ()
    out = "out" if verb == "pack" else "out.jsonl"
    rotools(verb, corpus, "--out", whole / out, "--quiet", *size)
    rng = random.Random(3)
    work = again / ("out.partial" if verb == "pack" else ".out.jsonl.partial")
    journal = work / "journal" / "frames"
    command = [
        sys.executable,
        "-m",
        "rotools",
        verb,
        str(corpus),
        "--out",
        str(again / out),
        "--quiet",
        *size,
    ]
    kept = HEADER
    for _ in range(4):
        found = kill(command, 0, journal, kept + 1)
        if (again / out).exists():
            break
        # A frame may be half written, and is cut off by the next run; what was whole stays.
        assert found >= kept
        kept = found - rng.randrange(0, 100)
        with journal.open("r+b") as file:
            file.truncate(kept)
    assert kept > HEADER
    for _ in range(2):
        kill(command, rng.uniform(0.1, 0.8), journal, 0)
    if not (again / out).exists():
        rotools(*command[3:])
    assert not work.exists()
    if verb == "pack":
        assert contents(again / out) == contents(whole / out)
    else:
        assert (again / out).read_bytes() == (whole / out).read_bytes()


def test_a_run_that_is_killed_while_it_encodes_continues(corpus: Path, tmp_path: Path) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    size = ("--vocab-size", "500")
    rotools("pack", corpus, "--out", whole, "--quiet", *size)
    command = [sys.executable, "-m", "rotools", "pack", str(corpus), "--out", str(again), "--quiet", *size]
    journal = tmp_path / "again.partial" / "journal"

    def tokens() -> Path:
        return next(journal.glob("tokens-*/log"), journal / "nothing")

    wanted = 1
    for _ in range(3):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (tokens().exists() and tokens().stat().st_size >= wanted):
            time.sleep(0.001)
        process.kill()
        process.wait()
        if again.exists():
            break
        wanted = tokens().stat().st_size + 1
    # All of it in the log, and less in the files than it says: a run that was cut off by the power.
    if not again.exists():
        for file in tokens().parent.glob("*.bin"):
            with file.open("r+b") as opened:
                opened.truncate(file.stat().st_size // 2)
        rotools(*command[3:])
    assert wanted > 1
    assert contents(again) == contents(whole)
    assert not journal.parent.exists()


def test_a_changed_input_is_seen(corpus: Path, tmp_path: Path) -> None:
    changed = tmp_path / "corpus.jsonl"
    lines = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    changed.write_text("".join(lines), encoding="utf-8")
    out = tmp_path / "clean.jsonl"
    journal = tmp_path / ".clean.jsonl.partial" / "journal" / "frames"
    command = [sys.executable, "-m", "rotools", "dedup", str(changed), "--out", str(out), "--quiet"]
    assert kill(command, 0, journal, 10_000) >= 10_000
    lines[1] = lines[1].replace("ă", "a", 1)
    changed.write_text("".join(lines), encoding="utf-8")
    rotools(*command[3:])
    fresh = tmp_path / "fresh.jsonl"
    rotools("dedup", changed, "--out", fresh, "--quiet")
    assert out.read_bytes() == fresh.read_bytes()


def test_a_failed_run_leaves_no_scratch_that_is_not_worth_it(tmp_path: Path) -> None:
    same = max(texts(20, 5), key=len)
    small = jsonl(tmp_path / "small.jsonl", [f"{same} {number}" for number in range(300)])
    assert "--accept-loss" in rotools("dedup", small, "--out", tmp_path / "o.jsonl", code=1).stderr
    assert {path.name for path in tmp_path.iterdir()} == {"small.jsonl"}
