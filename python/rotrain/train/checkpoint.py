"""Checkpoints that are whole or absent.

A checkpoint is a directory `checkpoints/step-000200/` of model.safetensors (fp32 weights),
optimizer.safetensors (AdamW's state) and state.json (step, shape, size and SHA-256 of the other
two). It is written under a hidden name, forced to the disk, and takes its name in one rename,
so a kill at any moment leaves the checkpoints before it. It holds no time and no path: the same
run gives the same bytes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError
from rotrain.files import sha256_file, sync_directory, sync_file, write_json

FORMAT, VERSION = "rotrain-checkpoint", 1
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True)
class Saved:
    """A checkpoint on the disk, its files checked against their hashes."""

    path: Path
    step: int
    model: ModelConfig

    def weights(self) -> dict[str, Tensor]:
        """The model's parameters by name, on the CPU."""
        return load_file(self.path / MODEL)

    def optimizer(self) -> dict[str, Tensor]:
        """The optimizer's state by name, on the CPU."""
        return load_file(self.path / OPTIMIZER)


def save(
    folder: Path,
    step: int,
    model: ModelConfig,
    weights: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
    keep: int,
) -> Path:
    """Write the checkpoint of `step` into `folder`, and remove all but the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    final, temporary = folder / f"step-{step:06d}", folder / f".step-{step:06d}.tmp"
    if final.exists():  # this very step, saved before the stop this run resumed from
        return final
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    files = {}
    for name, tensors in ((MODEL, weights), (OPTIMIZER, optimizer)):
        file = temporary / name
        write_tensors(file, tensors)
        files[name] = {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
    state = {"format": FORMAT, "version": VERSION, "step": step, "model": model.model_dump(), "files": files}
    write_json(temporary / STATE, state)
    os.rename(temporary, final)
    sync_directory(folder)
    retain(folder, keep)
    return final


def write_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, forced to the disk, with the permissions any other file would have.

    The library makes its files readable by their owner alone.
    """
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, file, metadata)
    umask = os.umask(0)
    os.umask(umask)
    file.chmod(0o666 & ~umask)
    sync_file(file)


def retain(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep`. Also for a resume: a kill may have come between the two."""
    for old in _names(folder)[keep:]:
        shutil.rmtree(folder / old, ignore_errors=True)


def clean(folder: Path) -> None:
    """Remove what a kill left half-written."""
    for half in folder.glob(".step-*.tmp"):
        shutil.rmtree(half, ignore_errors=True)


def newest(folder: Path) -> tuple[Saved | None, list[str]]:
    """The newest checkpoint that is whole, and a sentence about each newer one that is not."""
    damaged: list[str] = []
    for name in _names(folder):
        try:
            return _open(folder / name), damaged
        except RotrainError as error:
            damaged.append(str(error))
    return None, damaged


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = [entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    return sorted(names, key=lambda name: int(name[5:]), reverse=True)


def _open(path: Path) -> Saved:
    hint = "remove it to go on from the one before"
    try:
        state = json.loads((path / STATE).read_bytes())
        if state["format"] != FORMAT or state["version"] != VERSION:
            raise RotrainError(
                f"checkpoint format {state['format']} {state['version']} is not {FORMAT} {VERSION}",
                place=path,
            )
        for name, expected in state["files"].items():
            if sha256_file(path / name) != expected["sha256"]:
                raise RotrainError(
                    "the checkpoint is damaged (its hash differs)", place=path / name, hint=hint
                )
        return Saved(path, int(state["step"]), ModelConfig.model_validate(state["model"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RotrainError(
            f"the checkpoint is damaged ({type(error).__name__}: {error})", place=path, hint=hint
        ) from None
