"""`rotools pack` from files to verified blocks, through the command line."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

WORDS = [
    "și",
    "în",
    "să",
    "țară",
    "copil",
    "învățător",
    "pădure",
    "mâine",
    "fără",
    "după",
    "apă",
    "câine",
    "stradă",
    "oraș",
    "munte",
    "mare",
    "carte",
    "frumos",
    "vede",
    "merge",
    "spune",
    "aude",
    "râde",
    "cântă",
    "s-a",
    "într-o",
    "n-am",
    "dintr-un",
    "l-au",
    "ce-i",
    "mi-e",
    "1989",
    "12,5",
    "„da”",
    "–",
    "așa!",
    "bine?",
    "unu",
]


def rotools(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs the command line and expects its exit code."""
    command = [sys.executable, "-m", "rotools", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def texts(count: int, seed: int) -> list[str]:
    """Romanian-looking documents of different lengths."""
    rng = random.Random(seed)
    return [f"{number}. " + " ".join(rng.choices(WORDS, k=rng.randint(5, 400))) for number in range(count)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """JSONL of 400 documents, ten of them twice."""
    documents = texts(400, 1)
    path = tmp_path / "corpus.jsonl"
    lines = [json.dumps({"id": f"d{i}", "text": t}) for i, t in enumerate(documents + documents[:10])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def contents(directory: Path) -> dict[str, bytes]:
    """All files of a directory."""
    return {p.name: p.read_bytes() for p in sorted(directory.iterdir())}


def test_pack_holds_every_document_once(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    report = json.loads(rotools("pack", corpus, "--out", out, "--vocab-size", 600, "--json").stdout)
    assert report["phases"][0]["read"]["rejected"] == {"duplicate": 10}
    rotools("verify", out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    oracle = Tokenizer.from_file(str(out / "tokenizer.json"))
    expected = {f"d{i}": t for i, t in enumerate(texts(400, 1))}
    seen: dict[str, str] = {}
    for split in ("train", "valid"):
        stream = manifest["phases"][0][split]
        for shard in stream["shards"]:
            stem = out / shard["file"].removesuffix(".bin")
            ids = np.fromfile(out / shard["file"], dtype="<u2")
            ends = np.load(f"{stem}.offsets.npy")
            table = pq.read_table(f"{stem}.docs.parquet").to_pylist()
            assert len(ids) == shard["tokens"] and len(table) == len(ends) - 1 == shard["documents"]
            for row, start, end in zip(table, ends[:-1], ends[1:], strict=True):
                assert ids[end - 1] == manifest["eos_id"]
                assert (row["start"], row["length"]) == (start, end - start)
                text = oracle.decode(ids[start : end - 1].tolist(), skip_special_tokens=False)
                assert row["bytes"] == len(text.encode())
                assert oracle.encode(text, add_special_tokens=False).ids == ids[start : end - 1].tolist()
                seen[row["id"]] = text
        assert stream["blocks"] == max(stream["tokens"] - 1, 0) // 2048
    assert seen == expected
    block = rotools("inspect", out, "--block", 0).stdout
    assert block.startswith(next(iter(seen.values()))[:40])


def test_bytes_do_not_depend_on_threads(corpus: Path, tmp_path: Path) -> None:
    packs = []
    for threads in (1, 2, 5):
        out = tmp_path / f"pack{threads}"
        rotools("pack", corpus, "--out", out, "--vocab-size", 500, "--threads", threads)
        packs.append(contents(out))
    assert packs[0] == packs[1] == packs[2]


def test_every_format_gives_the_same_tokens(corpus: Path, tmp_path: Path) -> None:
    records = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines()]
    gz = tmp_path / "corpus2.jsonl.gz"
    gz.write_bytes(gzip.compress(corpus.read_bytes()))
    parquet = tmp_path / "corpus.parquet"
    pq.write_table(
        pa.table({"id": [r["id"] for r in records], "text": [r["text"] for r in records]}), parquet
    )
    rotools("tokenizer", "train", corpus, "--vocab-size", 500, "--out", tmp_path / "t.json")
    outputs = []
    for path in (corpus, gz, parquet):
        out = tmp_path / f"{path.name}.bin"
        rotools("tokenizer", "encode", path, "--tokenizer", tmp_path / "t.json", "--out", out)
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def test_killed_at_any_moment_the_same_command_gives_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "whole"
    began = time.monotonic()
    rotools("pack", corpus, "--out", out, "--vocab-size", 500)
    took = time.monotonic() - began
    whole = contents(out)
    rng = random.Random(7)
    again = tmp_path / "again"
    command = [sys.executable, "-m", "rotools", "pack", corpus, "--out", again, "--vocab-size", "500"]
    for _ in range(8):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, 1.0) * took)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not again.exists() or contents(again) == whole
    if not again.exists():
        rotools(*command[3:])
    assert contents(again) == whole


def test_bad_records_are_skipped_counted_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    good = [json.dumps({"text": t}).encode() for t in texts(30, 2)]
    bad = {
        b'{"text": "cut': "broken-json",
        b'{"text": "x"} trailing': "broken-json",
        b"[1, 2]": "not-an-object",
        b'{"body": "x"}': "missing-field",
        b'{"text": 7}': "wrong-type",
        b'{"text": null}': "wrong-type",
        b'{"text": "\xff\xfe"}': "invalid-utf8",
        b'{"text": "  "}': "empty",
    }
    path.write_bytes(b"\n".join([*good[:15], *bad, *good[15:]]))
    out = tmp_path / "clean.jsonl"
    account = json.loads(rotools("normalize", path, "--out", out, "--json").stdout)
    assert account["documents"] == 30
    assert sum(account["rejected"].values()) == len(bad)
    kept = [
        json.loads(line) for line in Path(f"{out}.rejects.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [k["reason"] for k in kept] == list(bad.values())
    assert [k["line"] for k in kept] == list(range(16, 16 + len(bad)))
    stopped = rotools("normalize", path, "--out", tmp_path / "no.jsonl", "--strict", code=1)
    assert f"{path}:16" in stopped.stderr and "hint:" in stopped.stderr
    assert not (tmp_path / "no.jsonl").exists()


def test_errors_say_what_where_and_what_next(corpus: Path, tmp_path: Path) -> None:
    body = tmp_path / "body.jsonl"
    body.write_text('{"body": "x", "url": "y"}\n', encoding="utf-8")
    failed = rotools("pack", body, "--out", tmp_path / "p", code=1).stderr
    assert "no field `text`" in failed and "body, url" in failed and "--text-field" in failed
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(corpus.read_bytes())[:-2000])
    failed = rotools("pack", cut, "--out", tmp_path / "p", code=1).stderr
    assert "cut off" in failed and "byte" in failed
    parquet = tmp_path / "x.parquet"
    parquet.write_bytes(b"PAR1" + bytes(100))
    assert "Parquet file is damaged" in rotools("pack", parquet, "--out", tmp_path / "p", code=1).stderr
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"model": {"type": "Unigram"}}', encoding="utf-8")
    failed = rotools("pack", corpus, "--tokenizer", foreign, "--out", tmp_path / "p", code=1).stderr
    assert "hint:" in failed
    assert "no such file" in rotools("pack", tmp_path / "no.jsonl", "--out", tmp_path / "p", code=1).stderr
    assert not (tmp_path / "p").exists() and not (tmp_path / "p.partial").exists()
    rotools("pack", code=2)


def test_verify_names_the_damage(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    rotools("pack", corpus, "--out", out, "--vocab-size", 500)
    assert "exists already" in rotools("pack", corpus, "--out", out, code=1).stderr
    shard = out / "train-web-00000.bin"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    assert "checksum" in rotools("verify", out, code=1).stderr
    shard.write_bytes(whole[:-2])
    assert "bytes, the manifest says" in rotools("verify", out, code=1).stderr
    shard.write_bytes(whole)
    rotools("verify", out)
    (out / "manifest.json").write_text("{", encoding="utf-8")
    assert "manifest is damaged" in rotools("verify", out, code=1).stderr


def test_a_small_phase_holds_one_document_out(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for number, text in enumerate(texts(12, 3)):
        (books / f"{number:02}.txt").write_text(text, encoding="utf-8")
    out = tmp_path / "pack"
    rotools("pack", "--phase", f"books={books}", "--out", out, "--vocab-size", 400)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["phases"][0]["valid"]["documents"] == 1
    assert manifest["phases"][0]["train"]["documents"] == 11


def test_help_is_quick_to_import() -> None:
    code = "import sys, rotools.cli.app; assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
