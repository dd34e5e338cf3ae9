"""Load a trained model from its run directory, a quantized folder, or a Hugging Face folder."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError, reason, system_hint
from rotrain.files import parse_json, read_file, read_record, sha256_file
from rotrain.models.decoder import Decoder
from rotrain.models.hf import from_hf
from rotrain.models.quantized import cache_dequantized, free_bytes, from_tensors
from rotrain.run import checkpoint
from rotrain.run.directory import RunDirectory

# The record in a folder of `rotrain quantize --method rtn | hqq | gptq`.
QUANTIZATION = "quantization.json"

_COPY = "copy the file again"
# What `safetensors` and PyTorch raise for a header that is no header, or that asks for more than there is.
_UNREADABLE = (OSError, SafetensorError, RuntimeError, ValueError, OverflowError, MemoryError)


@dataclass(frozen=True)
class TrainedModel:
    """A trained model in fp32, ready to compute.

    Attributes:
        run: Its directory. Of a Hugging Face folder only the tokenizer is known.
        step: Step of the checkpoint; 0 for a Hugging Face folder.
        model: The decoder, in evaluation mode. `load_run` leaves it on the CPU.
        tokenizer: Its tokenizer.
        eos_id: Id of the token between documents.
        notes: Sentences for the user, for example about a damaged newer checkpoint.
        sha256: Hash of the file of the weights; of the first one where there are several.
        weights_file: The file of the weights where the model has no memory, see `load_run`.
        matrices: How the matrices of a quantized folder are computed, and why.
        stop_ids: More tokens that end a text, where config.json names several.
        bos_id: Id of the token before a text, where it is another than `eos_id`.
        chat_template: How a chat becomes one text (Jinja), where the folder has a template.
        add_bos: Whether the tokenizer of the folder puts the BOS before every text.
        pad_id: Id of the token that fills the shorter texts of a batch, where the folder names one.
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
    stop_ids: tuple[int, ...] = ()
    bos_id: int | None = None
    chat_template: str | None = None
    add_bos: bool = False
    pad_id: int | None = None

    @property
    def begin_id(self) -> int:
        """Id of the token before a text: its own BOS, or else the token between documents."""
        return self.eos_id if self.bos_id is None else self.bos_id

    def weights(self) -> Mapping[str, Tensor]:
        """Return the parameters by name. Without memory, each one is read from the disk when it is asked for."""
        if self.weights_file is None:
            return dict(self.model.named_parameters())
        return LazyTensors(self.weights_file)


class LazyTensors(Mapping[str, Tensor]):
    """The tensors of a safetensors file. Each one is read when it is asked for, and not kept.

    Args:
        file: The file.
    """

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = cast(Any, safe_open(file, framework="pt", backend="pread"))
        self._stored = {checkpoint.current_name(name): name for name in self._file.keys()}  # noqa: SIM118

    def __getitem__(self, name: str) -> Tensor:
        """Read a tensor.

        Raises:
            RotrainError: The disk refuses it.
        """
        try:
            tensor: Tensor = self._file.get_tensor(self._stored[name])
        except (OSError, SafetensorError) as error:
            raise RotrainError(
                f"cannot read {name}: {reason(error)}",
                place=self._path,
                hint=system_hint(OSError(errno.EIO, "")),
            ) from None
        return tensor

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._stored)

    def __len__(self) -> int:
        """Return the number of tensors."""
        return len(self._stored)


def load_run(path: str | PathLike[str], *, meta: bool = False) -> TrainedModel:
    """Load the newest complete checkpoint of a run on the CPU.

    Args:
        path: Run directory; a folder of `rotrain quantize`, whose matrices stay in their few bits; or a Hugging Face
            folder of one of our architectures, whoever trained it.
        meta: Give the model of a run shapes but no memory (PyTorch's device `meta`), for a caller that takes its
            `weights()` one by one.

    Raises:
        RotrainError: There is no model, or it is damaged.

    Examples:
        >>> loaded = load_run("runs/llama-mha-nano")
        >>> loaded.model.config.arch, loaded.step
        ('llama-mha', 4)
    """
    run = RunDirectory(Path(path))
    if (run.path / QUANTIZATION).is_file():
        return _load_quantized(run)
    config = _hf_config(run.path)
    if config is not None:
        return _load_hf(run, config)
    record = run.read_config()
    if record is None:
        raise RotrainError("there is no run here", place=run.path, hint="train one with `rotrain fit`")
    saved, damaged = checkpoint.find_newest(run.checkpoints, weights_only=True)
    if saved is None:
        what = damaged[0] if damaged else "the run has no checkpoint yet"
        raise RotrainError(what, place=run.path, hint="continue the run: `rotrain fit ... --resume`")
    run.check_tokenizer(record)
    if saved.model != ModelConfig.model_validate(record["model"]):
        raise RotrainError(
            "the weights of the checkpoint do not have the shape that config.json says",
            place=saved.path / checkpoint.STATE,
            hint="restore both from one copy of the run",
        )
    with torch.device("meta" if meta else "cpu"):
        model = Decoder(saved.model)
    if not meta:
        _fill(model, saved.weights(), saved.path / checkpoint.MODEL)
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


def _fill(model: Decoder, weights: dict[str, Tensor], file: Path) -> None:
    """Give a model its weights."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = " ".join(str(error).splitlines()[1:2]).strip() or str(error)
        raise RotrainError(f"the weights do not fit the shape of the model: {first}", place=file) from None


def _load_quantized(run: RunDirectory) -> TrainedModel:
    again = "quantize the run again"
    file = run.path / "model.safetensors"
    try:
        record = read_record(run.path / QUANTIZATION)
        if record["format"] != "rotrain-quantized" or record["version"] != 1:
            raise ValueError(f"format {record['format']} {record['version']}")
        shape = ModelConfig.model_validate(record["model"])
        bits = {
            checkpoint.current_name(tensor["name"]): tensor["bits"]
            for tensor in record["tensors"]
            if "bits" in tensor
        }
        step, eos_id, sha256 = int(record["step"]), int(record["eos_id"]), record["sha256"]
        bos_id, stop_ids = record.get("bos_id"), tuple(record.get("stop_ids", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RotrainError(
            f"this is not the record of a quantized model: {reason(error)}",
            place=run.path / QUANTIZATION,
            hint=again,
        ) from None
    try:
        if sha256_file(file) != sha256:
            raise RotrainError(
                "the hash of the file differs from the record: the file is cut off or from another model",
                place=file,
                hint=again,
            )
        tensors = {checkpoint.current_name(name): tensor for name, tensor in load_file(file).items()}
        model = from_tensors(shape, bits, tensors)
        matrices = cache_dequantized(model, free_bytes())
    except (*_UNREADABLE, KeyError) as error:
        raise RotrainError(f"cannot read the weights: {reason(error)}", place=file, hint=again) from None
    return TrainedModel(
        run,
        step,
        model.eval(),
        Tokenizer(run.tokenizer),
        eos_id,
        [],
        sha256,
        matrices=matrices,
        stop_ids=stop_ids,
        bos_id=bos_id,
    )


def _hf_config(path: Path) -> dict[str, Any] | None:
    try:
        config = parse_json(read_file(path / "config.json"))
    except (OSError, ValueError):
        return None  # the run directory reports what is wrong with the file
    return config if isinstance(config, dict) and "model_type" in config else None


def _load_hf(run: RunDirectory, config: dict[str, Any]) -> TrainedModel:
    weights: dict[str, Tensor] = {}
    files = sorted(run.path.glob("*.safetensors"))
    try:
        for file in files:
            weights |= load_file(file)
    except _UNREADABLE as error:
        raise RotrainError(f"cannot read the weights: {reason(error)}", place=file, hint=_COPY) from None
    if not weights:
        raise RotrainError("there is no .safetensors file here", place=run.path)
    try:
        shape, ours = from_hf(config, weights)
    except RotrainError as error:
        raise RotrainError(str(error), place=run.path, hint=error.hint) from None
    eos, *stops = _eos_ids(config, run.path / "config.json")
    model = Decoder(shape)
    _fill(model, ours, files[0])
    note = f"{run.path} is a Hugging Face folder ({shape.arch}): no step is known"
    return TrainedModel(
        run,
        0,
        model.eval(),
        Tokenizer(run.tokenizer),
        eos,
        [note],
        sha256_file(files[0]),
        stop_ids=tuple(stops),
        bos_id=_bos_id(config, run.path / "config.json"),
        pad_id=_pad_id(config),
        **_tokenizer_config(run.path),
    )


def _bos_id(config: dict[str, Any], place: Path) -> int | None:
    bos = config.get("bos_token_id")
    if bos is None or bos == config.get("eos_token_id"):
        return None
    if not isinstance(bos, int) or not 0 <= bos < config.get("vocab_size", 0):
        raise RotrainError(f"bos_token_id is {bos!r}, which is no token of the vocabulary", place=place)
    return bos


def _pad_id(config: dict[str, Any]) -> int | None:
    """Return the pad token of a folder. Some configs write "none" as -1."""
    pad = config.get("pad_token_id")
    return pad if isinstance(pad, int) and 0 <= pad < config.get("vocab_size", 0) else None


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    """Return what the files beside tokenizer.json say about chats and the BOS."""
    try:
        config = parse_json(read_file(folder / "tokenizer_config.json"))
    except FileNotFoundError:
        config = {}
    except (OSError, ValueError) as error:
        raise RotrainError(f"cannot be read: {error}", place=folder / "tokenizer_config.json") from None
    template = config.get("chat_template") if isinstance(config, dict) else None
    file = folder / "chat_template.jinja"
    if file.exists():
        template = read_file(file).decode()
    if template is not None and not isinstance(template, str):
        raise RotrainError(
            "the folder has several chat templates, and an exported model has one",
            place=folder / "tokenizer_config.json",
            hint="leave one of them in the file",
        )
    return {"chat_template": template, "add_bos": bool(config.get("add_bos_token", False))}


def _eos_ids(config: dict[str, Any], place: Path) -> list[int]:
    """Return the tokens that end a text. A chat model names several: the first ends a document."""
    eos = config.get("eos_token_id")
    ids = [eos] if isinstance(eos, int) else eos
    if not isinstance(ids, list) or not ids or not all(isinstance(i, int) for i in ids):
        raise RotrainError(f"eos_token_id is {eos!r}, not a number or a list of numbers", place=place)
    vocabulary = config.get("vocab_size", 0)
    if not all(0 <= i < vocabulary for i in ids):
        raise RotrainError(
            f"eos_token_id is {eos!r}, and the vocabulary has {vocabulary} tokens", place=place
        )
    return ids
