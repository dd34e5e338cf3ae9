"""The curriculum: from arguments or a corpus file to phases."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotools.errors import usage


class Phase(BaseModel):
    """One `[[phase]]` of a corpus file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    inputs: list[str] = Field(min_length=1)
    kind: Literal["web", "books"] | None = None
    """What the inputs hold; by default what the phase's name says, and `web` for other names."""
    epochs: int = Field(default=1, ge=1)


class Corpus(BaseModel):
    """A corpus file."""

    model_config = ConfigDict(extra="forbid")

    phase: list[Phase] = Field(min_length=1)


def kind_of(name: str) -> str:
    """What a phase of that name holds: books in `books`, else web text."""
    return "books" if name == "books" else "web"


def phases(inputs: list[str], named: list[str], config: Path | None) -> list[tuple[str, list[str], int, str]]:
    """(name, inputs, epochs, kind) in order of training, from exactly one of the three ways to say it.

    Relative paths in a corpus file are relative to the file.

    Raises:
        RotoolsError: none or several ways, or a corpus file that is wrong.
    """
    if sum(map(bool, (inputs, named, config))) != 1:
        raise usage(
            "name the corpus in one way",
            "rotools pack corpus.jsonl, or --phase web=web.jsonl, or --config corpus.toml",
        )
    if config is not None:
        return _read(config)
    if inputs:
        return [("web", inputs, 1, "web")]
    result = []
    for phase in named:
        name, equals, files = phase.partition("=")
        if not equals or not files:
            raise usage(f"--phase {phase}: not NAME=FILE", "for example --phase web=web.jsonl.zst")
        result.append((name, files.split(","), 1, kind_of(name)))
    return result


def _read(path: Path) -> list[tuple[str, list[str], int, str]]:
    try:
        corpus = Corpus.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise usage(f"{path}: {error}", "see configs/corpus/example.toml") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise usage(f"{path}: {place}: {first['msg']}", "see configs/corpus/example.toml") from None
    return [
        (
            phase.name,
            [i if i == "-" else str(path.parent / i) for i in phase.inputs],
            phase.epochs,
            phase.kind or kind_of(phase.name),
        )
        for phase in corpus.phase
    ]
