"""A trained model back from its run directory, or from a Hugging Face folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.files import sha256_file
from rotrain.models.decoder import Decoder
from rotrain.models.hf import from_hf
from rotrain.models.quantized import cache_dequantized, free_bytes, from_tensors
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory

# The record in a folder of `rotrain quantize --method rtn | hqq | gptq`.
QUANTIZATION = "quantization.json"


@dataclass(frozen=True)
class TrainedModel:
    """The newest whole checkpoint of a run, ready to compute in fp32.

    Of a Hugging Face folder, `run` knows the tokenizer alone and `step` is 0. `sha256` is of the
    file of the weights, the first one where there are several. `weights_file`: the file itself where the model
    is an meta, see `load_run`. `matrices`: how those of a quantized folder are computed with, and why.
    """

    run: RunDirectory
    step: int
    model: Decoder
    tokenizer: Tokenizer
    eos_id: int
    notes: list[str]
    sha256: str
    weights_file: Path | None = None
    matrices: str | None = None

    def weights(self) -> Mapping[str, Tensor]:
        """The parameters by name: the model's, or of an meta each read when it is asked for."""
        return (
            dict(self.model.named_parameters())
            if self.weights_file is None
            else LazyTensors(self.weights_file)
        )


class LazyTensors(Mapping[str, Tensor]):
    """The tensors of a safetensors file, each read when it is asked for and not kept."""

    def __init__(self, file: Path) -> None:
        self._file = cast(Any, safe_open(file, framework="pt", backend="pread"))
        self._stored = {checkpoint.current_name(name): name for name in self._file.keys()}  # noqa: SIM118

    def __getitem__(self, name: str) -> Tensor:
        tensor: Tensor = self._file.get_tensor(self._stored[name])
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def load_run(path: Path, *, meta: bool = False) -> TrainedModel:
    """Load a run's newest checkpoint on the CPU; `notes` tells of damaged newer ones.

    A Hugging Face folder of one of our architectures is read too, whoever trained it, and a folder
    of `rotrain quantize`, whose matrices stay in their few bits. `meta`: the model of a run has names and
    shapes alone (it is on PyTorch's device "meta"), for a reader who takes its `weights()` one by one.
    """
    run = RunDirectory(path)
    if (path / QUANTIZATION).is_file():
        return _load_quantized(run)
    config = _hf_config(path)
    if config is not None:
        return _load_hf(run, config)
    record = run.read_config()
    if record is None:
        raise RotrainError("there is no run here", place=path, hint="train one with `rotrain fit`")
    saved, damaged = checkpoint.find_newest(run.checkpoints, weights_only=True)
    if saved is None:
        what = damaged[0] if damaged else "the run has no checkpoint yet"
        raise RotrainError(what, place=path, hint="go on with the run: `rotrain fit ... --resume`")
    with torch.device("meta" if meta else "cpu"):
        model = Decoder(saved.model)
    if not meta:
        model.load_state_dict(saved.weights())
    return TrainedModel(
        run,
        saved.step,
        model.eval(),
        Tokenizer(run.tokenizer),
        int(record["data"]["eos_id"]),
        [f"{sentence}; using the one before" for sentence in damaged],
        saved.sha256[checkpoint.MODEL],
        saved.path / checkpoint.MODEL if meta else None,
    )


def _load_quantized(run: RunDirectory) -> TrainedModel:
    """A folder of codes and scales. What does not fit its record is a `RotrainError`."""
    again = "quantize the run again"
    file = run.path / "model.safetensors"
    try:
        record = json.loads((run.path / QUANTIZATION).read_bytes())
        if record["format"] != "rotrain-quantized" or record["version"] != 1:
            raise ValueError(f"format {record['format']} {record['version']}")
        shape = ModelConfig.model_validate(record["model"])
        bits = {
            checkpoint.current_name(tensor["name"]): tensor["bits"]
            for tensor in record["tensors"]
            if "bits" in tensor
        }
        step, eos_id, sha256 = int(record["step"]), int(record["eos_id"]), record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RotrainError(
            f"this is no record of a quantized model: {error}", place=run.path / QUANTIZATION, hint=again
        ) from None
    try:
        if sha256_file(file) != sha256:
            raise RotrainError(
                "its hash is not the record's: it is cut off or foreign", place=file, hint=again
            )
        tensors = {checkpoint.current_name(name): tensor for name, tensor in load_file(file).items()}
        model = from_tensors(shape, bits, tensors)
        matrices = cache_dequantized(model, free_bytes())
    except (OSError, SafetensorError) as error:
        raise RotrainError(f"cannot read the weights: {error}", place=file, hint=again) from None
    return TrainedModel(
        run, step, model.eval(), Tokenizer(run.tokenizer), eos_id, [], sha256, matrices=matrices
    )


def _hf_config(path: Path) -> dict[str, Any] | None:
    try:
        config = json.loads((path / "config.json").read_bytes())
    except (OSError, ValueError):
        return None  # what is wrong with it is for the run directory to say
    return config if isinstance(config, dict) and "model_type" in config else None


def _load_hf(run: RunDirectory, config: dict[str, Any]) -> TrainedModel:
    weights: dict[str, Tensor] = {}
    files = sorted(run.path.glob("*.safetensors"))
    try:
        for file in files:
            weights |= load_file(file)
    except (OSError, SafetensorError) as error:
        raise RotrainError(f"cannot read the weights: {error}", place=file) from None
    if not weights:
        raise RotrainError("there is no .safetensors file here", place=run.path)
    try:
        shape, ours = from_hf(config, weights)
    except RotrainError as error:
        raise RotrainError(str(error), place=run.path, hint=error.hint) from None
    eos = config.get("eos_token_id")
    if not isinstance(eos, int):
        raise RotrainError(f"eos_token_id is {eos!r}, not one number", place=run.path / "config.json")
    model = Decoder(shape)
    model.load_state_dict(ours)
    note = f"{run.path} is a Hugging Face folder ({shape.arch}): no step is known"
    return TrainedModel(run, 0, model.eval(), Tokenizer(run.tokenizer), eos, [note], sha256_file(files[0]))
