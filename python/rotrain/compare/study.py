"""Read a study file (TOML). It says which models are trained, quantized, evaluated and compared.

These are the keys. Comments give the default where the example has another value.

data = "pack"                       # the pack that all runs are trained on
out = "study"                       # folder of runs, variants, results and the report
archs = ["llama-mha", "mamba2"]     # default: llama-mha, llama-gqa, mistral-swa, falcon-mqa and mamba2
size = "nano"
steps = 2000                        # default: the whole curriculum
seeds = [0]                         # default: [0, 1, 2]; a rank needs three
variants = ["q8_0", "q4_k_m", "gptq-4", "bpw-4.8"]
sweep_lr = [0.001, 0.002, 0.003]    # each architecture uses its best rate of these; default: the rate of the size
set = ["batch.sequences=16"]        # `rotrain fit --set` for all runs

[take]                              # existing runs, by name, in addition to the trained runs
mine = "runs/llama-mha-300m"

[baselines]                         # models of others, scored on the same text
smollm = "hf:HuggingFaceTB/SmolLM2-135M"

[evaluate]
max_bytes = 1000000
probes = "all"
tasks = ["task.jsonl"]
outside = ["news.jsonl"]            # text from outside of the pack; each file is a domain apart
context = 512                       # tokens of a window for all models; default: the context of each

[bench]                             # without this table there is no benchmark
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
from rotrain.evaluation.baselines.models import KINDS
from rotrain.models.presets import ARCHS

DEFAULT_ARCHS = ("llama-mha", "llama-gqa", "mistral-swa", "falcon-mqa", "mamba2")
_TORCH_VARIANT = re.compile(r"(rtn|hqq|gptq)-([34568])(?:-g(32|64|128))?(?:-polish(\d+))?")
_RUN_NAME = re.compile(r"[^\W_][\w.-]{0,99}")
_TARGET_VARIANT = re.compile(r"bpw-(\d+(?:\.\d+)?)")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evaluate(_Table):
    """The table [evaluate]: options of `rotrain evaluate`."""

    max_bytes: Annotated[int, Field(ge=1_000)] = 1_000_000
    probes: str = "all"
    tasks: tuple[str, ...] = ()
    outside: tuple[Path, ...] = ()
    against_tokens: Annotated[int, Field(ge=1)] = 20_000
    context: Annotated[int | None, Field(ge=2)] = None


class Bench(_Table):
    """The table [bench]: options of `rotrain bench`."""

    quick: bool = False


class Study(_Table):
    """A valid study file. The docstring of this module describes its keys."""

    data: Path = Path("pack")
    out: Path = Path("study")
    archs: Annotated[tuple[str, ...], Field(min_length=1)] = DEFAULT_ARCHS
    size: Size = "nano"
    steps: Annotated[int | None, Field(ge=1)] = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    variants: tuple[str, ...] = ("q8_0", "q4_k_m")
    sweep_lr: tuple[Annotated[float, Field(gt=0)], ...] = ()
    set: tuple[str, ...] = ()
    take: dict[str, Path] = Field(default_factory=dict)
    baselines: dict[str, str] = Field(default_factory=dict)
    evaluate: Evaluate = Evaluate()
    bench: Bench | None = None

    @field_validator("archs")
    @classmethod
    def _check_archs(cls, archs: tuple[str, ...]) -> tuple[str, ...]:
        for arch in archs:
            if arch not in ARCHS:
                raise ValueError(f"there is no architecture {arch!r}; there are {', '.join(ARCHS)}")
        return archs

    @field_validator("take", "baselines")
    @classmethod
    def _check_names(cls, named: dict[str, Any]) -> dict[str, Any]:
        for name in named:
            # A name becomes the name of a folder.
            if not _RUN_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name of a run: take letters, digits, `-`, `_` and `.`, and start with a letter or digit"
                )
            if name in KINDS:
                raise ValueError(f"{name!r} is the name of a baseline without a network; take another")
        return named

    @field_validator("variants")
    @classmethod
    def _check_variants(cls, variants: tuple[str, ...]) -> tuple[str, ...]:
        for variant in variants:
            if not _RUN_NAME.fullmatch(variant):
                raise ValueError(f"there is no variant {variant!r}")
        return variants

    @field_validator("archs", "seeds", "variants", "sweep_lr")
    @classmethod
    def _check_unique(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value} is given twice")
        return values

    @model_validator(mode="after")
    def _check_one_rate(self) -> Study:
        if self.sweep_lr and any(assignment.startswith("optim.lr=") for assignment in self.set):
            raise ValueError("sweep_lr and optim.lr in set exclude each other")
        return self


def read_study(file: Path) -> Study:
    """Read a study file.

    Raises:
        RotrainError: The file cannot be read, or it is not TOML.
        UsageError: A key or a value is wrong. The error names the key.
    """
    try:
        return Study.model_validate(tomllib.loads(file.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise RotrainError(f"cannot read the study: {error.strerror}", place=file) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RotrainError(f"this is not TOML: {error}", place=file) from None
    except RecursionError:
        raise RotrainError("this is nested too deep", place=file) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the study"
        raise UsageError(
            f"{key}: {first['msg']}", place=file, hint="docs/reference/study.md lists the keys"
        ) from None


def quantize_args(variant: str) -> list[str]:
    """Return the options of `rotrain quantize` that make a variant.

    Examples:
        >>> quantize_args("gptq-4-g64")
        ['--method', 'gptq', '--bits', '4', '--group', '64']
    """
    match = _TORCH_VARIANT.fullmatch(variant)
    if match:
        args = ["--method", match[1], "--bits", match[2]]
        args += ["--group", match[3]] if match[3] else []
        return args + (["--polish", match[4]] if match[4] else [])
    match = _TARGET_VARIANT.fullmatch(variant)
    return ["--target-bpw", match[1]] if match else ["--method", variant]


def is_folder(variant: str) -> bool:
    """Return whether `rotrain quantize` writes a folder for a variant, and not a GGUF file.

    Examples:
        >>> is_folder("gptq-4"), is_folder("q4_k_m")
        (True, False)
    """
    return _TORCH_VARIANT.fullmatch(variant) is not None
