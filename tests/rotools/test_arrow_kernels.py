"""Kernels on Arrow data give what the verbs give."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from rotools_program import jsonl, rotools, texts

from rotools import kernels
from rotools.errors import RotoolsError

BROKEN = ["Ştiinţă şi artă în ţară", "RomÃ¢nia È™i lumea", "co\u00adpil", "  două   spaţii ", "curat"]
ODD = [
    "",
    " ",
    "This page is in English, and so it has no place in the corpus of ours.",
    "<|endoftext|> în text",
]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """Texts of different lengths, some broken, some odd."""
    return [*texts(300, 4), *BROKEN, *ODD, "\n".join(texts(40, 5))]


@pytest.fixture(scope="module")
def corpus(documents: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file for the verbs."""
    return jsonl(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", documents)


@pytest.fixture(scope="module")
def tokenizer(corpus: Path) -> Path:
    """A small tokenizer."""
    out = corpus.with_name("tokenizer.json")
    rotools("tokenizer", "train", corpus, "--vocab-size", 400, "--out", out)
    return out


def records(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


LAYOUTS = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_normalize_does_what_the_command_does(
    documents: list[str], corpus: Path, tmp_path: Path, layout: Any
) -> None:
    rotools("normalize", corpus, "--out", tmp_path / "out.jsonl")
    column = pa.array([None, *documents, None], layout)[1:]
    found = kernels.normalize(column)
    assert found.type == layout and found[-1].as_py() is None
    # The verb leaves out what is empty.
    kept = [text for text in found.to_pylist()[:-1] if text.strip()]
    assert kept == [record["text"] for record in records(tmp_path / "out.jsonl")]


@pytest.mark.parametrize("profile", ["web", "books"])
def test_score_does_what_annotate_does(
    documents: list[str], corpus: Path, tmp_path: Path, profile: str
) -> None:
    words = ("--profile", profile, "--threshold", "words=30", "--threshold", "digits=off")
    rotools("filter", corpus, "--out", tmp_path / "out.jsonl", "--annotate", *words)
    thresholds = {"words": 30.0, "digits": None}
    found = kernels.score(pa.array([None, *documents]), profile=profile, thresholds=thresholds).to_pylist()
    assert found[0] is None
    measured = {record["id"]: record["filter"] for record in records(tmp_path / "out.jsonl")}
    dropped = 0
    for number, text in enumerate(documents):
        if text.strip():
            assert found[number + 1] == measured[f"d{number}"], text
            dropped += found[number + 1]["dropped"] is not None
    assert 0 < dropped < len(measured)


@pytest.mark.parametrize("preset", ["default", "strict"])
def test_sign_gives_what_dedup_compares(tmp_path: Path, preset: str) -> None:
    rng = random.Random(7)
    originals = texts(60, 6)
    near = []
    for text in originals[:30]:
        words = text.split()
        for _ in range(len(words) // 40):
            words[rng.randrange(len(words))] = "altfel"
        near.append(" ".join(words))
    equal = [text.replace("ă", "a").replace(" ", "  ") for text in originals[30:45]]
    everything = [*originals, *near, *equal, "prea scurt", "și el"]
    path = jsonl(tmp_path / "in.jsonl", everything)
    out = ("--out", tmp_path / "out.jsonl", "--preset", preset, "--accept-loss", "--json")
    report = json.loads(rotools("dedup", path, *out).stdout)["dedup"]
    signatures = kernels.sign(pa.array(everything), preset=preset).to_pylist()
    keys = Counter(signature["key"] for signature in signatures)
    assert len(everything) - len(keys) == report["exact"] == len(equal)
    distinct = {signature["key"]: signature["bands"] for signature in signatures}.values()
    assert {len(bands) for bands in distinct} == {0, 14 if preset == "default" else 26}
    assert sum(not bands for bands in distinct) == report["short"] == 2
    places = Counter((place, band) for bands in distinct for place, band in enumerate(bands))
    shared = sum(any(places[key] > 1 for key in enumerate(bands)) for bands in distinct)
    assert shared == report["candidates"] > 20


def test_encode_does_what_the_command_does(
    documents: list[str], corpus: Path, tokenizer: Path, tmp_path: Path
) -> None:
    rotools("tokenizer", "encode", corpus, "--tokenizer", tokenizer, "--out", tmp_path / "out.bin")
    expected = np.fromfile(tmp_path / "out.bin", dtype="<u2")
    texts_ = [text for text in documents if text.strip()]
    for size in (len(texts_), 7):
        batches = [texts_[at : at + size] for at in range(0, len(texts_), size)]
        found = [kernels.encode(pa.array(batch), tokenizer) for batch in batches]
        assert found[0].type == pa.list_(pa.uint16())
        assert np.array_equal(np.concatenate([part.values.to_numpy() for part in found]), expected)
    assert kernels.encode(pa.array(["", None, "da"]), tokenizer).to_pylist()[1] is None
    # Another tokenizer under the same name is another tokenizer.
    rotools("tokenizer", "train", corpus, "--vocab-size", 300, "--out", tokenizer.with_name("t2.json"))
    before = kernels.encode(pa.array(documents[:1]), tokenizer).to_pylist()
    kept = tokenizer.read_bytes()
    tokenizer.write_bytes(tokenizer.with_name("t2.json").read_bytes())
    assert kernels.encode(pa.array(documents[:1]), tokenizer).to_pylist() != before
    tokenizer.write_bytes(kept)


def test_pyarrow_types_are_kept() -> None:
    metadata = {"corpus": "web"}
    schema = pa.schema([("n", pa.int32()), ("body", pa.string())], metadata=metadata)
    batch = pa.record_batch([[1, 2, 3], [*BROKEN[:2], None]], schema=schema)
    repaired = ["Știință și artă în țară", "România și lumea", None]
    found = kernels.normalize(batch, column="body")
    assert isinstance(found, pa.RecordBatch) and found.schema == schema
    assert found.schema.metadata == batch.schema.metadata
    assert found.column("body").to_pylist() == repaired
    # The other columns are the same memory.
    assert found.column("n").buffers()[1].address == batch.column("n").buffers()[1].address
    table = pa.Table.from_batches([batch, batch])
    signed = kernels.sign(table, column="body")
    assert isinstance(signed, pa.Table) and signed.column_names == ["n", "body", "signature"]
    assert signed.num_rows == 6 and signed.schema.metadata == batch.schema.metadata
    assert signed.column("signature").to_pylist()[2] is None
    assert kernels.score(table.slice(1, 0), column="body").column_names == ["n", "body", "filter"]
    chunked = pa.chunked_array([BROKEN[:1], BROKEN[1:2], [None]])
    assert kernels.normalize(chunked).to_pylist() == repaired
    assert kernels.score(chunked).type == kernels.score(chunked.chunk(0)).type
    clean = pa.array(["curat", "și acesta"])
    assert kernels.normalize(clean).buffers()[2].address == clean.buffers()[2].address


def test_polars_types_are_kept(tokenizer: Path) -> None:
    frame = pl.DataFrame({"n": [1, 2, 3], "text": [*BROKEN[:2], None]})
    repaired = ["Știință și artă în țară", "România și lumea", None]
    found = kernels.normalize(frame)
    assert isinstance(found, pl.DataFrame) and found.schema == frame.schema
    assert found["text"].to_list() == repaired
    series = kernels.normalize(frame["text"])
    assert series.name == "text" and series.to_list() == repaired
    lazy = frame.lazy().with_columns(pl.col("text").map_batches(kernels.normalize, return_dtype=pl.String))
    assert lazy.collect()["text"].to_list() == repaired
    tokens = kernels.encode(frame, tokenizer)["tokens"]
    assert tokens.dtype == pl.List(pl.UInt16)
    assert tokens.to_list() == kernels.encode(pa.array(frame["text"].to_list()), tokenizer).to_pylist()
    scored = kernels.score(found).unnest("filter")
    assert scored["measures"].struct.field("words").to_list() == [5, 3, None]


class Foreign:
    """Somebody else's column."""

    def __init__(self, column: pa.Array) -> None:
        self.column = column

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return self.column.__arrow_c_array__(requested_schema)


def test_any_object_with_the_arrow_interface_is_accepted() -> None:
    found = kernels.normalize(Foreign(pa.array(BROKEN[:1])))
    assert pl.Series(found).to_list() == pa.array(found).to_pylist() == ["Știință și artă în țară"]


def test_errors_name_the_cause(tmp_path: Path) -> None:
    batch = pa.record_batch({"body": ["x"], "n": [1]})
    wrong = tmp_path / "t.json"
    wrong.write_text("{}", encoding="utf-8")
    cases: list[tuple[Any, str]] = [
        (lambda: kernels.normalize(batch), "no column `text`, only body, n"),
        (lambda: kernels.sign(batch, column="n"), "Int64, not text"),
        (lambda: kernels.score(pa.array([1.5])), "Float64, not text"),
        (lambda: kernels.score({"text": ["x"]}), "dict is not Arrow data"),
        (lambda: kernels.score(batch, column="body", profile="forum"), "forum"),
        (lambda: kernels.score(batch, column="body", thresholds={"wrods": 1.0}), "no filter rule `wrods`"),
        (lambda: kernels.sign(batch, column="body", preset="lax"), "lax"),
        (lambda: kernels.encode(pa.array(["x"]), tmp_path / "none.json"), "no such file"),
        (lambda: kernels.encode(pa.array(["x"]), wrong), "t.json"),
    ]
    for call, says in cases:
        with pytest.raises(RotoolsError, match=says) as error:
            call()
        assert error.value.hint
    # Buffers that nobody looked at: not UTF-8, and offsets that go back.
    letters = pa.py_buffer(b"\xff\xfeab")
    for offsets in ([0, 2, 4], [0, 4, 2]):
        made = pa.StringArray.from_buffers(2, pa.array(offsets, pa.int32()).buffers()[1], letters)
        for given in (made, pa.record_batch({"text": made}), pa.table({"text": made})):
            with pytest.raises((RotoolsError, ValueError)):
                kernels.normalize(given)
