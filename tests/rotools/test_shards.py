"""Shards of the first pass, made apart, give the bytes of a run without shards."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rotools_program import contents, jsonl, rotools, texts


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of about four chunks each, with copies across them, and a small book."""
    folder = tmp_path_factory.mktemp("corpus")
    documents = texts(6_000, 1)
    files = [jsonl(folder / "a.jsonl", documents[:3000]), jsonl(folder / "b.jsonl", documents[2900:])]
    book = folder / "book.txt"
    book.write_text("\n".join(texts(20, 9)), encoding="utf-8")
    return [*files, book]


@pytest.mark.parametrize("shards", [1, 3, 8])
def test_a_pack_from_shards_has_the_same_bytes(shards: int, inputs: list[Path], tmp_path: Path) -> None:
    a, b, book = inputs
    out, whole = tmp_path / "pack", tmp_path / "whole"
    corpus = ("--phase", f"web={a},{b}", "--phase", f"books={book}", "--vocab-size", 500)
    rotools("pack", *corpus, "--out", whole)
    command = ("pack", *corpus, "--out", out)
    numbers = list(range(1, shards + 1))
    random.Random(shards).shuffle(numbers)
    found = [json.loads(rotools(*command, "--shard", f"{n}/{shards}", "--json").stdout) for n in numbers]
    read = json.loads((whole / "report.json").read_text(encoding="utf-8"))["phases"]
    assert sum(shard["records"] for shard in found) == sum(phase["read"]["records"] for phase in read)
    assert not out.exists() and (tmp_path / "pack.shards").is_dir()
    rotools(*command)
    assert contents(out) == contents(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"pack", "whole"}


def test_the_last_run_does_the_work_of_missing_shards(inputs: list[Path], tmp_path: Path) -> None:
    a, b, _ = inputs
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    rotools("dedup", a, b, "--out", whole)
    command = ("dedup", a, b, "--out", out)
    for number in (1, 3, 4):
        shown = rotools(*command, "--shard", f"{number}/4").stderr
        assert f"shard {number} of 4" in shown
    shards = tmp_path / "out.jsonl.shards"
    # One is not there, one was cut off, one is of another run.
    frames = shards / "3-of-4" / "journal" / "frames"
    frames.write_bytes(frames.read_bytes()[:-7])
    shutil.rmtree(shards / "4-of-4")
    rotools(*command, "--shard", "4/4", "--preset", "strict")
    rotools(*command)
    assert out.read_bytes() == whole.read_bytes()
    assert [path.name for path in shards.iterdir()] == ["4-of-4"]


def files(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder, but for locks."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("verb", ["dedup", "filter", "pack"])
def test_shards_that_were_made_with_other_options_are_named_and_stay(
    verb: str, inputs: list[Path], tmp_path: Path
) -> None:
    option = {"dedup": ("--preset", "strict"), "filter": ("--no-redact",), "pack": ("--no-filter",)}[verb]
    command = (verb, inputs[0], "--out", tmp_path / "out.jsonl")
    rotools(*command, *option, "--shard", "1/1")
    shards = tmp_path / "out.jsonl.shards"
    before = files(shards)
    message = rotools(*command, code=2).stderr
    assert "the shards were made with other inputs or options" in message and "remove the folder" in message
    assert files(shards) == before and not (tmp_path / "out.jsonl").exists()
    rotools(*command, *option, *(("--vocab-size", 300) if verb == "pack" else ()))
    assert (tmp_path / "out.jsonl").exists() and not shards.exists()


def test_a_run_without_shards_keeps_those_that_are_there(inputs: list[Path], tmp_path: Path) -> None:
    command = ("pack", inputs[0], "--out", tmp_path / "pack", "--vocab-size", 300)
    rotools(*command, "--shard", "1/1")
    before = files(tmp_path / "pack.shards")
    rotools(*command, "--no-dedup")
    assert files(tmp_path / "pack.shards") == before


def test_a_killed_shard_continues(inputs: list[Path], tmp_path: Path) -> None:
    a, b, _ = inputs
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    rotools("dedup", a, b, "--out", whole)
    command = [sys.executable, "-m", "rotools", "dedup", str(a), str(b), "--out", str(out), "--quiet"]
    rng = random.Random(1)
    for number in (1, 2):
        shard = [*command, "--shard", f"{number}/2"]
        process = subprocess.Popen(shard)
        time.sleep(rng.uniform(0.3, 0.9))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        rotools(*shard[3:])
    rotools(*command[3:])
    assert out.read_bytes() == whole.read_bytes()


def test_a_filter_from_shards_has_the_same_bytes(inputs: list[Path], tmp_path: Path) -> None:
    a, b, _ = inputs
    whole, out = tmp_path / "whole" / "o.jsonl", tmp_path / "shards" / "o.jsonl"
    whole.parent.mkdir()
    out.parent.mkdir()
    read = json.loads(rotools("filter", a, b, "--out", whole, "--json").stdout)["read"]
    command = ("filter", a, b, "--out", out)
    # Twice the same: the second takes everything from the first.
    found = [json.loads(rotools(*command, "--shard", f"{n}/3", "--json").stdout) for n in (3, 3, 1, 2)]
    assert found[0] == found[1]
    for what in ("records", "documents", "bytes"):
        assert sum(shard[what] for shard in found[1:]) == read[what]
    # One was cut off.
    frames = out.parent / "o.jsonl.shards" / "2-of-3" / "journal" / "frames"
    frames.write_bytes(frames.read_bytes()[:-7])
    assert json.loads(rotools(*command, "--json").stdout)["read"] == read
    assert contents(out.parent) == contents(whole.parent)
    message = rotools(*command, "--annotate", "--shard", "1/2", code=2).stderr
    assert "a shard cannot annotate" in message


def test_errors_of_shards_name_the_cause(inputs: list[Path], tmp_path: Path) -> None:
    a = inputs[0]
    for shard, says in [("0/4", "no shard 0 of 4"), ("5/4", "no shard 5 of 4"), ("x", "invalid shard")]:
        assert says in rotools("dedup", a, "--out", tmp_path / "o.jsonl", "--shard", shard, code=2).stderr
    shard = ("--shard", "1/2")
    assert "no shards" in rotools("pack", "-", "--out", tmp_path / "p", *shard, code=2, given=b"{}").stderr
    assert (
        "shards need deduplication"
        in rotools("pack", a, "--out", tmp_path / "p", "--no-dedup", *shard, code=2).stderr
    )
