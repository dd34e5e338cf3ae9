"""Each task reads its own units of a file and no others, and the bytes stay those of one machine."""

import json
import struct
from pathlib import Path

import noisy_corpus
import pyarrow as pa
import pytest
from rotools_program import contents, rotools

import rotools as library

HEADER = 28
"""Bytes of a journal before its frames."""
SHARDS = 3


def frames(folder: Path) -> list[tuple[int, int]]:
    """The chunks of a journal: the hash of the bytes, and the source."""
    content = (folder / "journal" / "frames").read_bytes()
    found, at = [], HEADER
    while at < len(content):
        length = struct.unpack_from("<I", content, at)[0]
        found.append(struct.unpack_from("<QI", content, at + 12))
        at += 12 + length
    return found


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same corpus in each form, without ids: they are places, which a part of a file does not know."""
    folder = tmp_path_factory.mktemp("forms")
    plain = noisy_corpus.lines(named=False)
    for name, compress in noisy_corpus.COMPRESSIONS.items():
        (folder / name).write_bytes(compress(plain))
    noisy_corpus.parquet(folder / "web.parquet")
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("form", ["web.jsonl", "web.jsonl.zst", "web.jsonl.gz", "web.parquet"])
def test_shards_read_the_input_once(form: str, forms: dict[str, Path], tmp_path: Path) -> None:
    file = forms[form]
    whole, out = tmp_path / "whole" / "o.jsonl", tmp_path / "shards" / "o.jsonl"
    for path in (whole, out):
        path.parent.mkdir()
    rotools("dedup", file, "--out", whole)
    command = ("dedup", file, "--out", out)
    alone = json.loads(rotools(*command, "--shard", "1/1", "--json").stdout)
    found = [json.loads(rotools(*command, "--shard", f"{n}/{SHARDS}", "--json").stdout) for n in (2, 3, 1)]
    assert sum(shard["records"] for shard in found) == alone["records"] == noisy_corpus.RECORDS
    assert all(shard["input"] == file.stat().st_size and shard["whole"] == [] for shard in found)
    read = [shard["read"] for shard in found]
    if form != "web.parquet":  # Of a table only two columns are read, by whoever reads it.
        assert file.stat().st_size <= sum(read) <= 1.05 * file.stat().st_size
    assert sum(read) <= 1.05 * alone["read"] + SHARDS * 50_000
    assert max(read) < 0.55 * sum(read)
    # All chunks are those that one reader sees, so the last run takes each of them.
    parts = [frames(out.parent / "o.jsonl.shards" / f"{n}-of-{SHARDS}") for n in range(1, SHARDS + 1)]
    assert all(parts) and [chunk for part in parts for chunk in part] == frames(
        out.parent / "o.jsonl.shards" / "1-of-1"
    )
    rotools(*command)
    assert contents(out.parent) == contents(whole.parent)


def test_a_changed_input_costs_the_changed_chunks(forms: dict[str, Path], tmp_path: Path) -> None:
    file, out = tmp_path / "web.jsonl", tmp_path / "o.jsonl"
    content = forms["web.jsonl"].read_bytes()
    file.write_bytes(content)
    for number in (1, 2):
        rotools("dedup", file, "--out", out, "--shard", f"{number}/2")
    # A line more at the start moves every line, and not the text of the chunks behind the first unit.
    middle = content.index(b"\n", 20 << 20) + 1
    file.write_bytes(content[:middle] + b'{"text": "Ana are mere."}\n' + content[middle:])
    rotools("dedup", file, "--out", out)
    fresh = tmp_path / "fresh.jsonl"
    rotools("dedup", file, "--out", fresh)
    assert out.read_bytes() == fresh.read_bytes()


def test_a_file_of_one_frame_is_one_unit_until_it_is_split(forms: dict[str, Path], tmp_path: Path) -> None:
    plain = forms["web.jsonl"].read_bytes()
    file = tmp_path / "web.jsonl.zst"
    file.write_bytes(noisy_corpus.zstd(plain))
    out = tmp_path / "o.jsonl"
    shown = rotools("dedup", file, "--out", out, "--shard", "2/2").stderr
    assert "cannot be cut" in shown and "rotools split" in shown
    said = rotools("split", file, "--out", tmp_path / "units").stderr
    assert "the same bytes" in said
    done = library.split(tmp_path / "units" / "web.jsonl.zst", tmp_path / "again").files[0]
    assert done.out is None
    # Another reader of the format sees the same bytes.
    with pa.input_stream(str(tmp_path / "units" / "web.jsonl.zst"), compression="zstd") as unpacked:
        assert unpacked.read() == plain
    out = tmp_path / "units.jsonl"
    split = tmp_path / "units" / "web.jsonl.zst"
    read = [
        json.loads(rotools("dedup", split, "--out", out, "--shard", f"{n}/2", "--json").stdout)["read"]
        for n in (1, 2)
    ]
    assert max(read) < 0.6 * split.stat().st_size and sum(read) < 1.05 * split.stat().st_size
    assert rotools("split", file, "--out", tmp_path / "units", code=1).stderr.count("exists already") == 1


def test_what_cannot_be_split_is_named(tmp_path: Path) -> None:
    text = tmp_path / "a.txt.gz"
    text.write_bytes(noisy_corpus.bgzip(b"Ana are mere."))
    wrong = rotools("split", text, "--out", tmp_path / "units", code=2).stderr
    assert "a.txt.gz" in wrong and "JSON lines" in wrong and "hint:" in wrong
    assert not (tmp_path / "units").exists()
