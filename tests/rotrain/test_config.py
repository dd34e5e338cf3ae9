"""Where a run's values come from, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from conftest import shape
from rotrain.config import known_keys, resolve
from rotrain.errors import UsageError
from rotrain.models.presets import ARCHS, find_arch

CONFIGS = Path(__file__).parents[2] / "configs" / "train"
FLAGS = {"arch": "llama-mha", "size": "nano"}


def test_later_words_win(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("seed = 3\nsteps = 5\n[optim]\nlr = 0.5\nbeta1 = 0.8\n")
    config = resolve(
        {**FLAGS, "steps": 7, "seed": None}, file=file, assignments=["optim.lr=0.25", "schedule.shape=cosine"]
    )
    assert (config.seed, config.steps, config.optim.lr, config.optim.beta1) == (3, 7, 0.25, 0.8)
    assert config.schedule.shape == "cosine" and config.batch.sequences == 8
    assert config.out == "runs/llama-mha-nano"


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("optim.lrr=1", "optim.lr"),
        ("lr=1", "optim.lr"),
        ("batch.sequence=1", "batch.sequences"),
        ("step=3", "steps"),
        ("optim.beta3=1", "optim.beta"),
    ],
)
def test_an_unknown_key_names_the_nearest(word: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(FLAGS, assignments=[word])
    assert word.split("=")[0] in str(caught.value)
    assert f"did you mean '{near}" in str(caught.value.hint)


@pytest.mark.parametrize(
    "word", ["optim.lr=-1", "optim.lr=fast", "schedule.shape=square", "steps=0", "optim.lr", "=3", "optim=3"]
)
def test_a_wrong_value_is_one_sentence(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(FLAGS, assignments=[word])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("seed 3")
    with pytest.raises(UsageError, match="this is not TOML"):
        resolve(FLAGS, file=file)
    with pytest.raises(UsageError, match="cannot read"):
        resolve(FLAGS, file=tmp_path / "none.toml")


def test_phase_fractions_are_keys_of_their_own() -> None:
    config = resolve(FLAGS, assignments=["phase_fractions.web=0.9", "phase_fractions.books=0.1"])
    assert config.phase_fractions == {"web": 0.9, "books": 0.1}


def test_an_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_arch("lama-mha")
    assert "llama-mha" in str(caught.value.hint)


@pytest.mark.parametrize("arch", sorted(ARCHS))
@pytest.mark.parametrize("size", ["nano", "mini", "300m"])
def test_the_shipped_files_are_the_defaults(arch: str, size: str) -> None:
    shipped = resolve({}, file=CONFIGS / f"{arch}-{size}.toml")
    assert shipped == resolve({"arch": arch, "size": size})


def test_the_documentation_names_every_key() -> None:
    text = (CONFIGS.parents[1] / "docs" / "reference" / "training.md").read_text(encoding="utf-8")
    assert [key for key in known_keys() if f"`{key}`" not in text] == []


@pytest.mark.parametrize(
    ("arch", "changes", "sentence"),
    [
        ("llama-gqa", {"mlp": "gelu"}, "gelu is only there"),
        ("falcon-mqa", {"mlp": "swiglu"}, "a parallel block is attention"),
        ("llama-gqa", {"pattern": ("mamba2", "attention")}, "both or neither"),
        ("mamba2", {"heads": 4}, "no layer has attention"),
        ("mamba2", {"ffn": 64}, "the feed-forward is 'none'"),
        ("llama-gqa", {"kv_heads": 3}, "multiple of kv_heads"),
        ("mistral-swa", {"window": 48}, "masks nothing in a context of 48"),
        ("mamba2", {"ssm": {"heads": 4, "groups": 3}}, "multiple of groups"),
    ],
)
def test_parts_of_a_shape_that_do_not_fit(arch: str, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        shape(arch, **changes)
