"""Make the configuration of a run from options, a file and settings."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig, load_toml, resolve
from rotrain.models.presets import find_arch


def make_config(
    *,
    arch: str | None = None,
    size: str | None = None,
    data: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    curriculum: str | None = None,
    begin_from: str | None = None,
    file: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> FitConfig:
    """Return the configuration of a run. An option that is None takes its value from `file`, else its default.

    Args:
        arch: Name of the architecture, see `list_architectures`.
        size: `nano`, `mini`, `300m`, or `auto`: the largest that a GPU holds, else nano.
        data: Pack directory. Default: pack.
        out: Run directory. Default: runs/<arch>-<size>.
        steps: Optimizer steps. Default: every phase for its epochs.
        seed: Seed of weights and order. Default: 0.
        curriculum: `anneal`, `sequential` or `mixed`. Default: anneal.
        begin_from: `RUN[@STEP]`: start at a checkpoint of another run, with its configuration.
        file: TOML file of configuration keys.
        settings: Any keys of the configuration in dotted form; they win over everything else.

    Raises:
        UsageError: A key is unknown or a value is not allowed.

    Examples:
        >>> config = make_config(arch="llama-mha", size="nano", settings={"optim.lr": 0.001})
        >>> config.out, config.optim.lr, config.context
        ('runs/llama-mha-nano', 0.001, 256)
    """
    options = {
        "arch": arch,
        "size": size,
        "data": None if data is None else str(data),
        "out": None if out is None else str(out),
        "steps": steps,
        "seed": seed,
        "curriculum": curriculum,
        "begin_from": begin_from,
    }
    path = None if file is None else Path(file)
    return resolve_config(options, path, settings=settings)[0]


def resolve_config(
    options: Mapping[str, Any],
    file: Path | None = None,
    assignments: list[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[FitConfig, str | None]:
    """Return the configuration of a run, and a sentence about its size if the size was chosen automatically.

    Args:
        options: Top-level keys; None where an option was not given.
        file: TOML file of configuration keys.
        assignments: `key=value` strings, as `--set` takes them.
        settings: Keys in dotted form with their values.
    """
    size, said = options["size"], None
    if size is None and file is not None:
        size = load_toml(file).get("size")
    # A branch has the size of its parent.
    if size == "auto" or (size is None and not options.get("begin_from")):
        from rotrain.runtime.size import automatic_size

        arch = options.get("arch") or (load_toml(file).get("arch") if file is not None else None)
        size, said = automatic_size(arch)
    config = resolve({**options, "size": size}, file=file, assignments=assignments, settings=settings)
    find_arch(config.arch)
    return config, said
