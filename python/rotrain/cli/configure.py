"""The words `plan` and `fit` share, and the configuration they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rotrain.config import FitConfig

ArchOption = Annotated[str | None, typer.Option("--arch", help="Architecture, see `rotrain archs`.")]
SizeOption = Annotated[
    str | None,
    typer.Option("--size", help="nano, mini, 300m, or auto (300m on a GPU that holds it, else nano)."),
]
DataOption = Annotated[str | None, typer.Option("--data", help="Pack directory. [default: pack]")]
StepsOption = Annotated[
    int | None, typer.Option("--steps", help="Optimizer steps. [default: every phase for its epochs]")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of weights and order. [default: 0]")]
CurriculumOption = Annotated[
    str | None,
    typer.Option(
        "--curriculum",
        help="anneal: the learning rate decays inside the last phase; sequential: phases in order under "
        "a cosine; mixed: all phases throughout. [default: anneal]",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="RUN[@STEP]",
        help="Begin a new run at a checkpoint of another, with its configuration.",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Take a plan that trains its last phase at a near-zero rate.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any key of the configuration, for example optim.lr=0.001."
    ),
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file of configuration keys.")]


def configure(
    flags: dict[str, Any], config: Path | None, assignments: list[str] | None
) -> tuple[FitConfig, str | None]:
    """The configuration of the words, and a sentence about an automatic size."""
    from rotrain.config import load_toml, resolve
    from rotrain.models.presets import find_arch

    size, said = flags["size"], None
    if size is None and config is not None:
        size = load_toml(config).get("size")
    # A branch has the size of its parent.
    if size == "auto" or (size is None and not flags.get("begin_from")):
        from rotrain.runtime.size import automatic_size

        size, said = automatic_size()
    resolved = resolve({**flags, "size": size}, file=config, assignments=assignments)
    find_arch(resolved.arch)
    return resolved, said
