"""The small files that the tools leave, damaged in many ways: noticed in one sentence, or without effect. Never a traceback."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rotools_program import jsonl, rotools, texts

import rotools as library
from rotools import RotoolsError
from rotools.books import decisions

ALL = os.environ.get("FAULTS") == "all"
SAMPLES, CUTS = (1000, 200) if ALL else (120, 30)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    documents = texts(60, 6)
    source = jsonl(folder / "web.jsonl", [*documents, documents[0]])
    rotools("pack", source, "--out", folder / "pack", "--vocab-size", 300, "--quiet", "--no-filter")
    return folder / "pack"


def damaged(data: bytes, rng: random.Random) -> list[bytes]:
    """Changed bytes, and beginnings."""
    variants = []
    for at in rng.sample(range(len(data)), min(SAMPLES, len(data))):
        variants.append(data[:at] + bytes([data[at] ^ rng.choice((1, 4, 32, 128, 255))]) + data[at + 1 :])
    lengths = {0, 1, len(data) - 1, *rng.sample(range(len(data)), min(CUTS, len(data)))}
    return [*variants, *(data[:length] for length in lengths)]


def try_all(original: bytes, file: Path, use: Callable[[], Any], rng: random.Random) -> int:
    """Use every variant; returns how many were refused."""
    refused = 0
    for data in [*damaged(original, rng), b"[" * 100_000, b"null", b"{}", b"7", b"\xff\xfe\x00"]:
        file.write_bytes(data)
        try:
            use()
        except RotoolsError as error:
            refused += 1
            assert "\n" not in error.what and error.place is not None, error
    return refused


def offsets(pack: Path) -> Path:
    return next(pack.glob("train-*.offsets.npy"))


@pytest.mark.parametrize("name", ["report.json", "manifest.json", "ledger.parquet", "offsets"])
def test_a_page_about_a_damaged_pack(name: str, pack: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    file = offsets(copy) if name == "offsets" else copy / name

    def use() -> None:
        library.report(copy, tmp_path / "page.html", texts=False)

    assert try_all(file.read_bytes(), file, use, random.Random(name)) > 5


def test_documents_of_a_pack_with_damaged_offsets(pack: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    phase = library.open_pack(copy).phases[0].name

    def use() -> None:
        for document in library.open_pack(copy).documents(phase):
            assert len(document) > 0

    file = offsets(copy)
    assert try_all(file.read_bytes(), file, use, random.Random(3)) > 50


def test_damaged_decisions(tmp_path: Path) -> None:
    out = tmp_path / "books.jsonl"
    for number in range(3):
        decisions.append(
            out, {"digest": f"{number:064x}", "id": "carte", "verdict": "pages", "pages": [1, 2]}
        )
    file = decisions.path_of(out)
    assert try_all(file.read_bytes(), file, lambda: decisions.read(out), random.Random(1)) > 20
