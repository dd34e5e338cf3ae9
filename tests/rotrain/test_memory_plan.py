"""The memory that `plan` promises: counted by formula, and compared with what the compiler keeps."""

from __future__ import annotations

import pytest
from mincut import min_cut_bytes

from rotrain.config import ModelConfig
from rotrain.models.platform import Platform
from rotrain.models.presets import ARCHS, model_config
from rotrain.runtime.activations import activation_bytes, cast_bytes
from rotrain.runtime.memory import Target, gpu_target, step_bytes, training_bytes
from rotrain.runtime.size import largest_micro, largest_size

# A layer of each kind at the width of 300m. Everything is linear in layers, and in tokens from a few chunks on.
ATTENTION = [
    (name, ("attention",))
    for name in ("llama-mha", "llama-gqa", "mistral-swa", "falcon-mqa", "mamba2-hybrid")
]


def one_layer(arch: str, pattern: tuple[str, ...], layers: int) -> ModelConfig:
    config = model_config(arch, "300m", context=512, window=128 if ARCHS[arch].windowed else None)
    return config.model_copy(update={"layers": layers, "pattern": pattern})


def planned(config: ModelConfig, *, fused_scan: bool) -> int:
    kept = activation_bytes(config, 4, half=True, fused_scan=fused_scan)
    return kept + cast_bytes(config, half=True)


@pytest.mark.parametrize(("arch", "pattern"), ATTENTION)
def test_the_formula_is_what_the_compiler_keeps(arch: str, pattern: tuple[str, ...]) -> None:
    config = one_layer(arch, pattern, 1)
    real = min_cut_bytes(config, 4, gpu_target(mamba_ssm=True).platform)
    assert planned(config, fused_scan=True) == pytest.approx(real, rel=0.05)


def test_layers_add_up() -> None:
    config = one_layer("llama-gqa", ("attention",), 3)
    real = min_cut_bytes(config, 4, gpu_target(mamba_ssm=True).platform)
    assert planned(config, fused_scan=True) == pytest.approx(real, rel=0.05)


@pytest.mark.parametrize("fused_scan", [True, False])
def test_a_mamba_layer_keeps_what_is_dear_and_computes_one_layer_again(fused_scan: bool) -> None:
    """What one layer computes again lives while it is differentiated. It is no part of the cut, so two depths are compared."""
    one, two = (one_layer("mamba2", ("mamba2",), layers) for layers in (1, 2))
    platform = gpu_target(mamba_ssm=fused_scan).platform
    real = min_cut_bytes(two, 4, platform) - min_cut_bytes(one, 4, platform)
    formula = planned(two, fused_scan=fused_scan) - planned(one, fused_scan=fused_scan)
    assert formula == pytest.approx(real, rel=0.05)

    def layer(*, recomputed: bool) -> int:
        both = [
            activation_bytes(c, 4, half=True, fused_scan=fused_scan, recomputed=recomputed)
            for c in (one, two)
        ]
        return both[1] - both[0]

    assert 2 * layer(recomputed=True) < layer(recomputed=False)


@pytest.mark.parametrize("arch", ["llama-mha", "llama-gqa", "falcon-mqa"])
def test_a_cpu_counts_no_scores_of_all_positions(arch: str) -> None:
    """Fused attention keeps what grows with T: twice the tokens keep twice the bytes, not four times."""

    def kept(context: int) -> int:
        config = model_config(arch, "300m", context=context).model_copy(update={"layers": 1})
        return training_bytes(config, 1, Target(Platform("cpu", half=True), compiled=False))["activations"]

    assert kept(4096) < 2.01 * kept(2048)


@pytest.mark.parametrize("mamba_ssm", [False, True])
@pytest.mark.parametrize("arch", ARCHS)
def test_300m_is_chosen_where_it_fits(arch: str, mamba_ssm: bool) -> None:
    chosen = {
        gigabytes: largest_size(arch, gigabytes * 2**30, "a card", gpu_target(mamba_ssm=mamba_ssm))[0]
        for gigabytes in (4, 8, 12, 16, 24, 40, 80)
    }
    products_over_chunks = arch == "mamba2" and not mamba_ssm  # keep least
    assert chosen == {
        4: "mini",
        8: "300m" if products_over_chunks else "mini",
        12: "300m",
        16: "300m",
        24: "300m",
        40: "300m",
        80: "300m",
    }


def test_an_unknown_architecture_takes_the_usual_one_and_a_refusal_names_what_is_missing() -> None:
    target = gpu_target(mamba_ssm=False)
    assert largest_size(None, 24 * 2**30, "a card", target) == largest_size(
        "llama", 24 * 2**30, "a card", target
    )
    size, said = largest_size("llama-gqa", 6 * 2**30, "a card", target)
    assert size == "mini" and "6 GB on a card; 300m of llama-gqa needs" in said


@pytest.mark.parametrize("mamba_ssm", [False, True])
@pytest.mark.parametrize("arch", ARCHS)
def test_24_gb_hold_eight_sequences(arch: str, mamba_ssm: bool) -> None:
    config, target = model_config(arch, "300m"), gpu_target(mamba_ssm=mamba_ssm)
    assert largest_micro(config, 64, 24 * 2**30, target) == 8
    assert step_bytes(config, 8, target) < 22e9
