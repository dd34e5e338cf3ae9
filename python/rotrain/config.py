"""What a run is made of: the shape of the model and every choice of a training run.

A run's configuration is the defaults of its size, then a TOML file (`--config`), then the
flags, then `--set key=value`; later wins. The resolved whole is stored in the run directory.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rotrain.errors import RotrainError, UsageError

Size = Literal["nano", "mini", "300m"]
CurriculumName = Literal["anneal", "sequential", "mixed"]
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
    """AdamW (Loshchilov and Hutter, 2019), or Muon for the matrices of the blocks and AdamW for the rest.

    Weight decay applies to the matrices of the blocks only. `momentum` is Muon's.
    """

    name: Literal["adamw", "muon"] = "adamw"
    lr: float = Field(gt=0)
    momentum: float = Field(default=0.95, ge=0, lt=1)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)


class Schedule(_Strict):
    """The learning rate over the run, in fractions of its steps.

    `wsd`: linear warmup, constant, then a decay over the last `decay_fraction`, never longer
    than the last phase. `cosine`: warmup, then half a cosine. `constant`: warmup, then flat.
    Decays end at `decay_to` of the peak. `phase_lr` multiplies the rate inside a phase.
    """

    shape: Literal["wsd", "cosine", "constant"] = "wsd"
    decay: Literal["linear", "1-sqrt"] = "1-sqrt"
    warmup_fraction: float = Field(default=0.05, ge=0, le=1)
    decay_fraction: float = Field(default=0.2, ge=0, le=1)
    decay_to: float = Field(default=0.1, ge=0, le=1)
    phase_lr: dict[str, Annotated[float, Field(gt=0)]] | None = None


class Mix(_Strict):
    """How the phases of the pack share the batches.

    In a phase with predecessors, `replay` of the sequences are of the earlier phases, against
    forgetting. The mix changes linearly over `ramp` of the run's steps, centred on the boundary.
    """

    replay: float = Field(default=0.05, ge=0, lt=1)
    ramp: float = Field(default=0.01, ge=0, le=1)


class Evaluation(_Strict):
    """Evaluation in the loop: every `every` steps, at most `max_tokens` held-out tokens a domain."""

    every: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    prompt: str = "A fost odată"
    sample_tokens: int = Field(default=64, ge=0)


class Spikes(_Strict):
    """What happens when the loss or the gradient's norm leaves its recent range, or is not finite.

    A spike is a value more than `sigma` standard deviations above the mean of the last `window`
    steps. `skip` drops the update; `rewind` goes back to the weights of the newest scheduled
    checkpoint and reads on; `stop` ends the run; `off` looks only for values that are not finite,
    which then stop it. More than `patience` spikes in a row stop any run: it has diverged.
    """

    policy: Literal["skip", "stop", "rewind", "off"] = "skip"
    sigma: float = Field(default=6.0, gt=0)
    window: int = Field(default=128, ge=8)
    patience: int = Field(default=5, ge=1)


class Checkpoint(_Strict):
    """A checkpoint every `every` steps and at the end.

    The newest `keep` stay, and for ever those of the steps that `keep_every` divides. With `average`
    the last so many are averaged when the run ends (and that many stay).
    """

    every: int = Field(ge=1)
    keep: int = Field(default=2, ge=1)
    keep_every: int | None = Field(default=None, ge=1)
    average: int | None = Field(default=None, ge=2)

    @property
    def kept(self) -> int:
        """How many of the newest stay."""
        return max(self.keep, self.average or 1)


class Runtime(_Strict):
    """What the run computes on. `auto` chooses when the run starts, and the run says what."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    parallel: Literal["auto", "none", "ddp", "fsdp"] = "auto"
    deterministic: bool = True
    threads: int | None = Field(default=None, ge=1)
    peak_tflops: float | None = Field(default=None, gt=0)


class FitConfig(_Strict):
    """Everything `rotrain fit` needs to give the same metrics again."""

    arch: str
    size: Size
    data: str = "pack"
    out: str
    steps: int | None = Field(default=None, ge=1)
    begin_from: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    context: int = Field(ge=1)
    window: int | None = Field(default=None, ge=1)
    document_mask: bool = False
    log_every: int = Field(default=1, ge=1)
    curriculum: CurriculumName = "anneal"
    phase_fractions: dict[str, Annotated[float, Field(ge=0)]] | None = None
    mix: Mix = Mix()
    batch: Batch
    optim: Optim
    schedule: Schedule = Schedule()
    spikes: Spikes = Spikes()
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

# A curriculum by name is a few defaults. `anneal` spends the decay of the learning rate inside the last
# phase, where the best text is (MiniCPM, Hu et al. 2024, section 4; OLMo 2, section 3.5), and keeps 5 % of
# the earlier text in it (Ibrahim et al. 2024: from 1 % on, replay holds back forgetting). `sequential` is
# the plain habit it is measured against, and `mixed` the control without any order.
CURRICULA: dict[str, dict[str, Any]] = {
    "anneal": {},
    "sequential": {"schedule": {"shape": "cosine"}, "mix": {"replay": 0.0, "ramp": 0.0}},
    "mixed": {"mix": {"replay": 0.0, "ramp": 0.0}},
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
    parent = _parent_config(merged["begin_from"]) if merged.get("begin_from") else {}
    for key in ("size", "arch"):
        if parent:
            merged.setdefault(key, parent[key])
    size = merged.setdefault("size", "nano")
    if size not in DEFAULTS:
        raise UsageError(f"there is no size {size!r}", hint=f"sizes are: {', '.join(DEFAULTS)}, auto")
    if "arch" not in merged:
        raise UsageError("no architecture given", hint="add --arch llama-mha (see `rotrain archs`)")
    if parent:
        merged.setdefault("out", f"{merged['begin_from'].rstrip('/').replace('@', '-from-')}")
    merged.setdefault("out", f"runs/{merged['arch']}-{size}")
    whole: dict[str, Any] = {}
    _merge(whole, DEFAULTS[size])
    _merge(whole, parent)
    _merge(whole, CURRICULA.get(str(merged.get("curriculum")), {}))  # a wrong name is told below
    _merge(whole, merged)
    try:
        return FitConfig.model_validate(whole)
    except ValidationError as error:
        raise _bad_value(error) from None


def parse_run_step(text: str) -> tuple[Path, int | None]:
    """Directory and step of `RUN[@STEP]`."""
    path, at, step = text.rpartition("@")
    if at and step.isdecimal():
        return Path(path), int(step)
    return Path(text), None


def _parent_config(text: str) -> dict[str, Any]:
    """What a branch takes over from its parent: everything but its length, its place and its machine.

    It goes on at the parent's rate, so it needs no warmup.
    """
    path, _ = parse_run_step(text)
    try:
        config: dict[str, Any] = json.loads((path / "config.json").read_bytes())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        raise RotrainError(
            "there is no run here to begin from", place=path, hint="give --from RUN[@STEP]"
        ) from None
    for key in ("out", "steps", "begin_from", "phase_fractions", "runtime"):
        config.pop(key, None)
    _merge(config, {"schedule": {"warmup_fraction": 0.0}})
    return config


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


# Keys whose value is a table by the name of a phase.
TABLES = ("phase_fractions", "schedule.phase_lr")


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
        # A table of phases takes any name: only the pack knows them.
        if key not in known and key.rpartition(".")[0] not in TABLES:
            yield key


def _bad_value(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    what = first["msg"][0].lower() + first["msg"][1:]
    return UsageError(f"the value of {key!r} will not do: {what} (got {first['input']!r})")
