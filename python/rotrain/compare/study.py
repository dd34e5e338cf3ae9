"""A study: what is compared. A TOML file; what it does not say has these defaults.

data = "pack"                       # the pack all are trained on
out = "study"                       # where runs, variants, results and the report go
archs = ["llama-mha", "mamba2"]     # default: the five that are not hybrids
size = "nano"
steps = 2000                        # default: the whole curriculum
seeds = [0]
variants = ["q8_0", "q4_k_m", "gptq-4", "bpw-4.8"]
sweep_lr = [0.001, 0.002, 0.003]    # each architecture at its best of these rates; default: the preset's
set = ["batch.sequences=16"]        # args of `rotrain fit --set`, for all

[take]                              # runs that are there already, by name, instead of training
mine = "runs/llama-mha-300m"

[evaluate]
max_bytes = 1000000
probes = "all"
tasks = ["task.jsonl"]

[bench]                             # without this table nothing is timed
quick = true
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rotrain.config import Size
from rotrain.errors import RotrainError, UsageError
from rotrain.models.presets import ARCHS

DEFAULT_ARCHS = ("llama-mha", "llama-gqa", "mistral-swa", "falcon-mqa", "mamba2")
_IN_FRAMEWORK = re.compile(r"(rtn|hqq|gptq)-([34568])(?:-g(32|64|128))?(?:-polish(\d+))?")
_TARGET = re.compile(r"bpw-(\d+(?:\.\d+)?)")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evaluate(_Table):
    """Words of `rotrain evaluate`."""

    max_bytes: Annotated[int, Field(ge=1_000)] = 1_000_000
    probes: str = "all"
    tasks: tuple[str, ...] = ()
    against_tokens: Annotated[int, Field(ge=1)] = 20_000


class Bench(_Table):
    """Words of `rotrain bench`."""

    quick: bool = False


class Study(_Table):
    """A study file, checked."""

    data: Path = Path("pack")
    out: Path = Path("study")
    archs: Annotated[tuple[str, ...], Field(min_length=1)] = DEFAULT_ARCHS
    size: Size = "nano"
    steps: Annotated[int | None, Field(ge=1)] = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)
    variants: tuple[str, ...] = ("q8_0", "q4_k_m")
    sweep_lr: tuple[Annotated[float, Field(gt=0)], ...] = ()
    set: tuple[str, ...] = ()
    take: dict[str, Path] = Field(default_factory=dict)
    evaluate: Evaluate = Evaluate()
    bench: Bench | None = None

    @field_validator("archs")
    @classmethod
    def _known(cls, archs: tuple[str, ...]) -> tuple[str, ...]:
        for arch in archs:
            if arch not in ARCHS:
                raise ValueError(f"there is no architecture {arch!r}; there are {', '.join(ARCHS)}")
        return archs

    @field_validator("archs", "seeds", "variants", "sweep_lr")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value} is there twice")
        return values

    @model_validator(mode="after")
    def _one_rate(self) -> Study:
        if self.sweep_lr and any(word.startswith("optim.lr=") for word in self.set):
            raise ValueError("sweep_lr finds the rate, and set gives one")
        return self


def read_study(file: Path) -> Study:
    """The study of a file; what is wrong is told with its key."""
    try:
        return Study.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise RotrainError(f"cannot read the study: {error.strerror}", place=file) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RotrainError(f"this is no TOML: {error}", place=file) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the study"
        raise UsageError(
            f"{key}: {first['msg']}", place=file, hint="docs/compare.md lists the keys"
        ) from None


def quantize_args(variant: str) -> list[str]:
    """`q4_k_m`, `gptq-4-g64-polish200`, `bpw-4.8` as args of `rotrain quantize`."""
    found = _IN_FRAMEWORK.fullmatch(variant)
    if found:
        args = ["--method", found[1], "--bits", found[2]]
        args += ["--group", found[3]] if found[3] else []
        return args + (["--polish", found[4]] if found[4] else [])
    found = _TARGET.fullmatch(variant)
    return ["--target-bpw", found[1]] if found else ["--method", variant]


def is_folder(variant: str) -> bool:
    """Is the variant a folder of ours, not a GGUF file?"""
    return _IN_FRAMEWORK.fullmatch(variant) is not None
