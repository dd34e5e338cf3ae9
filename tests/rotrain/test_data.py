"""Reading packs: every label once, exact bytes, and clear sentences for damaged ones."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packs import SENTENCES, train_tokenizer, write_pack

from rotrain.data.batches import BatchReader
from rotrain.data.curriculum import apportion_steps, plan_curriculum
from rotrain.data.pack import open_pack
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError, UsageError


def stream_of(pack: Path, split: str, phase: str) -> np.ndarray:
    """The tokens by numpy alone."""
    files = sorted(pack.glob(f"{split}-{phase}-*.bin"))
    return np.concatenate([np.fromfile(file, "<u2") for file in files]).astype(np.int64)


def test_reading_across_shards_is_the_concatenation(pack: Path) -> None:
    truth = stream_of(pack, "train", "web")
    stream = open_pack(pack).phases[0].train
    assert stream.tokens == len(truth) and len(stream.paths) == 2
    first = len(np.fromfile(stream.paths[0], "<u2"))
    for start, length in ((0, 5), (first - 3, 7), (first, 4), (len(truth) - 6, 6), (0, len(truth))):
        out = np.empty(length, dtype=np.int64)
        stream.read(start, out)
        assert np.array_equal(out, truth[start : start + length])


@pytest.mark.parametrize("context", [32, 128])
def test_an_epoch_has_every_label_of_the_whole_blocks_once(pack: Path, context: int) -> None:
    opened = open_pack(pack)
    curriculum = plan_curriculum(opened, context=context, batch=3, steps=2000)
    batches = BatchReader(curriculum, context=context, seed=4)
    sequences = curriculum.sequences[0]
    truth = stream_of(pack, "train", "web")
    blocks = (len(truth) - 1) // opened.block_tokens
    assert sequences * context == blocks * opened.block_tokens
    rows: Counter[bytes] = Counter()
    out = np.empty((3, context + 1), dtype=np.int64)
    steps = sequences // 3
    assert steps < curriculum.stages[0].steps
    drawn = 0
    for step in range(steps + 1):
        batches.read(step, out)
        for row in out:
            if drawn < sequences:
                rows[row.tobytes()] += 1
            drawn += 1
    expected = Counter(truth[i * context : (i + 1) * context + 1].tobytes() for i in range(sequences))
    assert rows == expected


def test_a_batch_is_a_function_of_its_step(pack: Path) -> None:
    curriculum = plan_curriculum(open_pack(pack), context=32, batch=5, steps=30, replay=0.1, ramp=0.2)
    a, b = (BatchReader(curriculum, context=32, seed=1) for _ in range(2))
    one, other = np.empty((5, 33), dtype=np.int64), np.empty((5, 33), dtype=np.int64)
    for step in range(30):
        a.read(step, one)
    b.read(29, other)
    assert np.array_equal(one, other)
    assert b.position(29)[0] == "books" and b.position(0) == ("web", 0)
    # The processes of a run read its rows in parts.
    parts = np.empty_like(one)
    b.read(29, parts[:2], first=0)
    b.read(29, parts[2:], first=2)
    assert np.array_equal(one, parts)


def test_phases_share_the_steps_in_proportion(pack: Path) -> None:
    opened = open_pack(pack)
    whole = plan_curriculum(opened, context=32, batch=4, steps=None)
    assert [s.steps for s in whole.stages] == [count // 4 for count in whole.sequences]
    stages = plan_curriculum(opened, context=32, batch=4, steps=100).stages
    assert sum(s.steps for s in stages) == 100 and stages[1].first == stages[0].steps
    assert stages[0].steps / 100 == pytest.approx(whole.sequences[0] / sum(whole.sequences), abs=0.02)
    given_ = plan_curriculum(
        opened, context=32, batch=4, steps=100, fractions={"web": 0.9, "books": 0.1}
    ).stages
    assert [s.steps for s in given_] == [90, 10]


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=6), st.integers(0, 500))
def test_shares_add_up(weights: list[float], spare: int) -> None:
    steps = len(weights) + spare
    shares = apportion_steps(steps, weights)
    assert sum(shares) == steps and min(shares) >= 1


def test_a_context_that_does_not_divide_the_block_is_refused(pack: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan_curriculum(open_pack(pack), context=48, batch=4, steps=10)
    assert "does not divide" in str(caught.value) and "context=" in str(caught.value.hint)


def test_token_bytes_add_up_to_the_manifest_s(pack: Path) -> None:
    lengths = Tokenizer(pack / "tokenizer.json").byte_lengths()
    for phase in open_pack(pack).phases:
        for split, stream in (("train", phase.train), ("valid", phase.valid)):
            assert lengths[stream_of(pack, split, phase.name)].sum() == stream.bytes


def test_streamed_text_is_the_text_whatever_the_cuts(pack: Path) -> None:
    tokenizer = Tokenizer(pack / "tokenizer.json")
    text = " ".join(SENTENCES) + " 😀 ﬁ €"
    ids = tokenizer.encode(text)
    assert any(len(tokenizer.token_bytes[i]) == 1 and tokenizer.token_bytes[i][0] > 127 for i in ids)
    pieces = list(tokenizer.stream(ids))
    assert "".join(pieces) == text == tokenizer.decode(ids)
    assert "\ufffd" not in "".join(pieces)
    # Cut inside the emoji: what is missing becomes one replacement character, at the end.
    cut = ids[: len(tokenizer.encode(" ".join(SENTENCES))) + 2]
    assert "".join(tokenizer.stream(cut)) == tokenizer.decode(cut)


def change_manifest(pack: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    change(manifest)
    (pack / "manifest.json").write_text(json.dumps(manifest))


def cut_shard(pack: Path) -> None:
    shard = pack / "train-web-00001.bin"
    shard.write_bytes(shard.read_bytes()[:-4])


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda p: (p / "manifest.json").unlink(), "no manifest.json"),
    "no json": (lambda p: (p / "manifest.json").write_text("{"), "the manifest is damaged"),
    "a list": (lambda p: (p / "manifest.json").write_text("[]"), "the manifest is damaged"),
    "not utf-8": (lambda p: (p / "manifest.json").write_bytes(b"\xff\xfe\x00"), "the manifest is damaged"),
    "no phases key": (lambda p: change_manifest(p, lambda m: m.pop("phases")), "no 'phases'"),
    "no phases": (lambda p: change_manifest(p, lambda m: m.update(phases=[])), "names no phases"),
    "version": (lambda p: change_manifest(p, lambda m: m.update(version=2)), "format version 2"),
    "format": (lambda p: change_manifest(p, lambda m: m.update(format="other")), "'other'"),
    "dtype": (lambda p: change_manifest(p, lambda m: m.update(dtype="<i8")), "'<i8'"),
    "wrong type": (
        lambda p: change_manifest(p, lambda m: m.update(vocab_size="many")),
        "the manifest is damaged",
    ),
    "tokenizer": (
        lambda p: (p / "tokenizer.json").write_text("{}"),
        "not the tokenizer the pack was made with",
    ),
    "no tokenizer": (lambda p: (p / "tokenizer.json").unlink(), "cannot be read"),
    "no shard": (lambda p: (p / "valid-books-00000.bin").unlink(), "cannot be read"),
    "cut shard": (cut_shard, "bytes where the manifest says"),
    "sum": (
        lambda p: change_manifest(p, lambda m: m["phases"][0]["train"].update(tokens=7)),
        "the sum says 7",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_pack_is_named(pack: Path, tmp_path: Path, damage: str) -> None:
    broken = tmp_path / "pack"
    shutil.copytree(pack, broken)
    act, says = DAMAGE[damage]
    act(broken)
    with pytest.raises(RotrainError) as caught:
        open_pack(broken)
    assert says in str(caught.value) and caught.value.place is not None


def test_no_pack_and_a_file_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(RotrainError, match="there is no pack here"):
        open_pack(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(RotrainError, match="is a file"):
        open_pack(tmp_path / "file")


def test_a_token_outside_the_vocabulary_is_found_where_it_is(pack: Path, tmp_path: Path) -> None:
    broken = tmp_path / "pack"
    shutil.copytree(pack, broken)
    shard = broken / "train-web-00001.bin"
    data = np.fromfile(shard, "<u2")
    data[17] = 60_000
    data.tofile(shard)
    stream = open_pack(broken).phases[0].train
    with pytest.raises(RotrainError, match=r"train-web-00001.bin: byte 34: token 60000"):
        stream.read(0, np.empty(stream.tokens, dtype=np.int64))


def test_too_little_text_is_said(tmp_path: Path) -> None:
    small = open_pack(write_pack(tmp_path / "pack", train={"web": 1}, shards=1, block_tokens=4096))
    with pytest.raises(RotrainError, match="fewer than one block"):
        plan_curriculum(small, context=32, batch=4, steps=5)


def test_a_foreign_tokenizer_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")
    with pytest.raises(RotrainError, match="not a byte-level BPE"):
        Tokenizer(file)
    written = json.loads(train_tokenizer().to_str())
    written["model"]["vocab"]["▁the"] = 319
    file.write_text(json.dumps(written))
    with pytest.raises(RotrainError, match="is not the character of a byte"):
        Tokenizer(file)
