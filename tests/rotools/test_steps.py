"""Each step of `pack`, done in shards, with losses and changes (kills: `tests/faults`): the bytes of the pack are those of one run."""

import fcntl
import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import noisy_corpus
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rotools_program import contents, jsonl, rotools, steps, texts

from rotools import _rotext
from rotools.ray import shards_there

BOILERPLATE = "Acest site folosește module cookie pentru analiza traficului."


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A web phase of a file with several units and a small file with defects, and a phase of books. Some copies cross files."""
    folder = tmp_path_factory.mktemp("corpus")
    large = folder / "large.jsonl"
    large.write_bytes(noisy_corpus.lines(named=False))
    documents = texts(900, 5)
    records = [{"text": f"{BOILERPLATE}\n{text}"} for text in documents[:500]]
    records += [{"text": text} for text in texts(300, 3)]  # copies of the first file
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    lines[7] = '{"text": "rupt'
    lines[9] = '{"title": "fără text"}'
    lines[11] = json.dumps({"text": "Prea scurt."})
    lines[13] = json.dumps({"text": documents[13] + " scrie la ion.popescu@exemplu.ro"}, ensure_ascii=False)
    small = folder / "small.jsonl"
    small.write_bytes(("\n".join(lines) + "\n").encode() + b"\xff\xfe\n")
    book, latin = folder / "book.txt", folder / "latin.txt"
    book.write_text("\n\n".join(texts(20, 9)), encoding="utf-8")
    latin.write_bytes("\n".join(texts(30, 12)).encode("iso8859_16", errors="ignore"))
    return ["--phase", f"web={large},{small}", "--phase", f"books={book},{latin}"]


OPTIONS = ("--vocab-size", "500", "--repeated-lines", "100", "--valid-share", "0.05")


@pytest.fixture(scope="module")
def whole(corpus: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pack of one run."""
    out = tmp_path_factory.mktemp("whole") / "pack"
    rotools("pack", *corpus, *OPTIONS, "--out", out)
    return contents(out)


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_all_steps_give_the_bytes_of_one_run(
    shards: int, corpus: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "pack"
    found: dict[str, list[dict[str, Any]]] = {}
    for step in steps(shards):
        done = json.loads(rotools("pack", *corpus, *OPTIONS, "--out", out, *step, "--json").stdout)
        found.setdefault(step[1], []).append(done)
    assert contents(out) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"pack"}
    # Each of the three passes reads the input once, and a bit more behind each part. No other step reads any of it.
    report = json.loads(whole["report.json"])
    for step in ("judge", "count", "encode"):
        size = found[step][0]["input"]
        assert size <= sum(task["read"] for task in found[step]) <= 1.05 * size, step
        if shards == 3:
            assert max(task["read"] for task in found[step]) < 0.55 * size
    assert sum(task["documents"] for task in found["encode"]) == sum(
        phase["read"]["documents"] for phase in report["phases"]
    )
    assert found["decide"][0]["read"] == found["train"][0]["read"] == 0
    assert found["decide"][0]["report"] == report["dedup"]


@pytest.mark.parametrize("wide", [False, True])
def test_a_given_tokenizer_needs_no_count(wide: bool, corpus: list[str], tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    trained = jsonl(tmp_path / "some.jsonl", texts(300, 4))
    rotools("tokenizer", "train", trained, "--vocab-size", 400, "--out", tokenizer)
    if wide:
        file = json.loads(tokenizer.read_text(encoding="utf-8"))
        fillers = {f"<unused{number}>": number for number in range(69_000)}
        file["model"]["vocab"] = fillers | {
            token: id + 69_000 for token, id in file["model"]["vocab"].items()
        }
        for token in file["added_tokens"]:
            token["id"] += 69_000
        tokenizer.write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
    out, alone = tmp_path / "pack", tmp_path / "alone"
    command = ("pack", *corpus, "--tokenizer", tokenizer, "--out")
    rotools(*command, alone)
    for step in steps(2, given_tokenizer=True):
        rotools(*command, out, *step)
    assert contents(out) == contents(alone)
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["dtype"] == (
        "<u4" if wide else "<u2"
    )
    shown = rotools(*command, tmp_path / "p", "--step", "count", "--shard", "1/2", code=2).stderr
    assert "nothing to do in the step count" in shown and "hint: go on with --step encode" in shown


@pytest.mark.parametrize(
    "form", ["web.jsonl.zst", "web.jsonl.gz", "web.parquet", "one.jsonl.zst", "list.json"]
)
def test_each_form_of_a_file(form: str, tmp_path: Path) -> None:
    file = tmp_path / form
    if form == "web.parquet":
        noisy_corpus.parquet(file)
    elif form == "list.json":
        records = noisy_corpus.records(named=False)[:500]
        file.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    elif form == "one.jsonl.zst":
        file.write_bytes(noisy_corpus.zstd(noisy_corpus.lines(named=False)))
    else:
        file.write_bytes(noisy_corpus.COMPRESSIONS[form](noisy_corpus.lines(named=False)))
    out, alone = tmp_path / "pack", tmp_path / "alone"
    rotools("pack", file, *OPTIONS, "--out", alone)
    for step in steps(3):
        rotools("pack", file, *OPTIONS, "--out", out, *step)
    assert contents(out) == contents(alone)


def test_a_lost_task_is_named_and_the_last_run_does_it(
    corpus: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, shards = tmp_path / "pack", tmp_path / "pack.shards"
    command = ("pack", *corpus, *OPTIONS, "--out", out)
    assert "no shard has judged" in rotools(*command, "--step", "decide", code=1).stderr
    for number in (1, 3):
        rotools(*command, "--shard", f"{number}/3")
    shown = rotools(*command, "--step", "decide", code=1).stderr
    assert "the step judge is not complete: shard 2/3 is missing" in shown
    assert "hint: run the same command with --step judge --shard 2/3" in shown
    rotools(*command, "--shard", "2/3")
    shown = rotools(*command, "--step", "count", "--shard", "1/3", code=1).stderr
    assert "the step decide is not done" in shown and "--step decide" in shown
    rotools(*command, "--step", "decide")
    shown = rotools(*command, "--step", "count", "--shard", "1/4", code=2).stderr
    assert "had 3 shards" in shown and "--shard I/3" in shown
    rotools(*command, "--step", "count", "--shard", "2/3")
    shown = rotools(*command, "--step", "train", code=1).stderr
    assert "the step count is not complete: shards 1/3, 3/3 are missing" in shown
    shown = rotools(*command, "--step", "encode", "--shard", "1/3", code=1).stderr
    assert "the step train is not done" in shown
    for number in (1, 3):
        rotools(*command, "--step", "count", "--shard", f"{number}/3")
    rotools(*command, "--step", "train")
    for number in (1, 2):
        rotools(*command, "--step", "encode", "--shard", f"{number}/3")
    shown = rotools(*command, "--step", "finish", code=1).stderr
    assert "the step encode is not complete: shard 3/3 is missing" in shown and not out.exists()
    # A part that was cut off is a missing part.
    part = shards / "encode" / "1-of-3"
    part.write_bytes(part.read_bytes()[:-20])
    (shards / "count" / "1-of-3").unlink()
    rotools(*command)
    assert contents(out) == whole and not shards.exists()


def test_other_options_find_nothing_of_a_run(corpus: list[str], tmp_path: Path) -> None:
    out = tmp_path / "pack"
    command = ("pack", *corpus, "--out", out)
    for step in steps(2)[:-1]:
        rotools(*command, *OPTIONS, *step)
    for others, says in [
        (("--no-filter",), "no shard has judged"),
        (("--valid-share", "0.1", "--repeated-lines", "100"), "the step decide is not done"),
        ((*OPTIONS, "--vocab-size", "450"), "the step train is not done"),
    ]:
        assert says in rotools(*command, *others, "--step", "finish", code=1).stderr
    alone = tmp_path / "alone"
    others = ("--vocab-size", "450", "--valid-share", "0.1")
    shards = tmp_path / "pack.shards"
    assert "made with other inputs or options" in rotools(*command, *others, code=2).stderr
    assert (shards / "1-of-2" / "judged").exists() and (shards / "decisions").exists()
    shutil.rmtree(shards)
    rotools(*command, *others)
    rotools("pack", *corpus, *others, "--out", alone)
    assert contents(out) == contents(alone)


def test_an_input_that_changes_between_two_steps(tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "web.jsonl", texts(9_000, 2))
    original = corpus.read_bytes()
    changed = original.replace(b"copil", b"copac")
    assert len(changed) == len(original) and changed != original
    out, alone = tmp_path / "pack", tmp_path / "alone"
    command = ("pack", corpus, *OPTIONS, "--out", out)
    for step in steps(2)[:3]:
        rotools(*command, *step)
    corpus.write_bytes(changed)
    for step in ("count", "encode"):
        if step == "encode":
            corpus.write_bytes(original)
            for task in steps(2)[3:6]:
                rotools(*command, *task)
            corpus.write_bytes(changed)
        shown = rotools(*command, "--step", step, "--shard", "2/2", code=1).stderr
        assert "web.jsonl: the input changed" in shown and "--step judge" in shown
    # A part of the new text after the decisions about the old one: no step goes on.
    rotools(*command, "--step", "judge", "--shard", "2/2")
    assert (
        "the step decide is not done"
        in rotools(*command, "--step", "encode", "--shard", "1/2", code=1).stderr
    )
    corpus.write_bytes(original)
    rotools(*command, "--step", "judge", "--shard", "2/2")
    for step in steps(2)[6:8]:
        rotools(*command, *step)
    # The last run compares the hashes of all chunks, so it packs the text of now.
    corpus.write_bytes(changed)
    rotools(*command)
    rotools("pack", corpus, *OPTIONS, "--out", alone)
    assert contents(out) == contents(alone)
    # A file that grew has other units.
    for step in steps(2)[:3]:
        rotools("pack", corpus, *OPTIONS, "--out", tmp_path / "p", *step)
    corpus.write_bytes(changed + changed[:1000].rpartition(b"\n")[0] + b"\n")
    shown = rotools("pack", corpus, *OPTIONS, "--out", tmp_path / "p", "--step", "train", code=1).stderr
    assert "no shard has judged these inputs" in shown


def test_a_task_that_runs_twice_has_a_lock(corpus: list[str], tmp_path: Path) -> None:
    out, shards = tmp_path / "pack", tmp_path / "pack.shards"
    command = ("pack", *corpus, *OPTIONS, "--out", out)
    for step in steps(1)[:-1]:
        if step[1] in ("decide", "count", "encode"):
            path = {"decide": shards / ".decisions.part"}.get(step[1], shards / step[1] / ".1-of-1.part")
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                assert "another run is writing" in rotools(*command, *step, code=1).stderr
        rotools(*command, *step)


def test_a_damaged_part_is_named(corpus: list[str], tmp_path: Path) -> None:
    out, shards = tmp_path / "pack", tmp_path / "pack.shards"
    command = ("pack", *corpus, *OPTIONS, "--out", out)
    for step in steps(2)[:-1]:
        rotools(*command, *step)
    for name, step in [("encode/1-of-2", "finish"), ("decisions", "finish")]:
        path = shards / name
        good = path.read_bytes()
        bad = bytearray(good)
        bad[len(bad) // 2] ^= 1
        path.write_bytes(bad)
        shown = rotools(*command, "--step", step, code=1).stderr
        assert "damaged" in shown and "hint: " in shown and not out.exists()
        path.write_bytes(good)
    rotools(*command, "--step", "finish")


def test_wrong_steps_are_usage_errors(corpus: list[str], tmp_path: Path) -> None:
    command = ("pack", *corpus, "--out", tmp_path / "pack")
    for arguments, says in [
        (("--step", "count"), "the step count needs a shard"),
        (("--step", "decide", "--shard", "1/2"), "runs on one machine"),
        (("--step", "decide", "--no-dedup"), "shards need deduplication"),
        (("--step", "encode", "--shard", "1/2", "--license", "cc0-1.0"), "no dataset card"),
        (("--step", "finish", "--engine", "ray"), "makes its own steps"),
    ]:
        assert says in rotools(*command, *arguments, code=2).stderr


def test_a_damaged_file_that_shards_share(tmp_path: Path) -> None:
    body = bytearray(noisy_corpus.pzstd(noisy_corpus.lines(named=False)))
    body[len(body) // 2 : len(body) // 2 + 5_000] = bytes(5_000)
    (tmp_path / "web.jsonl.zst").write_bytes(body)
    command = ("pack", tmp_path / "web.jsonl.zst", *OPTIONS, "--out")
    # A shard that is judged again takes everything from its journal, and still knows the damage.
    for number in (1, 2, 3, 1, 2, 3):
        rotools(*command, tmp_path / "pack", "--shard", f"{number}/3")
    shown = rotools(*command, tmp_path / "pack", "--step", "decide", code=1).stderr
    assert "web.jsonl.zst: the file is damaged" in shown and "without --step" in shown
    rotools(*command, tmp_path / "pack")
    rotools(*command, tmp_path / "alone")
    assert contents(tmp_path / "pack") == contents(tmp_path / "alone")
    # One shard reads all of it, as one machine does.
    for step in steps(1):
        rotools(*command, tmp_path / "one", *step)
    assert contents(tmp_path / "one") == contents(tmp_path / "alone")


def partly_marked(marked: Callable[[bytes], bytes], plain: Callable[[bytes], bytes], content: bytes) -> bytes:
    """A file that `cat` joined: two frames without marks around the border of 8 MiB, between frames with marks."""
    first, at = b"", 0
    while len(first) < 7_900_000:
        first += marked(content[at : at + 300_000]).removesuffix(marked(b""))
        at += 300_000
    middle = plain(content[at : at + 900_000])
    assert len(first) < 8 << 20 < len(first) + len(middle)
    rest = at + 1_500_000
    return first + middle + plain(content[at + 900_000 : rest]) + marked(content[rest : rest + 3_000_000])


@pytest.mark.parametrize("form", ["web.jsonl.gz", "web.jsonl.zst"])
def test_a_file_that_is_partly_marked(form: str, tmp_path: Path) -> None:
    marked = noisy_corpus.COMPRESSIONS[form]
    plain = noisy_corpus.zstd if form.endswith("zst") else gzip.compress
    file = tmp_path / form
    file.write_bytes(partly_marked(marked, plain, noisy_corpus.lines(named=False)))
    command = ("pack", file, *OPTIONS, "--out")
    rotools(*command, tmp_path / "alone")
    for number in (1, 2):
        rotools(*command, tmp_path / "pack", "--shard", f"{number}/2")
    shown = rotools(*command, tmp_path / "pack", "--step", "decide", code=1).stderr
    assert f"{form}: only some of the frames" in shown and "without --step" in shown
    rotools(*command, tmp_path / "pack")
    assert contents(tmp_path / "pack") == contents(tmp_path / "alone")
    for step in steps(1):
        rotools(*command, tmp_path / "one", *step)
    assert contents(tmp_path / "one") == contents(tmp_path / "alone")


def test_a_journal_belongs_to_its_note(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts(600, 2)]
    file, out = tmp_path / "web.jsonl", tmp_path / "pack"
    note = tmp_path / "pack.shards" / "1-of-1" / "judged"
    command = ("pack", file, *OPTIONS, "--out")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for step in steps(1)[:2]:
        rotools(*command, out, *step)
    old = note.read_bytes()
    # The same documents in another order: the part has as many bytes, lines and documents.
    file.write_text("\n".join(lines[7:] + lines[:7]) + "\n", encoding="utf-8")
    rotools(*command, out, *steps(1)[0])
    assert note.read_bytes() != old
    note.write_bytes(old)
    shown = rotools(*command, out, *steps(1)[2], code=1).stderr
    assert "not those that the shard noted" in shown and "--step judge --shard 1/1" in shown
    rotools(*command, out)
    rotools(*command, tmp_path / "alone")
    assert contents(out) == contents(tmp_path / "alone")


def test_a_trained_tokenizer_is_the_one_that_was_trained(
    corpus: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    command = ("pack", *corpus, *OPTIONS, "--out", tmp_path / "pack")
    for step in steps(1)[:4]:
        rotools(*command, *step)
    (tokenizer,) = (tmp_path / "pack.shards").glob("tokenizer-*")
    good = tokenizer.read_bytes()
    # A digit of a rule or an id: the file stays a tokenizer.
    at = good.index(b'"vocab"') + 60
    for bad in (good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], good[:at]):
        tokenizer.write_bytes(bad)
        shown = rotools(*command, *steps(1)[4], code=1).stderr
        assert "damaged" in shown and "--step train" in shown
    rotools(*command)
    assert contents(tmp_path / "pack") == whole


def test_a_loss_that_only_one_step_accepts(tmp_path: Path) -> None:
    copies = [f"{text} {n}" for text in texts(40, 5) for n in range(6)]
    file, out = jsonl(tmp_path / "web.jsonl", copies), tmp_path / "pack"
    command = ("pack", file, "--no-filter", "--vocab-size", "400", "--out", out)
    alone = rotools(*command, code=1).stderr
    assert "near-duplicates would take" in alone and "--accept-loss" in alone
    rotools(*command, *steps(1)[0])
    assert rotools(*command, "--step", "decide", code=1).stderr == alone
    rotools(*command, "--step", "decide", "--accept-loss")
    assert rotools(*command, *steps(1)[2], code=1).stderr == alone
    assert rotools(*command, code=1).stderr == alone and not out.exists()
    for step in steps(1)[2:]:
        rotools(*command, *step, "--accept-loss")
    assert out.exists()


def test_each_step_names_the_next_one(tmp_path: Path) -> None:
    command = ("pack", jsonl(tmp_path / "web.jsonl", texts(30, 1)), "--no-filter", "--out", tmp_path / "pack")
    assert "when all shards are done, --step decide" in rotools(*command, *steps(1)[0]).stderr
    assert "run the same command without --shard" in rotools(*command, "--shard", "1/1").stderr
    shown = rotools(*command, "--step", "decide", "--no-dedup", code=2).stderr
    assert "without --step and --shard" in shown
    assert "at most 65536" in rotools(*command, "--shard", "1/65537", code=2).stderr


def test_the_folder_of_the_shards_is_beside_the_output(tmp_path: Path) -> None:
    corpus = [("web", [str(jsonl(tmp_path / "web.jsonl", texts(30, 1)))], 1, "web")]
    _rotext.pack(corpus, f"{tmp_path}/z/", step="judge", shard=(1, 1), vocab_size=300)
    assert {path.name for path in tmp_path.iterdir()} == {"web.jsonl", "z.shards"}


def test_ray_continues_with_the_number_of_shards_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "pack"
    assert shards_there(out) is None
    for name in ("1-of-1", "1-of-3", "2-of-3", "3-of-3", "1-of-8", "7-of-8", "x-of-9"):
        folder = tmp_path / "pack.shards" / name
        folder.mkdir(parents=True)
        (folder / "judged").touch()
    assert shards_there(out) == 3


@pytest.mark.parametrize("name", ["frames", "words"])
def test_a_journal_that_is_gone_is_judged_again(name: str, tmp_path: Path) -> None:
    command = ("pack", jsonl(tmp_path / "web.jsonl", texts(60, 1)), "--no-filter", *OPTIONS, "--out")
    out = tmp_path / "pack"
    for number in (1, 2):
        rotools(*command, out, "--shard", f"{number}/2")
    (file,) = (
        path for path in out.with_name("pack.shards").glob(f"*/journal/{name}") if path.parts[-3][0] == "1"
    )
    file.unlink()
    shown = rotools(*command, out, "--step", "decide", code=1).stderr
    assert "--step judge --shard 1/2" in shown
    rotools(*command, out, "--shard", "1/2")
    rotools(*command, out, "--step", "decide")


def test_the_last_run_does_the_work_of_damaged_files(
    corpus: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, shards = tmp_path / "pack", tmp_path / "pack.shards"
    command = ("pack", *corpus, *OPTIONS, "--out", out)
    for step in steps(2)[:-1]:
        rotools(*command, *step)
    kept = tmp_path / "kept"
    shutil.copytree(shards, kept)
    for name in ("encode/1-of-2", "decisions", "1-of-2/journal/frames"):
        path = shards / name
        bad = bytearray(path.read_bytes())
        bad[len(bad) // 2] ^= 1
        path.write_bytes(bad)
        shown = rotools(*command, "--step", "finish" if name[0] != "1" else "decide", code=1).stderr
        named = {"e": "--step encode --shard 1/2", "d": "--step decide", "1": "--step judge --shard 1/2"}
        assert named[name[0]] in shown
        rotools(*command)
        assert contents(out) == whole
        shutil.rmtree(out)
        shutil.copytree(kept, shards)


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    shards=st.integers(1, 9),
    files=st.lists(st.lists(st.integers(0, 60), max_size=25), min_size=1, max_size=6),
    seed=st.integers(0, 999),
)
def test_any_number_of_tasks(
    shards: int, files: list[list[int]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Small files of copies among few texts, tasks in any order within a step, some done twice."""
    folder = tmp_path_factory.mktemp("any")
    pool = texts(61, seed)
    names = []
    for number, picks in enumerate([*files, [0, 1, 2]]):
        name = folder / f"{number}.jsonl"
        name.write_text(
            "".join(json.dumps({"text": pool[pick]}, ensure_ascii=False) + "\n" for pick in picks),
            encoding="utf-8",
        )
        names.append(str(name))
    phases = [("web", names, 1, "web")]
    options: dict[str, Any] = {"vocab_size": 300, "valid_share": 0.1, "accept_loss": True, "threads": 2}
    _rotext.pack(phases, folder / "alone", **options)
    rng = random.Random(seed)
    for step in ("judge", "decide", "count", "train", "encode", "finish"):
        tasks = list(range(1, shards + 1)) if step in ("judge", "count", "encode") else [None]
        rng.shuffle(tasks)
        for task in [*tasks, tasks[0]] if step != "finish" else tasks:
            shard = None if task is None else (task, shards)
            _rotext.pack(phases, folder / "pack", step=step, shard=shard, **options)
    assert contents(folder / "pack") == contents(folder / "alone")
    shutil.rmtree(folder)
    assert not os.path.exists(folder)
