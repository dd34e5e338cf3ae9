"""Every small file of a run, damaged in many ways: the program notices, or its result is the same. Never another error."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from program import rotrain

from conftest import fit_config
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.files import open_line, open_record, read_record, seal, seal_line, write_record
from rotrain.gguf_header import check_header
from rotrain.progress import Progress
from rotrain.report.results import read_runs
from rotrain.run.load import load_run
from rotrain.run.metrics import MetricsLog
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")

ALL = os.environ.get("FAULTS") == "all"
SAMPLES, CUTS, VARIANTS = (4000, 4000, 1000) if ALL else (200, 40, 12)
FILES = (
    "config.json",
    "summary.json",
    "metrics.jsonl",
    "samples.jsonl",
    "tokenizer.json",
    "evaluation.json",
    "state",
)
VALUES: tuple[Any, ...] = (None, True, -1, 0, 10**9, 1e308, "x", "", [], {}, [[]], {"a": {}})


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with an evaluation; one checkpoint, so that no other one can stand in."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_training(fit_config(pack, folder, "checkpoint.keep=1", "checkpoint.every=8"), Progress())
    ended = rotrain("evaluate", folder, "--data", pack, "--probes", "none", "--max-bytes", 2000, "--quiet")
    assert ended.returncode == 0, ended.stderr
    return folder


def place(run: Path, name: str) -> Path:
    return next(run.glob("checkpoints/*/state.json")) if name == "state" else run / name


def everything(run: Path) -> tuple[Any, ...]:
    """What a report, an export and a continued run take from the files."""
    (found,) = read_runs([run])
    loaded = load_run(run)
    log = MetricsLog(run / "metrics.jsonl", upto=8)
    log.close()
    weights = [float(tensor.double().sum()) for tensor in loaded.weights().values()]
    parts = (
        found.model,
        found.config,
        found.data,
        found.machine,
        found.metrics,
        found.samples,
        found.summary,
    )
    ids = loaded.tokenizer.encode("Țara în care crește grâul, mâine.")
    return (
        *parts,
        found.cells[0].evaluation,
        weights,
        loaded.eos_id,
        loaded.step,
        ids,
        log.seconds,
        log.joules,
    )


def flips(data: bytes, rng: random.Random) -> Iterator[bytes]:
    for at in rng.sample(range(len(data)), min(SAMPLES, len(data))):
        yield data[:at] + bytes([data[at] ^ rng.choice((1, 2, 4, 16, 32, 128, 255))]) + data[at + 1 :]


def cuts(data: bytes, rng: random.Random) -> Iterator[bytes]:
    for length in {0, 1, len(data) - 1, *rng.sample(range(len(data)), min(CUTS, len(data)))}:
        yield data[:length]


def changed(value: Any, rng: random.Random) -> Iterator[Any]:
    """The value with one key removed, or one value of another type, at every depth."""
    if isinstance(value, dict):
        for key in list(value)[:40]:
            yield {other: value[other] for other in value if other != key}
            yield value | {key: rng.choice(VALUES)}
            for inner in changed(value[key], rng):
                yield value | {key: inner}
    elif isinstance(value, list) and value:
        yield value[1:]
        for inner in changed(value[0], rng):
            yield [inner, *value[1:]]


def resealed(name: str, data: bytes, rng: random.Random) -> Iterator[bytes]:
    """Other values under a seal that is right: what a hand or another program writes."""
    if name.endswith(".jsonl"):
        first, *others = data.splitlines(keepends=True)
        variants = [seal_line(value) + b"".join(others) for value in changed(open_line(first), rng)]
    else:
        variants = [json.dumps(seal(value)).encode() for value in changed(open_record(data), rng)]
    yield from rng.sample(variants, min(VARIANTS, len(variants)))


@pytest.mark.parametrize("name", FILES)
def test_damage_is_noticed_or_changes_nothing(name: str, run: Path, tmp_path: Path) -> None:
    copy, rng = tmp_path / "run", random.Random(name)
    shutil.copytree(run, copy)
    file, original = place(copy, name), place(run, name).read_bytes()
    metrics = (run / "metrics.jsonl").read_bytes()
    expected = everything(copy)
    noticed = 0
    for make in (flips, cuts):
        for data in make(original, rng):
            (copy / "metrics.jsonl").write_bytes(metrics)
            file.write_bytes(data)
            try:
                found = everything(copy)
            except RotrainError as error:
                noticed += 1
                assert "\n" not in str(error) and error.place is not None
            else:
                # What a kill cuts off the log is repeated by the run; nothing else may differ.
                assert found == expected or (name == "metrics.jsonl" and original.startswith(data)), data[
                    -400:
                ]
    assert noticed > 20


@pytest.fixture(scope="module")
def measured(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with a small result of each kind: timed twice, with a variant that has a record and an evaluation."""
    copy = tmp_path_factory.mktemp("measured") / "run"
    shutil.copytree(run, copy)
    variant = copy / "variants" / "q4_k_m"
    variant.mkdir(parents=True)
    rows = [
        {"model": f"{copy}{path}", "engine": engine, "variant": kind, "contended": False, "bits_per_weight": 4.5}
        for path, engine, kind in (("", "torch", "fp32"), ("/variants/q4_k_m/model.gguf", "llama.cpp", "model"))
    ]  # fmt: skip
    timed = {"format": "rotrain-bench", "version": 1, "rows": rows, "call": {"date": "2026-12-01 10:00 UTC"}}
    write_record(copy / "bench.json", timed)
    write_record(copy / "bench-again.json", timed | {"rows": rows[:1]})
    made = {"format": "rotrain-quantized", "version": 1, "file_bytes": 3 << 20, "bits_per_weight": 4.5}
    write_record(variant / "model.gguf.json", made)
    write_record(variant / "evaluation.json", read_record(copy / "evaluation.json"))
    return copy


@pytest.mark.parametrize(
    "name",
    [
        "bench.json",
        "bench-again.json",
        "evaluation.json",
        "variants/q4_k_m/evaluation.json",
        "variants/q4_k_m/model.gguf.json",
    ],
)
def test_every_byte_and_length_of_a_result_is_noticed_or_changes_nothing(name: str, measured: Path) -> None:
    file, rng = measured / name, random.Random(name)
    original, expected = file.read_bytes(), read_runs([measured])[0].cells
    assert len(original) < 4_000 and len(expected) == 2 and len(expected[0].bench) == 2
    masks = [1 << bit for bit in range(8)] + [255]
    damaged = [(at, mask) for at in range(len(original)) for mask in (masks if ALL else [rng.choice(masks)])]
    variants = [original[:at] + bytes([original[at] ^ mask]) + original[at + 1 :] for at, mask in damaged]
    variants += [original[:length] for length in range(len(original))]
    noticed = 0
    try:
        for data in variants:
            file.write_bytes(data)
            try:
                found = read_runs([measured])[0].cells
            except RotrainError as error:
                noticed += 1
                assert "\n" not in str(error) and error.hint and str(error.place) == str(file), str(error)
            else:
                assert found == expected, data
    finally:
        file.write_bytes(original)
    assert noticed > 0.9 * len(variants)


@pytest.mark.parametrize("name", [name for name in FILES if name != "tokenizer.json"])
def test_other_values_are_refused_in_one_sentence(name: str, run: Path, tmp_path: Path) -> None:
    copy, rng = tmp_path / "run", random.Random(name)
    shutil.copytree(run, copy)
    file, original = place(copy, name), place(run, name).read_bytes()
    for data in [*resealed(name, original, rng), b"[" * 100_000, b"7", b"null", b"", b"\xff\xfe", b"{}"]:
        file.write_bytes(data)
        for words in (("report", copy, "--out", tmp_path / "page.html"),):
            ended = rotrain(*words)
            assert ended.returncode in (0, 1, 2), data[-400:]
            assert "Traceback" not in ended.stderr
            assert ended.returncode == 0 or ended.stderr.startswith("error: "), ended.stderr


def damaged_tokenizer(run: Path, change: Callable[[dict[str, Any]], object], folder: Path) -> Path:
    content = json.loads((run / "tokenizer.json").read_bytes())
    change(content)
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(content), "utf-8")
    return file


def test_no_memory_by_a_number_in_a_tokenizer(run: Path, tmp_path: Path) -> None:
    for number in (10**9, -1, 2**63, 1.5, True, "7"):
        file = damaged_tokenizer(
            run, lambda content, n=number: content["model"]["vocab"].update(a=n), tmp_path
        )
        with pytest.raises(RotrainError, match="a token has the id"):
            Tokenizer(file)
    fill = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None}
    fill |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "x"}
    cut = {"direction": "Left", "max_length": 0, "strategy": "OnlySecond", "stride": 10**9}
    file = damaged_tokenizer(run, lambda content: content.update(padding=fill, truncation=cut), tmp_path)
    assert Tokenizer(file).encode("mâine") == Tokenizer(run / "tokenizer.json").encode("mâine")
    file.write_text("[" * 100_000)
    with pytest.raises(RotrainError, match="nested too deep"):
        Tokenizer(file)


def test_a_changed_tokenizer_stops_every_verb(run: Path, pack: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    text = (copy / "tokenizer.json").read_text("utf-8")
    (copy / "tokenizer.json").write_text(text + " ", "utf-8")
    for words in (
        ("generate", copy, "--prompt", "A fost"),
        ("evaluate", copy, "--data", pack, "--quiet"),
        ("export", copy, "--to", "hf", "--out", tmp_path / "hf"),
    ):
        ended = rotrain(*words)
        assert ended.returncode == 1 and "not the tokenizer that the run was started with" in ended.stderr, (
            ended.stderr
        )
        assert "\nhint: " in ended.stderr


def test_absurd_safetensors_headers_are_refused(run: Path, pack: Path, tmp_path: Path) -> None:
    hf = tmp_path / "hf"
    ended = rotrain("export", run, "--to", "hf", "--out", hf)
    assert ended.returncode == 0, ended.stderr
    file = hf / "model.safetensors"
    whole = file.read_bytes()
    (size,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + size])
    name = next(key for key in header if key != "__metadata__")
    lies: list[dict[str, Any]] = [
        {"shape": [2**62, 2**62]},
        {"shape": [-1]},
        {"data_offsets": [0, 2**63]},
        {"data_offsets": [5, 1]},
        {"dtype": "F4096"},
        {"shape": [1]},
    ]
    variants = [json.dumps(header | {name: header[name] | lie}).encode() for lie in lies]
    made = [struct.pack("<Q", len(lie)) + lie + whole[8 + size :] for lie in variants]
    made += [struct.pack("<Q", length) + whole[8:] for length in (0, 1, 2**32, 2**63, 2**64 - 1)]
    for data in [*made, whole[:100], b""]:
        file.write_bytes(data)
        with pytest.raises(RotrainError):
            load_run(hf)
    assert torch.tensor(1).item() == 1


def gguf(**keys: tuple[int, bytes]) -> bytes:
    """A header with the given keys: type and bytes of each."""
    parts = {"general.architecture": (8, struct.pack("<Q", 5) + b"llama")} | keys
    body = b"".join(
        struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + data
        for key, (kind, data) in parts.items()
    )
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(parts)) + body


def test_absurd_gguf_headers_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    words = struct.pack("<IQ", 8, 2) + (struct.pack("<Q", 1) + b"a") * 2

    def u32(value: int) -> tuple[int, bytes]:
        return 4, struct.pack("<I", value)

    good = {
        "llama.block_count": u32(2),
        "llama.attention.layer_norm_rms_epsilon": (6, struct.pack("<f", 1e-5)),
        "tokenizer.ggml.tokens": (9, words),
        "tokenizer.ggml.eos_token_id": u32(1),
    }
    file.write_bytes(gguf(**good))
    check_header(file)
    whole = file.read_bytes()
    bad: list[dict[str, tuple[int, bytes]]] = [
        *({"llama.block_count": u32(count)} for count in (0, 2**31, 2**32 - 1)),
        *(
            {"llama.attention.layer_norm_rms_epsilon": (6, struct.pack("<f", e))}
            for e in (float("nan"), 0, -1)
        ),
        {"tokenizer.ggml.eos_token_id": u32(2)},
        {"tokenizer.ggml.eos_token_id": (8, struct.pack("<Q", 1) + b"1")},
        {"tokenizer.ggml.tokens": (9, struct.pack("<IQ", 8, 2**60))},
        {"tokenizer.ggml.tokens": (9, struct.pack("<IQ", 9, 2**60))},
        {"tokenizer.ggml.scores": (9, struct.pack("<IQ", 6, 2**60))},
        {"general.name": (8, struct.pack("<Q", 2**63))},
        {"general.name": (99, b"")},
    ]
    for change in bad:
        file.write_bytes(gguf(**(good | change)))
        with pytest.raises(RotrainError, match="the header is damaged"):
            check_header(file)
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(RotrainError):
            check_header(file)


@pytest.mark.parametrize(
    "name", ["../../evil", "/evil", "a/b", "..", "", "a\u202eb", "a\x1b[2J", "a\nb", "x" * 200]
)
def test_a_study_refuses_names_that_leave_its_folder(name: str, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(f"[take]\n{json.dumps(name)} = 'runs/mine'\n", "utf-8")
    ended = rotrain("compare", study)
    assert ended.returncode == 2 and "is no name of a run" in ended.stderr, ended.stderr
