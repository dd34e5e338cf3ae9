"""The estimate of a step's least time: its counts, its page, its command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from program import rotrain

from rotrain.bench.roofline import roofline
from rotrain.errors import UsageError
from rotrain.models import count
from rotrain.models.presets import ARCHS, model_config
from rotrain.train.cost import ASSUMED_MFU

PAGE = Path(__file__).parents[2] / "docs/reference/roofline.md"
TOKENS = 131_072


@pytest.mark.parametrize("arch", ARCHS)
def test_operations_are_those_of_the_model_and_what_is_computed_again(arch: str) -> None:
    config = model_config(arch, "300m")
    bound = roofline(config, "H100", tokens=TOKENS, micro=8)
    flops = {part.name: part.flops for part in bound.parts}
    useful = count.flops_per_token(config) * TOKENS
    products = flops["block products"] + flops["head and loss"]
    assert products == pytest.approx(6 * count.matmul_params(config) * TOKENS)
    # Attention computes its scores again (3.5 forward passes of work for 3), a scan its chunks (4 for 3).
    again = flops.get("attention", 0) / 7 + flops.get("scan", 0) / 4
    convolution = 3 * 2 * config.ssm.conv * config.ssm.channels * config.mixers("mamba2") if config.ssm else 0
    assert sum(flops.values()) - again == pytest.approx(useful - convolution * TOKENS)
    assert bound.mfu == pytest.approx(useful / 989.4e12 / bound.seconds)


def test_more_bandwidth_and_fewer_parts_take_less_time() -> None:
    config = model_config("llama-gqa", "300m")
    times = [roofline(config, "H100", tokens=TOKENS, micro=micro).seconds for micro in (1, 4, 16)]
    assert times == sorted(times, reverse=True)
    assert roofline(config, "H200", tokens=TOKENS, micro=8).seconds < times[1]


@pytest.mark.parametrize("arch", ARCHS)
def test_no_assumed_mfu_is_above_its_bound(arch: str) -> None:
    for kind, gpu in (("hopper", "H100"), ("ampere", "A100"), ("gddr", "RTX 4090")):
        assert ASSUMED_MFU[arch][kind] < roofline(model_config(arch, "300m"), gpu, tokens=TOKENS, micro=8).mfu


@pytest.mark.parametrize("gpu", ["T4", "an abacus"])
def test_a_gpu_without_a_figure_is_refused(gpu: str) -> None:
    with pytest.raises(UsageError, match="no data sheet of a GPU") as error:
        roofline(model_config("llama-gqa", "300m"), gpu, tokens=TOKENS, micro=8)
    assert "RTX 4090" in str(error.value.hint)


@pytest.mark.parametrize("gpu", ["H100", "A100", "RTX 4090"])
def test_the_page_has_the_figures_of_the_command(gpu: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = re.search(rf"## {gpu}\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
    assert section is not None
    rows = re.findall(r"^\| `([\w-]+)` \| (.*) \|$", section[1], re.MULTILINE)
    assert [name for name, _ in rows] == list(ARCHS)
    for name, cells in rows:
        bound = roofline(model_config(name, "300m"), gpu, tokens=TOKENS, micro=8)
        times = {part.name: part.seconds * 1e3 for part in bound.parts}
        columns = (
            "block products",
            "attention",
            "scan",
            "pointwise",
            "head and loss",
            "weights",
            "optimizer",
        )
        expected = [f"{times[column]:.0f}" if column in times else "" for column in columns]
        assert cells.split(" | ") == [*expected, f"{bound.seconds * 1e3:.0f}", f"{bound.mfu:.0%}"], name


def test_the_command_prints_an_estimate_and_measures_nothing() -> None:
    words = [
        "bench-train",
        "--arch",
        "llama-gqa,mamba2",
        "--size",
        "300m",
        "--roofline",
        "NVIDIA H100 80GB HBM3",
    ]
    shown = rotrain(*words)
    assert (
        shown.returncode == 0 and "estimated from counted operations and bytes; not measured" in shown.stdout
    )
    facts = json.loads(rotrain(*words, "--json").stdout)["rooflines"]
    assert [row["arch"] for row in facts] == ["llama-gqa", "mamba2"] and facts[0]["estimate"] is True
    assert rotrain("bench-train", "--arch", "mamba2", "--roofline", "abacus").returncode == 2
