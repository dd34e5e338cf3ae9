"""The configuration of a run: the shape of its model and every choice of its training.

A configuration is made from the defaults of a size, then a TOML file (`--config`), then the options, then `--set
key=value`. The later value wins. The run directory stores the result.
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

# No tokenizer has more entries; a larger number is a slip, and a model allocates by it.
MOST_ENTRIES = 1 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ssm(_Strict):
    """The shape of a Mamba-2 mixer.

    Attributes:
        heads: Heads.
        head_dim: Elements of a head.
        state: Elements of the state of a head, for each element of the head.
        groups: Pairs of B and C; each pair serves `heads / groups` heads.
        conv: Positions of the causal convolution.
        chunk: Positions that the scan processes at once. It changes the speed, not the result.
    """

    heads: int = Field(ge=1)
    head_dim: int = Field(default=64, ge=1)
    state: int = Field(default=128, ge=1)
    groups: int = Field(default=1, ge=1)
    conv: int = Field(default=4, ge=2)
    chunk: int = Field(default=128, ge=1)

    @property
    def inner(self) -> int:
        """Width of all heads together."""
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
    """The shape of a decoder.

    Attributes:
        arch: Name of the architecture.
        layers: Layers.
        hidden: Width of the residual stream, in elements.
        pattern: Layer i has the mixer `pattern[i % len(pattern)]`.
        heads: Query heads; 0 without attention.
        kv_heads: Key/value heads; 0 without attention.
        head_dim: Elements of a head.
        window: Tokens that a token of attention sees, itself included; None for all before it.
        ssm: Shape of the Mamba-2 mixers, if there are any.
        mlp: Kind of the feed-forward.
        ffn: Width of the feed-forward, in elements; 0 without one.
        norm: RMSNorm or LayerNorm.
        parallel: Mixer and feed-forward read one norm, and both are added.
        vocab_size: Entries of the vocabulary.
        context: Most tokens of a sequence.
        document_end: Id of the token after each document. Nothing is seen across it; None sees everything.
        rope_theta: Base of the rotary positions.
        norm_eps: Epsilon of the norms.

    Examples:
        >>> from rotrain.models.presets import model_config
        >>> shape = model_config("mamba2-hybrid", "nano")
        >>> shape.layers, [shape.mixer(layer) for layer in range(4)]
        (4, ['mamba2', 'mamba2', 'mamba2', 'attention'])
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
    vocab_size: int = Field(ge=2, le=MOST_ENTRIES)
    context: int = Field(ge=1)
    document_end: int | None = Field(default=None, ge=0)
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)

    def mixer(self, layer: int) -> MixerName:
        """Return the kind of mixer of a layer (from 0)."""
        return self.pattern[layer % len(self.pattern)]

    def mixers(self, kind: MixerName) -> int:
        """Return how many layers have this kind of mixer."""
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
    """The batch of one optimizer step.

    Attributes:
        sequences: Sequences of the batch.
        micro: Sequences that go through the model at once. The gradients of the parts are added, so `micro` changes
            memory and speed, not the result (except the rounding of a sum in another order). `auto` takes 4 on a CPU, and
            finds what a GPU can hold.
    """

    sequences: int = Field(ge=1)
    micro: Annotated[int, Field(ge=1)] | Literal["auto"]


class Optim(_Strict):
    """AdamW (Loshchilov and Hutter, 2019), or Muon for the matrices of the blocks and AdamW for the rest.

    Attributes:
        name: `adamw` or `muon`.
        lr: Peak learning rate.
        momentum: Momentum of Muon.
        beta1: AdamW's decay of the first moment.
        beta2: AdamW's decay of the second moment.
        eps: AdamW's epsilon.
        weight_decay: Decoupled weight decay, for the matrices of the blocks only.
        clip_norm: Largest norm of the gradient.
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

    Attributes:
        shape: `wsd`: linear warmup, constant, then a decay over the last `decay_fraction`, never longer than the last
            phase. `cosine`: warmup, then half a cosine. `constant`: warmup, then flat.
        decay: Shape of the decay of `wsd`.
        warmup_fraction: Part of the steps that warm up.
        decay_fraction: Part of the steps that decay.
        decay_to: Where a decay ends, as a part of the peak.
        phase_lr: Factors of the rate inside a phase, by name.
    """

    shape: Literal["wsd", "cosine", "constant"] = "wsd"
    decay: Literal["linear", "1-sqrt"] = "1-sqrt"
    warmup_fraction: float = Field(default=0.05, ge=0, le=1)
    decay_fraction: float = Field(default=0.2, ge=0, le=1)
    decay_to: float = Field(default=0.1, ge=0, le=1)
    phase_lr: dict[str, Annotated[float, Field(gt=0)]] | None = None


class Mix(_Strict):
    """How the phases of the pack share the batches.

    Attributes:
        replay: Part of the sequences that repeats earlier phases inside a later phase, against forgetting.
        ramp: Part of the run's steps over which the mix changes linearly, centred on the boundary of two phases.
    """

    replay: float = Field(default=0.05, ge=0, lt=1)
    ramp: float = Field(default=0.01, ge=0, le=1)


class Evaluation(_Strict):
    """Evaluation during training.

    Attributes:
        every: Steps between evaluations.
        max_tokens: Held-out tokens of each phase, at most.
        prompt: Start of the texts that the finished model writes.
        sample_tokens: Tokens of such a text; 0 writes none.
    """

    every: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    prompt: str = "A fost odată"
    sample_tokens: int = Field(default=64, ge=0)


class Spikes(_Strict):
    """What happens when the loss or the gradient's norm leaves its recent range, or is not finite.

    A spike is a value more than `sigma` standard deviations above the mean of the last `window` steps.

    Attributes:
        policy: `skip` drops the update. `rewind` loads the weights of the newest scheduled checkpoint and reads on.
            `stop` ends the run. `off` ends the run only for values that are not finite.
        sigma: Standard deviations.
        window: Steps.
        patience: More spikes in a row than this end any run: it has diverged.
    """

    policy: Literal["skip", "stop", "rewind", "off"] = "skip"
    sigma: float = Field(default=6.0, gt=0)
    window: int = Field(default=128, ge=8)
    patience: int = Field(default=5, ge=1)


class Checkpoint(_Strict):
    """A checkpoint every `every` steps and at the end.

    Attributes:
        every: Steps between checkpoints.
        keep: Newest checkpoints that stay.
        keep_every: Checkpoints of steps that are multiples of this stay for ever.
        average: Newest checkpoints that are averaged when the run ends; at least so many stay.
    """

    every: int = Field(ge=1)
    keep: int = Field(default=2, ge=1)
    keep_every: int | None = Field(default=None, ge=1)
    average: int | None = Field(default=None, ge=2)

    @property
    def kept(self) -> int:
        """How many of the newest checkpoints stay."""
        return max(self.keep, self.average or 1)


class Runtime(_Strict):
    """What the run computes on. `auto` chooses when the run starts, and the run reports the choice.

    Attributes:
        device: Where to compute.
        precision: `bf16` multiplies in bf16 over fp32 weights.
        compile: Whether to compile forward and backward pass.
        parallel: How several processes share the model.
        deterministic: The same command gives the same bits on CUDA too, at the price of speed. On a CPU it always does.
        threads: Threads of PyTorch on a CPU.
        peak_tflops: Peak of the device in TFLOP/s, for the MFU.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    parallel: Literal["auto", "none", "ddp", "fsdp"] = "auto"
    deterministic: bool = False
    threads: int | None = Field(default=None, ge=1)
    peak_tflops: float | None = Field(default=None, gt=0)


class FitConfig(_Strict):
    """Everything that `fit` needs to give the same metrics again. `make_config` and `resolve` make one.

    Attributes:
        arch: Name of the architecture.
        size: `nano`, `mini` or `300m`.
        data: Pack directory.
        out: Run directory.
        steps: Optimizer steps; None reads every phase for its epochs.
        begin_from: `RUN[@STEP]`: the checkpoint at which a branch starts.
        seed: Seed of weights and order.
        context: Tokens of a sequence.
        window: Window of an architecture that has one, in tokens; None takes a quarter of the context.
        document_mask: Whether nothing is seen across documents.
        log_every: Steps between log lines.
        curriculum: `anneal`, `sequential` or `mixed`.
        phase_fractions: Share of the steps of each phase, by name.
        mix: Replay and ramps.
        batch: Sequences of a step.
        optim: Optimizer.
        schedule: Learning rate.
        spikes: What happens at a loss spike.
        evaluation: Evaluation during training.
        checkpoint: When checkpoints are written and kept.
        runtime: Device and precision.

    Examples:
        >>> resolve({"arch": "llama-mha", "size": "nano"}).batch
        Batch(sequences=8, micro=8)
    """

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


# Defaults by size. nano and mini fit two CPU cores. The learning rates fall with the width, as in every published sweep.
# 300m takes 64 sequences of 2048 = 131,072 tokens a step.
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
        "batch": {"sequences": 16, "micro": "auto"},
        "optim": {"lr": 2e-3},
        "evaluation": {"every": 250, "max_tokens": 65_536},
        "checkpoint": {"every": 100},
    },
    "300m": {
        "context": 2048,
        "log_every": 10,
        "batch": {"sequences": 64, "micro": "auto"},
        "optim": {"lr": 1e-3},
        "evaluation": {"every": 1000, "max_tokens": 1_048_576},
        "checkpoint": {"every": 500},
    },
}

# A curriculum by name is a few defaults. `anneal` puts the decay of the learning rate inside the last phase, where the
# best text is (MiniCPM, Hu et al. 2024, section 4; OLMo 2, section 3.5), and keeps 5 % of the earlier text in it (Ibrahim
# et al. 2024: from 1 % on, replay reduces forgetting). `sequential` is the usual practice that it is compared with, and
# `mixed` is the control without any order.
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
    settings: Mapping[str, Any] | None = None,
) -> FitConfig:
    """Return the configuration of a run from defaults, a TOML file, options and settings.

    Args:
        flags: Top-level keys; None where an option was not given. `size` must not be `auto`, which depends on the
            machine.
        file: TOML file of configuration keys.
        assignments: `key=value` strings.
        settings: Keys in dotted form with their values; they win over everything else.

    Raises:
        UsageError: A key is unknown, or a value is not allowed.

    Examples:
        >>> resolve({"arch": "mamba2"}, assignments=["optim.lr=0.002", "runtime.device=cpu"]).optim.lr
        0.002
    """
    merged: dict[str, Any] = {}
    if file is not None:
        _merge(merged, load_toml(file))
    _merge(merged, {key: value for key, value in flags.items() if value is not None})
    for word in assignments or []:
        _merge(merged, _assignment(word))
    for key, value in (settings or {}).items():
        _merge(merged, _nested(key, value))
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
    _merge(whole, CURRICULA.get(str(merged.get("curriculum")), {}))  # validation reports a wrong name
    _merge(whole, merged)
    try:
        return FitConfig.model_validate(whole)
    except ValidationError as error:
        raise _bad_value(error) from None


def parse_run_step(text: str) -> tuple[Path, int | None]:
    """Return directory and step of `RUN[@STEP]`.

    Examples:
        >>> parse_run_step("runs/nano@150")[1], parse_run_step("runs/nano")[1]
        (150, None)
    """
    path, at, step = text.rpartition("@")
    if at and step.isdecimal():
        return Path(path), int(step)
    return Path(text), None


def _parent_config(text: str) -> dict[str, Any]:
    """Return what a branch takes from its parent: everything except its length, its paths and its machine.

    The branch continues at the parent's rate, so it needs no warmup.
    """
    path, _ = parse_run_step(text)
    try:
        config: dict[str, Any] = json.loads((path / "config.json").read_bytes())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        raise RotrainError(
            "there is no run here to start from", place=path, hint="give --from RUN[@STEP]"
        ) from None
    for key in ("out", "steps", "begin_from", "phase_fractions", "runtime"):
        config.pop(key, None)
    _merge(config, {"schedule": {"warmup_fraction": 0.0}})
    return config


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of configuration keys.

    Raises:
        UsageError: The file cannot be read, or it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration: {error.strerror}", place=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"this is not TOML: {error}", place=path) from None
    except RecursionError:
        raise UsageError("this is nested too deep", place=path) from None


def known_keys(model: type[BaseModel] = FitConfig, prefix: str = "") -> Iterator[str]:
    """Return every key of the configuration in dotted form."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


# Keys whose value is a table by names of phases.
TABLES = ("phase_fractions", "schedule.phase_lr")


def unknown_key(key: str) -> UsageError:
    """Return the error for an unknown key, with the nearest key that exists.

    Examples:
        >>> unknown_key("optim.lrr").hint
        "did you mean 'optim.lr'?"
    """
    keys = list(known_keys())
    # A key may be mistyped, or given without its section: try both.
    by_leaf = {name.rsplit(".", 1)[-1]: name for name in keys}
    near = difflib.get_close_matches(key, keys, n=1) or [
        by_leaf[leaf] for leaf in difflib.get_close_matches(key.rsplit(".", 1)[-1], by_leaf, n=1)
    ]
    hint = f"did you mean {near[0]!r}?" if near else f"keys are: {', '.join(keys)}"
    return UsageError(f"there is no configuration key {key!r}", hint=hint)


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one table of dotted keys.

    Examples:
        >>> flatten({"optim": {"lr": 0.1}, "seed": 1})
        {'optim.lr': 0.1, 'seed': 1}
    """
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
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text.strip()  # a bare word is a string: --set runtime.device=cpu
    return _nested(key, value)


def _nested(key: str, value: Any) -> dict[str, Any]:
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
        # A table of phases takes any name: only the pack knows the names.
        if key not in known and key.rpartition(".")[0] not in TABLES:
            yield key


def _bad_value(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    what = first["msg"][0].lower() + first["msg"][1:]
    return UsageError(f"invalid value for {key!r}: {what} (got {first['input']!r})")
