"""Fixtures: a small pack, and tiny models in place of nano."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
from packs import write_pack

from rotrain.config import FitConfig, ModelConfig, resolve
from rotrain.models import presets


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of two phases, each in two shards; tests must not change it."""
    return write_pack(tmp_path_factory.mktemp("data") / "pack")


@pytest.fixture(scope="module")
def tiny_nano() -> Iterator[None]:
    """`--size nano` is a tiny model inside this module of tests."""
    with tiny.shrunk():
        yield


def shape(arch: str, **changes: Any) -> ModelConfig:
    """A tiny model of an architecture: 8 query heads of 16 and all else it has of its own.

    A hybrid shows both mixers in its two layers, a window is 12 of the 48 positions.
    """
    whole = presets.model_config(arch, "nano").model_dump()
    heads = 8 if whole["heads"] else 0
    values = whole | {
        "layers": 2,
        "hidden": 64,
        "pattern": tuple(dict.fromkeys(whole["pattern"])),
        "heads": heads,
        "kv_heads": heads // (presets.ARCHS[arch].queries_per_kv or 8),
        # Where transformers cannot say the width of a head, it is hidden / heads.
        "head_dim": 8 if whole["parallel"] or (heads and whole["ssm"]) else 16,
        "ffn": 96 if whole["ffn"] else 0,
        "vocab_size": 300,
        "context": 48,
    }
    if whole["window"]:
        values["window"] = 12
    if whole["ssm"]:
        values["ssm"] = {"heads": 8, "head_dim": 16, "state": 24, "chunk": 16}
    return ModelConfig.model_validate(values | changes)


def fit_config(pack: Path, out: Path, *assignments: str, **flags: Any) -> FitConfig:
    """A short fp32 run of the tiny model on one thread."""
    words = {"arch": "llama-mha", "size": "nano", "data": str(pack), "out": str(out), "steps": 8} | flags
    base = [
        "context=32",
        "batch.sequences=4",
        "batch.micro=4",
        "evaluation.every=4",
        "evaluation.max_tokens=300",
        "evaluation.sample_tokens=6",
        "checkpoint.every=2",
        "runtime.device=cpu",
        "runtime.precision=fp32",
        "runtime.threads=1",
    ]
    return resolve(words, assignments=[*base, *assignments])
