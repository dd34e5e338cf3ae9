"""`rotools pack --engine ray`, all steps, and kernels over a dataset, on a real cluster of two nodes (`make test-system`)."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rotools_program import contents, jsonl, rotools, texts

from rotools import kernels

pytest.importorskip("ray", reason="needs Ray: make test-system installs it")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with two cores each, as processes of this machine."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100 << 20})
    cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def address(cluster: Any) -> str:
    """The head of the cluster."""
    return str(cluster.address)


def test_the_bytes_of_a_local_run(address: str, tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(6_000, 1))
    local, out = tmp_path / "local", tmp_path / "ray"
    rotools("pack", corpus, "--out", local, "--vocab-size", 500)
    engine = ("--engine", "ray", "--address", address)
    shown = rotools("pack", corpus, "--out", out, "--vocab-size", 500, *engine).stderr
    for step in ("judge", "count", "encode"):
        assert f"{step}: shard 1 of 8" in shown and f"{step}: shard 8 of 8" in shown
        # The input once in each of these steps, and the end of a line behind each part.
        read, size = re.findall(rf"{step}: all shards: ([\d,.]+) MB read of an input of ([\d,.]+)", shown)[0]
        assert (
            float(size.replace(",", ""))
            <= float(read.replace(",", ""))
            <= 1.05 * float(size.replace(",", ""))
        )
    for step in ("decide", "train", "finish"):
        assert f"{step}: done, 0.0 MB read" in shown
    assert contents(out) == contents(local)
    assert {path.name for path in tmp_path.iterdir()} == {"corpus.jsonl", "local", "ray"}


def workers() -> list[int]:
    """Processes of Ray that work on a shard."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::") and b"work" in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("step", ["judge", "count", "encode"])
def test_a_killed_worker_starts_again(step: str, address: str, tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(30_000, 1))
    local, out = tmp_path / "local", tmp_path / "ray"
    rotools("pack", corpus, "--out", local, "--vocab-size", 500)
    engine = ["--engine", "ray", "--address", address, "--quiet"]
    words = ["pack", str(corpus), "--out", str(out), "--vocab-size", "500", *engine]
    process = subprocess.Popen([sys.executable, "-m", "rotools", *words])
    shards = tmp_path / "ray.shards"
    frames, part = shards / "1-of-8" / "journal" / "frames", shards / step / ".1-of-8.part"
    # A task has begun: it has judged a chunk, or holds the lock of its file.
    begun = part.exists if step != "judge" else lambda: frames.exists() and frames.stat().st_size > 1000
    while process.poll() is None and not begun():
        time.sleep(0.005)
    killed = workers()
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert process.wait() == 0 and killed
    assert contents(out) == contents(local)


def test_a_node_that_is_lost_costs_its_units(cluster: Any, address: str, tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(30_000, 2))
    local, out = tmp_path / "local", tmp_path / "ray"
    rotools("pack", corpus, "--out", local, "--vocab-size", 500)
    lost = cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    engine = ["--engine", "ray", "--address", address]
    words = ["pack", str(corpus), "--out", str(out), "--vocab-size", "500", *engine]
    process = subprocess.Popen([sys.executable, "-m", "rotools", *words], stderr=subprocess.PIPE)

    def working() -> int:
        """Shards with a frame in their journal."""
        frames = (tmp_path / "ray.shards").glob("*/journal/frames")
        return sum(path.stat().st_size > 1000 for path in frames)

    while process.poll() is None and working() < 2:
        time.sleep(0.005)
    cluster.remove_node(lost, allow_graceful=False)
    shown = process.communicate()[1].decode()
    assert process.returncode == 0, shown
    assert contents(out) == contents(local)
    # What the tasks read that ended: the input once, and the end of a line behind each part.
    read, size = re.findall(r"all shards: ([\d,.]+) MB read of an input of ([\d,.]+)", shown)[0]
    assert float(size.replace(",", "")) <= float(read.replace(",", "")) <= 1.05 * float(size.replace(",", ""))


def test_kernels_over_a_dataset(address: str, tmp_path: Path) -> None:
    import ray

    documents = [text.replace("ș", "ş") for text in texts(2_000, 1)]
    corpus = jsonl(tmp_path / "corpus.jsonl", documents)
    tokenizer = tmp_path / "tokenizer.json"
    rotools("tokenizer", "train", corpus, "--vocab-size", 500, "--out", tokenizer)
    ray.init(address=address, log_to_driver=False)
    try:
        dataset = ray.data.from_arrow(pa.table({"n": range(len(documents)), "text": documents}))
        repaired = dataset.repartition(8).map_batches(kernels.normalize, batch_format="pyarrow")
        encoded = repaired.map_batches(
            kernels.encode, fn_kwargs={"tokenizer": str(tokenizer)}, batch_format="pyarrow", batch_size=100
        )
        found = {row["n"]: (row["text"], list(row["tokens"])) for row in encoded.take_all()}
    finally:
        ray.shutdown()
    column = kernels.normalize(pa.array(documents))
    tokens = kernels.encode(column, tokenizer).to_pylist()
    assert found == dict(enumerate(zip(column.to_pylist(), tokens, strict=True)))


def test_errors_name_the_cause(address: str, tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(50, 1))
    engine = ("--engine", "ray", "--address", address)
    wrong = rotools("pack", corpus, "--out", tmp_path / "p", "--text-field", "body", *engine, code=1).stderr
    assert "of 8" in wrong and "--text-field" in wrong
    nowhere = rotools(
        "pack", corpus, "--out", tmp_path / "p", "--engine", "ray", "--address", "127.0.0.1:1", code=1
    )
    assert "no Ray cluster" in nowhere.stderr
