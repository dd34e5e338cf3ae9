"""`rotools pack --engine ray` on a real cluster of two nodes (`make test-system`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rotools_program import contents, jsonl, rotools, texts

pytest.importorskip("ray", reason="needs Ray: make test-system installs it")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The head of a cluster of two nodes with two cores each, as processes of this machine."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100 << 20})
    cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


def test_the_bytes_of_a_local_run(address: str, tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(6_000, 1))
    local, out = tmp_path / "local", tmp_path / "ray"
    rotools("pack", corpus, "--out", local, "--vocab-size", 500)
    engine = ("--engine", "ray", "--address", address)
    shown = rotools("pack", corpus, "--out", out, "--vocab-size", 500, *engine).stderr
    assert "shard 1 of 2" in shown and "shard 2 of 2" in shown
    assert contents(out) == contents(local)
    assert {path.name for path in tmp_path.iterdir()} == {"corpus.jsonl", "local", "ray"}


def test_what_goes_wrong_is_said(address: str, tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(50, 1))
    engine = ("--engine", "ray", "--address", address)
    wrong = rotools("pack", corpus, "--out", tmp_path / "p", "--text-field", "body", *engine, code=1).stderr
    assert "shard 1 of 2" in wrong and "--text-field" in wrong
    nowhere = rotools(
        "pack", corpus, "--out", tmp_path / "p", "--engine", "ray", "--address", "127.0.0.1:1", code=1
    )
    assert "no Ray cluster" in nowhere.stderr
