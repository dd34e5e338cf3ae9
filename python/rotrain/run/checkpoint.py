"""Checkpoints that are complete or absent.

A checkpoint is a directory `checkpoints/step-000200/` with model.safetensors (fp32 weights), optimizer.safetensors (the
state of AdamW or Muon) and state.json (step, shape, history of the spike guard, size and SHA-256 of the other two). It
is written under a hidden name, forced to the disk, and renamed once. A kill at any moment leaves the checkpoints before
it intact. A checkpoint holds no time and no path, so the same run gives the same bytes. Its tensors are not sharded,
however many processes trained them, so any number of processes can continue.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rotrain.config import Checkpoint, ModelConfig
from rotrain.errors import RotrainError, reason
from rotrain.files import read_record, sha256_file, sync_directory, sync_file, write_record

FORMAT, VERSION = "rotrain-checkpoint", 1
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{6,})")
_OLD_NAME = re.compile(r"\.mixer\.(into|out)\.")
_PRESENT = {"into": "in_proj", "out": "out_proj"}


@dataclass(frozen=True)
class SavedCheckpoint:
    """A checkpoint on the disk whose files match their hashes.

    Attributes:
        path: Its directory.
        step: Steps that were done.
        model: Shape of the model.
        sha256: Hash of each file by name.
        spikes: History of the spike guard.
    """

    path: Path
    step: int
    model: ModelConfig
    sha256: dict[str, str]
    spikes: dict[str, Any] = field(default_factory=dict)

    def weights(self) -> dict[str, Tensor]:
        """Return the model's parameters by name, fp32, on the CPU."""
        return _load_tensors(self.path / MODEL)

    def optimizer(self) -> dict[str, Tensor]:
        """Return the optimizer's state by name, on the CPU."""
        return _load_tensors(self.path / OPTIMIZER)


def current_name(name: str) -> str:
    """Return the present name of a parameter, given the name in a file.

    Older files call the two projections of a mixer `into` and `out`. They are still read; new files have `in_proj`
    and `out_proj`.

    Examples:
        >>> current_name("blocks.0.mixer.into.weight")
        'blocks.0.mixer.in_proj.weight'
        >>> current_name("blocks.0.mixer.qkv.weight")
        'blocks.0.mixer.qkv.weight'
    """
    return _OLD_NAME.sub(lambda found: f".mixer.{_PRESENT[found[1]]}.", name)


def _load_tensors(file: Path) -> dict[str, Tensor]:
    """Read tensors by their present names.

    Raises:
        RotrainError: The file is damaged.
    """
    try:
        return {current_name(name): tensor for name, tensor in load_file(file).items()}
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, MemoryError) as error:
        raise RotrainError(
            f"cannot read the weights: {reason(error)}",
            place=file,
            hint="remove its checkpoint to continue from the one before",
        ) from None


def save(
    folder: Path,
    step: int,
    model: ModelConfig,
    weights: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor] | None,
    spikes: dict[str, Any] | None = None,
) -> Path:
    """Write a checkpoint. If it cannot be written, for example on a full disk, nothing of it stays.

    Args:
        folder: The folder of the run's checkpoints.
        step: Steps that were done.
        model: Shape of the model.
        weights: Parameters by name.
        optimizer: The optimizer's state by name. Without it a run cannot continue from the checkpoint.
        spikes: History of the spike guard.

    Returns:
        The directory of the checkpoint.

    Raises:
        RotrainError: The disk refuses it.
    """
    final, temporary = folder / f"step-{step:06d}", folder / f".step-{step:06d}.tmp"
    try:
        if final.exists():
            try:
                open_checkpoint(final)
                return final
            except RotrainError:  # damaged: the run continued from the one before and reached this step again
                shutil.rmtree(final)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        files = {}
        for name, tensors in ((MODEL, weights), (OPTIMIZER, optimizer)):
            if tensors is not None:
                file = temporary / name
                write_tensors(file, tensors)
                files[name] = {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
        state = {
            "format": FORMAT,
            "version": VERSION,
            "step": step,
            "model": model.model_dump(),
            "spikes": spikes or {},
            "files": files,
        }
        write_record(temporary / STATE, state)
        os.rename(temporary, final)
        sync_directory(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise RotrainError(
            f"the checkpoint of step {step:,} could not be written: {why}",
            place=folder,
            hint="free disk space (earlier checkpoints are whole); the same command continues from them",
        ) from None
    return final


def write_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file and force it to the disk.

    The file gets the permissions of any other new file; the library alone would make it readable by its owner only.

    Args:
        file: The file.
        tensors: Tensors by name.
        metadata: Strings for the header of the file.

    Raises:
        OSError: The disk refuses it.
    """
    try:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, file, metadata)
    except SafetensorError as error:
        # The library puts what the system said into a text.
        if number := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(file)) from None
        raise
    umask = os.umask(0)
    os.umask(umask)
    file.chmod(0o666 & ~umask)
    sync_file(file)


def remove_old(folder: Path, config: Checkpoint) -> None:
    """Remove old checkpoints.

    The newest `kept` stay, the newest scheduled one (a `rewind` goes back to it), and those of the steps that
    `keep_every` divides. A resumed run calls this too: a kill may have come between saving and removing.
    """
    names = _names(folder)
    scheduled = next((name for name in names if _step(name) % config.every == 0), None)
    for old in names[config.kept :]:
        lasting = config.keep_every is not None and _step(old) % config.keep_every == 0
        if old != scheduled and not lasting:
            # Renamed first: a removal that stops half-way must not leave a checkpoint with half of its files.
            aside = folder / f".{old}.tmp"
            with suppress(OSError):
                os.rename(folder / old, aside)
            shutil.rmtree(aside, ignore_errors=True)


def remove_partial(folder: Path) -> None:
    """Remove checkpoints that a kill left incomplete."""
    for partial in folder.glob(".step-*.tmp"):
        shutil.rmtree(partial, ignore_errors=True)


def find_newest(
    folder: Path, *, every: int = 1, weights_only: bool = False
) -> tuple[SavedCheckpoint | None, list[str]]:
    """Return the newest complete checkpoint, and a sentence about each newer one that is damaged.

    Args:
        folder: The folder of the run's checkpoints.
        every: Consider only steps that are multiples of this.
        weights_only: See `open_checkpoint`.
    """
    damaged: list[str] = []
    for name in _names(folder):
        if _step(name) % every:
            continue
        try:
            return open_checkpoint(folder / name, weights_only=weights_only), damaged
        except RotrainError as error:
            damaged.append(str(error))
    return None, damaged


def list_steps(folder: Path) -> list[int]:
    """Return the steps that have a checkpoint, newest first."""
    return [_step(name) for name in _names(folder)]


def open_step(folder: Path, step: int) -> SavedCheckpoint:
    """Return the checkpoint of a step.

    Raises:
        RotrainError: There is none, or it is damaged.
    """
    path = folder / f"step-{step:06d}"
    if not path.is_dir():
        there = ", ".join(str(step) for step in list_steps(folder)) or "none"
        raise RotrainError(f"there is no checkpoint of step {step}", place=folder, hint=f"there are: {there}")
    return open_checkpoint(path)


def _step(name: str) -> int:
    return int(name[5:])


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = [entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    return sorted(names, key=_step, reverse=True)


def open_checkpoint(path: Path, *, weights_only: bool = False) -> SavedCheckpoint:
    """Open a checkpoint and check its files against their hashes.

    Args:
        path: Its directory.
        weights_only: Do not read the optimizer's state, which is twice as large as the weights. A training needs it.

    Raises:
        RotrainError: The checkpoint is damaged.
    """
    hint = "remove it to continue from the one before"
    try:
        state = read_record(path / STATE)
        if state["format"] != FORMAT or state["version"] != VERSION:
            raise RotrainError(
                f"checkpoint format {state['format']} {state['version']} is not {FORMAT} {VERSION}",
                place=path,
            )
        if MODEL not in state["files"]:
            raise ValueError(f"the record names no {MODEL}")
        for name, expected in state["files"].items():
            if name not in (MODEL, OPTIMIZER):
                raise ValueError(f"the record names {name!r}")
            if weights_only and name == OPTIMIZER:
                continue
            if sha256_file(path / name) != expected["sha256"]:
                raise RotrainError(
                    "the checkpoint is damaged (its hash differs)", place=path / name, hint=hint
                )
        return SavedCheckpoint(
            path,
            int(state["step"]),
            ModelConfig.model_validate(state["model"]),
            {name: entry["sha256"] for name, entry in state["files"].items()},
            dict(state.get("spikes", {})),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RotrainError(f"the checkpoint is damaged: {reason(error)}", place=path, hint=hint) from None
