"""Bad input ends in one sentence with place and hint, or is skipped, counted and kept."""

import gzip
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rotools_program import jsonl, rotools, texts


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """JSONL of 200 documents."""
    return jsonl(tmp_path / "corpus.jsonl", texts(200, 1))


@pytest.fixture
def tokenizer(corpus: Path, tmp_path: Path) -> Path:
    """A small tokenizer."""
    out = tmp_path / "tokenizer.json"
    rotools("tokenizer", "train", corpus, "--vocab-size", 500, "--out", out)
    return out


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


def zstd(plain: bytes) -> bytes:
    """A zstd frame, streamed."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(plain)
    return bytes(sink.getvalue())


def failure(*arguments: object, code: int = 1) -> str:
    """The error of a run that must fail with one sentence and a hint."""
    message = rotools(*arguments, code=code).stderr
    assert message.startswith("error:") and message.count("\n") == 2 and "\nhint:" in message, message
    return message


def test_a_missing_field_names_the_fields_that_are_there(tmp_path: Path) -> None:
    body = tmp_path / "body.jsonl"
    body.write_text('{"body": "x", "url": "y"}\n', encoding="utf-8")
    message = failure("pack", body, "--out", tmp_path / "p")
    assert f"{body}:1" in message and "no field `text`" in message and "body, url" in message
    assert "--text-field" in message
    table = tmp_path / "body.parquet"
    pq.write_table(pa.table({"body": ["x"], "n": [1]}), table)
    message = failure("pack", table, "--out", tmp_path / "p")
    assert "no column `text`" in message and "body, n" in message
    assert "not text" in failure("pack", table, "--text-field", "n", "--out", tmp_path / "p")


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_cut_off_and_damaged_compression(corpus: Path, tmp_path: Path, share: float) -> None:
    # Text that does not compress to nothing, so that a cut falls inside.
    plain = corpus.read_bytes()
    for ending, packed in (("gz", gzip.compress(plain)), ("zst", zstd(plain))):
        cut = tmp_path / f"cut.jsonl.{ending}"
        cut.write_bytes(packed[: int(len(packed) * share)])
        message = failure("normalize", cut, "--strict", "--out", tmp_path / "p")
        assert "cut off" in message and "byte" in message and str(cut) in message
        broken = bytearray(packed)
        middle = int(len(packed) * share)
        broken[middle : middle + 40] = bytes(40)
        cut.write_bytes(broken)
        message = failure("normalize", cut, "--strict", "--out", tmp_path / "p")
        assert "damaged" in message or "cut off" in message
    assert not (tmp_path / "p").exists() and not (tmp_path / "p.partial").exists()


def test_a_corrupt_parquet_file(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + bytes(100))
    assert "Parquet file is damaged" in failure("pack", path, "--out", tmp_path / "p")
    pq.write_table(pa.table({"text": texts(500, 5)}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:2000] + b"\xff" * 500 + whole[2500:])
    assert "Parquet file is damaged" in failure("pack", path, "--out", tmp_path / "p")


def test_inputs_that_are_not_a_corpus(corpus: Path, tmp_path: Path) -> None:
    assert "no such file" in failure("pack", tmp_path / "no.jsonl", "--out", tmp_path / "p")
    (tmp_path / "empty").mkdir()
    assert "no file to read" in failure("pack", tmp_path / "empty", "--out", tmp_path / "p")
    assert "no file matches" in failure("pack", tmp_path / "*.nothing", "--out", tmp_path / "p", code=2)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert "no document" in failure("pack", tmp_path / "empty.jsonl", "--out", tmp_path / "p")
    (tmp_path / "blank.jsonl").write_bytes(b"\n\n  \n")
    assert "no document" in failure("pack", tmp_path / "blank.jsonl", "--out", tmp_path / "p")
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.4 ...")
    assert "PDF" in failure("pack", tmp_path / "x.pdf", "--out", tmp_path / "p")
    (tmp_path / "x.bin").write_bytes(b"\x01\x02")
    assert "unknown format" in failure("pack", tmp_path / "x.bin", "--out", tmp_path / "p")
    (tmp_path / "list.jsonl").write_bytes(b"[1]\n[2]\n")
    assert "no document" in failure("pack", tmp_path / "list.jsonl", "--out", tmp_path / "p")
    rotools("pack", code=2)


def test_outputs_that_cannot_be_written(corpus: Path, tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine").write_bytes(b"mine")
    under_file = tmp_path / "file" / "out"
    failures = [
        rotools("pack", corpus, "--out", under_file, code=1),
        rotools("normalize", corpus, "--out", under_file, code=1),
        rotools("normalize", corpus, "--out", tmp_path / "no" / "out.jsonl", code=1),
        rotools("normalize", corpus, "--out", folder, code=1),
        rotools("tokenizer", "train", corpus, "--out", folder, code=1),
        rotools("tokenizer", "encode", corpus, "--tokenizer", tokenizer, "--out", folder, code=1),
        rotools("sample", "--out", tmp_path / "no" / "out.jsonl", code=1),
        rotools("pack", corpus, "--out", folder, "--force", code=1),
        rotools("pack", corpus, "--out", tmp_path / "file", "--force", code=1),
    ]
    for done in failures:
        assert done.stderr.count("error:") == 1, done.stderr
        assert str(tmp_path) in done.stderr, done.stderr
    assert (tmp_path / "file").read_bytes() == b"mine" and (folder / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("verb", ["pack", "whole road", "normalize", "filter", "encode", "train"])
def test_a_full_disk_leaves_no_files(corpus: Path, tokenizer: Path, tmp_path: Path, verb: str) -> None:
    """Writes beyond 4 kB fail, as on a full disk (there the errno is ENOSPC, here EFBIG)."""
    words = {
        "pack": ["pack", corpus, "--tokenizer", tokenizer],
        "whole road": ["pack", corpus],
        "normalize": ["normalize", corpus],
        "filter": ["filter", corpus],
        "encode": ["tokenizer", "encode", corpus, "--tokenizer", tokenizer],
        "train": ["tokenizer", "train", corpus, "--vocab-size", 500],
    }[verb]
    out = tmp_path / "target" / "out"
    out.parent.mkdir()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-B", "-m", "rotools", *map(str, words), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("error:") == 1 and "Traceback" not in done.stderr and str(out) in done.stderr
    assert list(out.parent.iterdir()) == []


def test_nul_bytes_and_odd_text_pass_through(tokenizer: Path, tmp_path: Path) -> None:
    odd = [
        "a\0b",
        "\u200b\u200b",
        "🙂" * 10,
        "\x1b[31mroșu",
        "<|endoftext|> în text",
        "\ud7ff\ue000",
        "x" * 100000,
    ]
    path = jsonl(tmp_path / "odd.jsonl", odd)
    account = json.loads(rotools("normalize", path, "--out", tmp_path / "out.jsonl", "--json").stdout)
    # Two are nothing but characters that are not text: zero width, private use.
    assert account["documents"] == 5 or account["rejected"] == {"empty": 1}
    raw = tmp_path / "nul.jsonl"
    raw.write_bytes(b'{"text": "a\0b"}\n{"text": "bun"}\n')
    account = json.loads(rotools("normalize", raw, "--out", tmp_path / "out.jsonl", "--json").stdout)
    assert account["documents"] == 1 and account["rejected"] == {"broken-json": 1}


def test_a_line_of_200_mb_is_a_document(tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.write('{"text": "')
        for number in range(200):
            file.write(f"{number} " + "țară și pădure " * (1_000_000 // 18))
        file.write('"}\n{"text": "scurt"}\n')
    out = tmp_path / "long.bin"
    done = rotools("tokenizer", "encode", path, "--tokenizer", tokenizer, "--out", out, "--json")
    assert json.loads(done.stdout)["read"]["documents"] == 2
    with path.open("wb") as file:
        file.write(b'{"text": "' + b"x" * (257 << 20) + b'"}\n{"text": "scurt"}\n')
    done = rotools("tokenizer", "encode", path, "--tokenizer", tokenizer, "--out", out, "--json")
    read = json.loads(done.stdout)["read"]
    assert read["documents"] == 1 and read["rejected"] == {"too-long": 1}


def test_a_broken_tokenizer(corpus: Path, tokenizer: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.json"
    for content in (b"", b"{", b"[]", b'{"model": {"type": "Unigram"}}', tokenizer.read_bytes()[:-100]):
        foreign.write_bytes(content)
        for verb in (["pack", corpus], ["tokenizer", "encode", corpus]):
            message = failure(*verb, "--tokenizer", foreign, "--out", tmp_path / "p")
            assert str(foreign) in message, message
    assert not (tmp_path / "p").exists()


def test_a_wrong_toml(tmp_path: Path) -> None:
    config = tmp_path / "corpus.toml"
    config.write_text("[[phase]\n", encoding="utf-8")
    assert str(config) in failure("pack", "--config", config, code=2)
    assert "no such file" in failure("pack", "--config", tmp_path / "no.toml", code=2).lower()


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, '{"text":"a","x":' + "[" * 50_000 + "}"])
def test_deep_nesting_is_one_bad_record(tmp_path: Path, deep: str) -> None:
    corpus = tmp_path / "deep.jsonl"
    good = json.dumps({"text": "Un text bun și curat."}, ensure_ascii=False)
    brackets = json.dumps({"text": "[" * 5_000 + '\\"{' * 5_000})  # in a string they are text
    whole = '{"text":"a","x":' + "[" * 50_000 + "]" * 50_000 + "}"
    corpus.write_text("\n".join((good, deep, brackets, whole, good)) + "\n", encoding="utf-8")
    report = json.loads(rotools("normalize", corpus, "--out", tmp_path / "out.jsonl", "--json").stdout)
    assert report["documents"] == 4
    assert report["rejected"] == {"broken-json": 1}
    stopped = rotools("normalize", corpus, "--out", tmp_path / "no.jsonl", "--strict", code=1).stderr
    assert "broken JSON" in stopped and ":2 byte" in stopped


def test_one_line_of_many_words_has_a_language(tmp_path: Path) -> None:
    """A sum of 32 bits overflowed after some 700,000 words of a document."""
    corpus = tmp_path / "long.txt"
    corpus.write_text(
        "Și nu este mai mult decât ce a fost pe lângă casa lui din sat. " * 400_000, encoding="utf-8"
    )
    report = json.loads(
        rotools("filter", corpus, "--out", tmp_path / "out.jsonl", "--json", "--annotate").stdout
    )
    assert report["read"]["documents"] == 1
