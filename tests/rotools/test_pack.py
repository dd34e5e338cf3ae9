"""`rotools pack` from files to verified blocks, through the command line."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rotools_program import contents, jsonl, rotools, texts
from tokenizers import Tokenizer


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """JSONL of 400 documents, ten of them twice."""
    documents = texts(400, 1)
    return jsonl(tmp_path / "corpus.jsonl", documents + documents[:10])


def test_pack_holds_every_document_once(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    report = json.loads(
        rotools("pack", corpus, "--out", out, "--vocab-size", 600, "--no-filter", "--json").stdout
    )
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
    for ending in ("idx", "offsets.npy", "docs.parquet"):
        sidecar = out / f"train-web-00000.{ending}"
        good = sidecar.read_bytes()
        sidecar.write_bytes(good[:50] + bytes([good[50] ^ 255]) + good[51:])
        assert ending in rotools("verify", out, code=1).stderr
        sidecar.write_bytes(good[:-1])
        assert ending in rotools("verify", out, code=1).stderr
        sidecar.write_bytes(good)
    (out / "manifest.json").write_text("{", encoding="utf-8")
    assert "manifest is damaged" in rotools("verify", out, code=1).stderr


def test_a_small_phase_holds_one_document_out(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for number, text in enumerate(texts(12, 3)):
        (books / f"{number:02}.txt").write_text(text, encoding="utf-8")
    out = tmp_path / "pack"
    rotools("pack", "--phase", f"books={books}", "--out", out, "--vocab-size", 400, "--no-filter")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["phases"][0]["valid"]["documents"] == 1
    assert manifest["phases"][0]["train"]["documents"] == 11


def test_standard_input_packs_like_a_file(corpus: Path, tmp_path: Path) -> None:
    rotools("pack", corpus, "--out", tmp_path / "file", "--vocab-size", 500)
    for given in (corpus.read_bytes(), gzip.compress(corpus.read_bytes())):
        rotools("pack", "-", "--out", tmp_path / "stdin", "--vocab-size", 500, "--force", given=given)
        file, stdin = contents(tmp_path / "file"), contents(tmp_path / "stdin")
        assert file.keys() == stdin.keys()
        same = {name for name in file if file[name] == stdin[name]}
        # Those that name the source differ.
        assert file.keys() - same <= {"README.md", "manifest.json", "rejects.jsonl.zst", "ledger.parquet"} | {
            n for n in file if n.endswith(".docs.parquet")
        }


def test_pipes_are_read_to_their_last_byte(corpus: Path, tmp_path: Path) -> None:
    # Who looks into a pipe to see what it holds takes its beginning away from who reads it.
    def piped(*names: str) -> list[Path]:
        pipes = [tmp_path / name for name in names]
        for pipe in pipes:
            os.mkfifo(pipe)
            threading.Thread(target=pipe.write_bytes, args=(corpus.read_bytes(),), daemon=True).start()
        return pipes

    out = tmp_path / "clean.jsonl"
    rotools("normalize", corpus, "--out", out)
    clean = out.read_bytes()
    rotools("normalize", *piped("one"), "--out", out)
    assert out.read_bytes() == clean

    options = ["--vocab-size", 400, "--no-filter", "--json"]
    for number, dedup in enumerate((["--no-dedup"], ["--preset", "exact"], ["--preset", "default"])):
        files = [f"--phase=a={corpus}", f"--phase=b={corpus}"]
        report = json.loads(
            rotools("pack", *files, "--out", tmp_path / f"f{number}", *options, *dedup).stdout
        )
        phases = [
            f"--phase={name[0]}={pipe}"
            for name, pipe in zip("ab", piped(f"a{number}", f"b{number}"), strict=True)
        ]
        streamed = json.loads(
            rotools("pack", *phases, "--out", tmp_path / f"s{number}", *options, *dedup).stdout
        )
        assert streamed == {**report, "out": streamed["out"]}
    assert "is a stream" in rotools("plan", *piped("c"), code=2).stderr


def test_a_corpus_file_names_phases_relative_to_itself(corpus: Path, tmp_path: Path) -> None:
    config = tmp_path / "corpus.toml"
    config.write_text(
        '[[phase]]\nname = "web"\ninputs = ["corpus.jsonl"]\n\n'
        '[[phase]]\nname = "books"\ninputs = ["*.txt"]\nepochs = 2\n',
        encoding="utf-8",
    )
    (tmp_path / "a.txt").write_text("\n".join(texts(3, 9)), encoding="utf-8")
    rotools("pack", "--config", config, "--out", tmp_path / "pack", "--vocab-size", 500)
    manifest = json.loads(rotools("inspect", tmp_path / "pack", "--json").stdout)
    assert [(p["name"], p["epochs"]) for p in manifest["phases"]] == [("web", 1), ("books", 2)]
    config.write_text('[[phase]]\nname = "web"\ninput = ["x"]\n', encoding="utf-8")
    assert "phase.0.input" in rotools("pack", "--config", config, code=2).stderr


def test_the_held_out_share_is_about_what_was_asked_and_disjoint(corpus: Path, tmp_path: Path) -> None:
    rotools(
        "pack", corpus, "--out", tmp_path / "pack", "--vocab-size", 500, "--valid-share", 0.2, "--no-filter"
    )
    manifest = json.loads((tmp_path / "pack" / "manifest.json").read_text(encoding="utf-8"))
    phase = manifest["phases"][0]
    assert phase["train"]["documents"] + phase["valid"]["documents"] == 400
    assert 50 <= phase["valid"]["documents"] <= 110


def test_an_old_or_newer_pack_is_refused_by_its_version(corpus: Path, tmp_path: Path) -> None:
    rotools("pack", corpus, "--out", tmp_path / "pack", "--vocab-size", 500)
    path = tmp_path / "pack" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "version": 2}), encoding="utf-8")
    for verb in ("verify", "inspect"):
        assert "format version 2" in rotools(verb, tmp_path / "pack", code=1).stderr
