"""What a run is made of: the shape of the model and every choice of a training run.

A run's configuration is the defaults of its size, then a TOML file (`--config`), then the
flags, then `--set key=value`; later wins. The resolved whole is stored in the run directory.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rotrain.errors import UsageError

Size = Literal["nano", "mini", "300m"]
MixerName = Literal["attention", "mamba2"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ssm(_Strict):
    """The shape of a Mamba-2 mixer: `groups` pairs of B and C of `state` elements serve all heads."""

    heads: int = Field(ge=1)
    head_dim: int = Field(default=64, ge=1)
    state: int = Field(default=128, ge=1)
    groups: int = Field(default=1, ge=1)
    conv: int = Field(default=4, ge=2)
    chunk: int = Field(default=128, ge=1)  # positions the scan takes at once: speed, not the result

    @property
    def inner(self) -> int:
        """Width of all heads."""
        return self.heads * self.head_dim

    @property
    def channels(self) -> int:
        """Channels of the convolution: x, B and C."""
        return self.inner + 2 * self.groups * self.state

    @model_validator(mode="after")
    def _groups_fit(self) -> Ssm:
        if self.heads % self.groups:
            raise ValueError(f"heads ({self.heads}) must be a multiple of groups ({self.groups})")
        return self


class ModelConfig(_Strict):
    """The shape of a decoder. Widths are in elements; `context` is in tokens.

    Layer i mixes with `pattern[i % len(pattern)]`. `window` is what a token of attention sees, itself
    included. `parallel` reads mixer and feed-forward from one norm and adds both. With
    `document_end`, the id of the token after each document, nothing is seen across it.
    """

    arch: str
    layers: int = Field(ge=1)
    hidden: int = Field(ge=1)
    pattern: tuple[MixerName, ...] = Field(default=("attention",), min_length=1)
    heads: int = Field(ge=0)
    kv_heads: int = Field(ge=0)
    head_dim: int = Field(ge=2)
    window: int | None = Field(default=None, ge=1)
    ssm: Ssm | None = None
    mlp: Literal["swiglu", "gelu", "none"] = "swiglu"
    ffn: int = Field(ge=0)
    norm: Literal["rms", "layer"] = "rms"
    parallel: bool = False
    vocab_size: int = Field(ge=2, le=65536)
    context: int = Field(ge=1)
    document_end: int | None = Field(default=None, ge=0)
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)

    def mixer(self, layer: int) -> MixerName:
        """The kind of mixer of a layer."""
        return self.pattern[layer % len(self.pattern)]

    def mixers(self, kind: MixerName) -> int:
        """How many layers mix in this way."""
        return sum(self.mixer(layer) == kind for layer in range(self.layers))

    @model_validator(mode="after")
    def _parts_fit(self) -> ModelConfig:
        if (self.mlp == "none") != (self.ffn == 0):
            raise ValueError(f"ffn is {self.ffn}, and the feed-forward is {self.mlp!r}")
        if ("mamba2" in self.pattern) != (self.ssm is not None):
            raise ValueError("ssm is the shape of mamba2 mixers: both or neither")
        if self.parallel != (self.mlp == "gelu") or (self.parallel and self.pattern != ("attention",)):
            raise ValueError("a parallel block is attention and a gelu feed-forward, and gelu is only there")
        if "attention" not in self.pattern:
            if self.heads or self.kv_heads or self.window:
                raise ValueError("no layer has attention, so heads, kv_heads and window must be left out")
            return self
        if not self.heads or not self.kv_heads or self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.head_dim % 2:
            raise ValueError(f"head_dim ({self.head_dim}) must be even: RoPE turns pairs")
        if self.window is not None and self.window >= self.context:
            raise ValueError(
                f"a window of {self.window} masks nothing in a context of {self.context}: "
                "it must be smaller, or the model is one of full attention"
            )
        return self


class Batch(_Strict):
    """How many sequences make one optimizer step.

    `sequences` is the batch; `micro` of them go through the model at once, and the gradients
    of the parts are added up, so `micro` changes memory and speed, not the result (beyond the
    rounding of a sum in another order).
    """

    sequences: int = Field(ge=1)
    micro: int = Field(ge=1)


class Optim(_Strict):
    """AdamW (Loshchilov and Hutter, 2019). Decay applies to the matrices of the blocks only."""

    lr: float = Field(gt=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)


class Schedule(_Strict):
    """The learning rate over the run, in fractions of its steps.

    `wsd`: linear warmup, constant, then a decay over the last `decay_fraction`, never longer
    than the last phase. `cosine`: warmup, then half a cosine. `constant`: warmup, then flat.
    Decays end at `final_ratio` of the peak.
    """

    shape: Literal["wsd", "cosine", "constant"] = "wsd"
    decay: Literal["linear", "1-sqrt"] = "1-sqrt"
    warmup_fraction: float = Field(default=0.05, ge=0, le=1)
    decay_fraction: float = Field(default=0.2, ge=0, le=1)
    final_ratio: float = Field(default=0.1, ge=0, le=1)


class Evaluation(_Strict):
    """Evaluation in the loop: every `every` steps, at most `max_tokens` held-out tokens a domain."""

    every: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    prompt: str = "A fost odată"
    sample_tokens: int = Field(default=64, ge=0)


class Checkpoint(_Strict):
    """A checkpoint every `every` steps and at the end; the newest `keep` stay."""

    every: int = Field(ge=1)
    keep: int = Field(default=2, ge=1)


class Runtime(_Strict):
    """What the run computes on. `auto` chooses when the run starts, and the run says what."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    peak_tflops: float | None = Field(default=None, gt=0)


class FitConfig(_Strict):
    """Everything `rotrain fit` needs to give the same metrics again."""

    arch: str
    size: Size
    data: str = "pack"
    out: str
    steps: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**63)
    context: int = Field(ge=1)
    window: int | None = Field(default=None, ge=1)
    document_mask: bool = False
    log_every: int = Field(default=1, ge=1)
    phase_fractions: dict[str, float] | None = None
    batch: Batch
    optim: Optim
    schedule: Schedule = Schedule()
    evaluation: Evaluation
    checkpoint: Checkpoint
    runtime: Runtime = Runtime()


# Defaults by size. nano and mini are sized for two CPU cores; the learning rates fall with the
# width, as in every published sweep; 300m takes 64 sequences of 2048 = 131,072 tokens a step.
DEFAULTS: dict[str, dict[str, Any]] = {
    "nano": {
        "context": 256,
        "batch": {"sequences": 8, "micro": 8},
        "optim": {"lr": 3e-3},
        "evaluation": {"every": 100, "max_tokens": 16_384},
        "checkpoint": {"every": 50},
    },
    "mini": {
        "context": 512,
        "batch": {"sequences": 16, "micro": 4},
        "optim": {"lr": 2e-3},
        "evaluation": {"every": 250, "max_tokens": 65_536},
        "checkpoint": {"every": 100},
    },
    "300m": {
        "context": 2048,
        "log_every": 10,
        "batch": {"sequences": 64, "micro": 4},
        "optim": {"lr": 1e-3},
        "evaluation": {"every": 1000, "max_tokens": 1_048_576},
        "checkpoint": {"every": 500},
    },
}


def resolve(
    flags: Mapping[str, Any],
    *,
    file: Path | None = None,
    assignments: list[str] | None = None,
) -> FitConfig:
    """The configuration of a run from defaults, a TOML file, flags and `key=value` words.

    `flags` holds the words of the command line that were given, `None` for those that were
    not. `size` must be resolved by the caller when it is `auto` (it depends on the machine).
    Raises `UsageError` for an unknown key (with the nearest one) or a value out of range.
    """
    merged: dict[str, Any] = {}
    if file is not None:
        _merge(merged, load_toml(file))
    _merge(merged, {key: value for key, value in flags.items() if value is not None})
    for word in assignments or []:
        _merge(merged, _assignment(word))
    for key in _unknown_keys(merged):
        raise unknown_key(key)
    size = merged.setdefault("size", "nano")
    if size not in DEFAULTS:
        raise UsageError(f"there is no size {size!r}", hint=f"sizes are: {', '.join(DEFAULTS)}, auto")
    if "arch" not in merged:
        raise UsageError("no architecture given", hint="add --arch llama-mha (see `rotrain archs`)")
    merged.setdefault("out", f"runs/{merged['arch']}-{size}")
    whole: dict[str, Any] = {}
    _merge(whole, DEFAULTS[size])
    _merge(whole, merged)
    try:
        return FitConfig.model_validate(whole)
    except ValidationError as error:
        raise _bad_value(error) from None


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of configuration keys."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration: {error.strerror}", place=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"this is not TOML: {error}", place=path) from None


def known_keys(model: type[BaseModel] = FitConfig, prefix: str = "") -> Iterator[str]:
    """Every key of the configuration in dotted form."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def unknown_key(key: str) -> UsageError:
    """The error for a key that is not there, with the nearest one that is."""
    keys = list(known_keys())
    # A key is mistyped as a whole or given without its section: try both.
    by_leaf = {name.rsplit(".", 1)[-1]: name for name in keys}
    near = difflib.get_close_matches(key, keys, n=1) or [
        by_leaf[leaf] for leaf in difflib.get_close_matches(key.rsplit(".", 1)[-1], by_leaf, n=1)
    ]
    hint = f"did you mean {near[0]!r}?" if near else f"keys are: {', '.join(keys)}"
    return UsageError(f"there is no configuration key {key!r}", hint=hint)


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one table of dotted keys."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            flat |= flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _assignment(word: str) -> dict[str, Any]:
    key, equals, text = word.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UsageError(f"--set takes key=value, not {word!r}", hint="for example --set optim.lr=0.001")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word is a string: --set runtime.device=cpu
    nested: dict[str, Any] = {}
    table = nested
    *sections, leaf = key.split(".")
    for section in sections:
        table = table.setdefault(section, {})
    table[leaf] = value
    return nested


def _unknown_keys(value: Mapping[str, Any]) -> Iterator[str]:
    known = set(known_keys())
    for key in flatten(value):
        if key not in known and not key.startswith("phase_fractions."):
            yield key


def _bad_value(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    what = first["msg"][0].lower() + first["msg"][1:]
    return UsageError(f"the value of {key!r} will not do: {what} (got {first['input']!r})")
