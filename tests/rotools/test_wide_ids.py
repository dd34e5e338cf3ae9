"""A vocabulary over 65,499 makes ids of 32 bits, everywhere."""

import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rotools_program import jsonl, rotools, texts
from tokenizers import Tokenizer

from rotools import kernels, open_pack

FILLERS = 69_000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jsonl(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", texts(200, 3))


@pytest.fixture(scope="module")
def wide(corpus: Path) -> Path:
    """A trained tokenizer whose ids begin after 69,000 tokens that no text has."""
    path = corpus.with_name("tokenizer.json")
    rotools("tokenizer", "train", corpus, "--vocab-size", 600, "--out", path)
    file = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = file["model"]["vocab"]
    fillers = {f"<unused{number}>": number for number in range(FILLERS)}
    file["model"]["vocab"] = fillers | {token: id + FILLERS for token, id in vocabulary.items()}
    for token in file["added_tokens"]:
        token["id"] += FILLERS
    path.write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_pack_of_a_large_vocabulary(corpus: Path, wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    rotools("pack", corpus, "--tokenizer", wide, "--no-filter", "--out", out)
    rotools("verify", out)
    pack = open_pack(out)
    oracle = Tokenizer.from_file(str(wide))
    assert pack.manifest["dtype"] == "<u4" and pack.manifest["vocab_size"] == oracle.get_vocab_size()
    documents = list(pack.documents("web"))
    assert len(documents) == pack.phases[0].train.documents > 190
    everything = [*documents, *pack.documents("web", "valid")]
    assert all(ids.dtype == np.uint32 and ids[-1] == pack.eos_id == FILLERS for ids in everything)
    found = sorted(ids[:-1].tolist() for ids in everything)
    assert found == sorted(oracle.encode(text, add_special_tokens=False).ids for text in texts(200, 3))
    assert pack.decode(next(pack.blocks())[:-1]) == oracle.decode(
        np.concatenate(documents)[:2047].tolist(), False
    )
    assert rotools("inspect", out, "--block", 0).stdout.startswith(pack.decode(documents[0][:20]))
    # Megatron's code 4 is int32, and its pointers are bytes.
    index = (out / "train-web-00000.idx").read_bytes()
    assert index[:9] == b"MMIDIDX\0\0" and index[17] == 4
    second = struct.unpack_from("<q", index, 34 + 4 * len(documents) + 8)[0]
    assert second == 4 * len(documents[0])
    assert rotools("report", out, "--out", tmp_path / "report.html")


def test_damage_to_wide_ids_is_found(corpus: Path, wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    rotools("pack", corpus, "--tokenizer", wide, "--no-filter", "--out", out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    for dtype in ("<u2", "<i4"):
        (out / "manifest.json").write_text(json.dumps(manifest | {"dtype": dtype}), encoding="utf-8")
        assert "manifest is damaged" in rotools("verify", out, code=1).stderr


def test_columns_and_files_of_ids_are_wide(corpus: Path, wide: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids.bin"
    rotools("tokenizer", "encode", corpus, "--tokenizer", wide, "--out", ids)
    column = kernels.encode(pa.array(texts(200, 3)), wide)
    assert column.type == pa.list_(pa.uint32())
    assert np.array_equal(np.fromfile(ids, "<u4"), column.values.to_numpy())
