"""Tests of the benchmark: statistics on random samples, the guard under real load, and runs with tiny models."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from program import rotrain
from test_gguf import trained

from conftest import shape
from rotrain.bench.engines import gguf_facts, open_engine
from rotrain.bench.guard import contention, read_clock
from rotrain.bench.measure import FORMULAS, Settings, bench
from rotrain.bench.process import Worker
from rotrain.bench.statistics import ratio, relative_half_width, summary
from rotrain.errors import RotrainError
from rotrain.exporters.gguf.export import export_gguf
from rotrain.files import read_record
from rotrain.llamacpp import find_library
from rotrain.models import count
from rotrain.run.load import load_run

needs_llama = pytest.mark.skipif(find_library() is None, reason="llama.cpp is not installed")
QUICK = Settings(depths=(0, 16), new_tokens=4, rounds=2, most_rounds=2, threads=1)


@contextmanager
def busy_processes(processes: int) -> Iterator[None]:
    """Run other processes that compute all the time."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    time.sleep(0.3)
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_ratio_finds_differences_with_few_false_alarms() -> None:
    generator = np.random.default_rng(0)
    drift = 1 + 0.3 * np.sin(np.arange(10))  # the speed of the machine changes for both
    alarms = found = 0
    for _ in range(200):
        a, b = (drift * generator.normal(100, 4, 10) for _ in range(2))
        alarms += bool(ratio(a.tolist(), b.tolist())["differs"])
        found += bool(ratio(a.tolist(), (1.1 * b).tolist())["differs"])
    assert alarms <= 0.08 * 200
    assert found >= 0.9 * 200
    assert ratio([1.0] * 5, [2.0] * 5)["differs"] is None


def test_intervals_contain_the_median_and_become_narrower() -> None:
    generator = np.random.default_rng(1)
    contained = 0
    for _ in range(200):
        low, high = summary(generator.lognormal(0, 0.2, 15).tolist())["ci"]
        contained += low <= 1 <= high
    assert contained >= 0.88 * 200
    samples = generator.normal(100, 5, 400)
    assert relative_half_width(summary(samples[:20].tolist())) > relative_half_width(
        summary(samples.tolist())
    )
    assert summary([3.0, 1.0, 2.0])["median"] == 2.0


def test_clock_reads_own_processors_and_stolen_time(tmp_path: Path) -> None:
    import os

    cpu = min(os.sched_getaffinity(0))
    stat = tmp_path / "stat"
    before, after = [], []
    for line, values in ((before, (0, 0, 0, 100, 0, 0, 0, 0)), (after, (60, 0, 40, 100, 0, 0, 0, 50))):
        stat.write_text(
            f"cpu  9 9 9 9 9 9 9 9\ncpu{cpu} "
            + " ".join(map(str, values))
            + " 0 0\ncpu99999 5 5 5 5 5 5 5 5\n"
        )
        line.append(read_clock(stat))
    one, other = before[0], after[0]
    assert one is not None and other is not None
    assert other.busy - one.busy == pytest.approx(1.0) and other.stolen - one.stolen == pytest.approx(0.5)
    assert contention(one, other, 0.0)["quiet"] is False
    assert read_clock(tmp_path / "absent") is None
    assert contention(None, other, 0.0)["quiet"] is None


@needs_llama
def test_load_of_other_processes_is_detected(tmp_path: Path) -> None:
    model = trained(tmp_path, "llama-gqa", layers=4)
    export_gguf(model, tmp_path / "m.gguf")
    spec = {"model": str(tmp_path / "m.gguf"), "engine": "llama.cpp", "variant": "f32"}
    with busy_processes(2):
        result = bench([spec, spec], QUICK)
    assert result["machine"]["before"]["quiet"] is False
    for row in result["rows"]:
        assert row["contended"] and row["disturbed_turns"] == 2
        assert min(turn["contention"]["foreign_cores"] for turn in row["turns"]) > 0.3
    assert all(pair["differs"] is None for pair in result["ratios"])


@needs_llama
def test_bench_measures_both_engines(tmp_path: Path, pack: Path) -> None:
    run, folder, file = tmp_path / "run", tmp_path / "q", tmp_path / "m.gguf"
    sizes = ["--set", "context=64"]
    args = ["--arch", "mistral-swa", "--size", "nano", "--data", pack, "--out", run, "--steps", 2, "--quiet"]
    import tiny

    with tiny.shrunk():
        assert rotrain("fit", *args, *sizes).returncode == 0
    assert rotrain("quantize", run, "--method", "rtn", "--out", folder, "--quiet").returncode == 0
    assert rotrain("export", run, "--to", "gguf", "--type", "f16", "--out", file, "--quiet").returncode == 0
    options = [
        "--quick",
        "--threads",
        1,
        "--out",
        tmp_path / "bench.json",
    ]
    ended = rotrain("bench", run, file, "--variants", "bf16", *options)
    assert ended.returncode == 0, ended.stderr
    result = read_record(tmp_path / "bench.json")
    assert result["format"] == "rotrain-bench" and result["version"] == 1
    assert {"decode_tokens_per_s", "contention", "ttft_cold_s"} <= FORMULAS.keys()
    bf16, gguf = result["rows"]
    assert [row["variant"] for row in result["rows"]] == ["bf16", "m"]
    assert bf16["bits_per_weight"] == 16
    record = json.loads((folder / "quantization.json").read_text())
    spec = {
        "engine": "torch",
        "model": str(folder),
        "variant": "rtn",
        "context": 40,
        "threads": 1,
        "device": "cpu",
    }
    rtn = open_engine(spec)
    assert rtn.facts["bits_per_weight"] == pytest.approx(record["bits_per_weight"])
    assert rtn.facts["parameters"] == bf16["parameters"] == record["parameters"]
    assert rtn.facts["cache"]["bytes"] == cache_bytes(folder, 40)
    with pytest.raises(RotrainError, match="take 65 positions, and the model has 64"):
        open_engine(spec | {"context": 65})
    with pytest.raises(RotrainError, match="no run here"):
        open_engine(spec | {"model": str(tmp_path)})
    assert 16 < gguf["bits_per_weight"] < 18 and gguf["file_bytes"] == file.stat().st_size
    # The llama.cpp process does not load PyTorch.
    assert gguf["memory"]["before_loading_bytes"] < 120 << 20 < bf16["memory"]["peak_bytes"]
    for row in result["rows"]:
        assert row["energy_j_per_token"] is None or row["energy_j_per_token"] > 0
        assert row["ttft_cold_s"]["samples"][-1] > row["load_s"] > 0
        assert len(row["turns"]) == result["rounds"] == 3
        for depth in ("0", "32"):
            found = row["decode"][depth]
            assert (
                found["tokens_per_s"]["ci"][0]
                <= found["tokens_per_s"]["median"]
                <= found["tokens_per_s"]["ci"][1]
            )
            assert found["gap_s"]["p50"] <= found["gap_s"]["p99"]
            assert 0 < row["bandwidth"][depth]["of_limit"] < 1.5
        assert (
            row["memory"]["anonymous_bytes"] + row["memory"]["file_backed_bytes"]
            <= row["memory"]["peak_bytes"] * 1.01
        )


def cache_bytes(folder: Path, context: int) -> int:
    """Return the bytes of the cache of the model in a folder."""
    return load_run(folder).model.new_cache(context=context).bytes()


@needs_llama
@pytest.mark.parametrize("arch", ["llama-gqa", "mistral-swa", "mamba2-hybrid"])
def test_cache_bytes_equal_those_of_count(arch: str, tmp_path: Path) -> None:
    c = shape(arch)
    export_gguf(trained(tmp_path, arch), tmp_path / "m.gguf")
    cache = gguf_facts(tmp_path / "m.gguf")["cache"]
    cached_tokens = min(40, cache["window"] or 40)
    state = 0 if c.ssm is None else (c.ssm.conv - 1) * c.ssm.channels * 2 * c.mixers("mamba2")
    # llama.cpp stores the inputs of the convolution in fp32, and `count` assumes 16 bits.
    assert cached_tokens * cache["bytes_per_token"] + cache["fixed_bytes"] - state == count.cache_bytes(c, 40)


def test_bench_reports_unusable_models_and_options(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    for args, code, sentence in (
        ([tmp_path / "absent"], 1, "there is no model here"),
        ([tmp_path / "broken.gguf", "--engine", "torch"], 2, "none of these models works with torch"),
        ([tmp_path, "--engine", "vllm"], 2, "no engine 'vllm'"),
        ([tmp_path, "--variants", "q4_k_m"], 2, "quantize the run"),
        ([tmp_path, "--depths", "a"], 2, "takes numbers"),
    ):
        ended = rotrain("bench", *args)
        assert ended.returncode == code and sentence in ended.stderr + str(ended), ended.stderr
        assert "hint:" in ended.stderr
    if find_library() is not None:
        with pytest.raises(RotrainError, match=r"cannot load this|header is damaged"):
            Worker(
                {"engine": "llama.cpp", "model": str(tmp_path / "broken.gguf"), "context": 8, "threads": 1}
            )


@pytest.mark.parametrize(("number", "hint"), [(9, "too little memory"), (11, "crashed"), (4, "crashed")])
def test_worker_ended_by_a_signal_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    (tmp_path / "fatal.py").write_text(f"import os\nos.kill(os.getpid(), {number})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RotrainError, match=f"by signal {number} \\(") as error:
        Worker({"model": "model.gguf"}, "fatal")
    assert error.value.place == "model.gguf" and hint in str(error.value.hint)


def test_too_little_memory_is_reported_before_loading(tmp_path: Path) -> None:
    file = tmp_path / "huge.gguf"
    with file.open("wb") as out:
        out.truncate(1 << 42)  # a sparse file, which takes no space on the disk
    spec = {"model": str(file), "engine": "llama.cpp", "variant": "huge"}
    with pytest.raises(RotrainError, match="needs about") as error:
        bench([spec], QUICK)
    assert "smaller" in str(error.value.hint)
    assert not torch.cuda.is_initialized()
