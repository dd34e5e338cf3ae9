"""The options that `plan`, `fit` and `bench-train` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ArchOption = Annotated[str | None, typer.Option("--arch", help="Architecture, see `rotrain archs`.")]
SizeOption = Annotated[
    str | None,
    typer.Option("--size", help="nano, mini, 300m, or auto (the largest that a GPU holds, else nano)."),
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
        help="Start a new run at a checkpoint of another run, with its configuration.",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Accept a plan that trains its last phase at a rate near zero.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any key of the configuration, for example optim.lr=0.001."
    ),
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file of configuration keys.")]
