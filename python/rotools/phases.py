"""The phases of a pack: named groups of sources that are trained on together, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from rotools.errors import UsageError
from rotools.options import Paths, Profile, paths

__all__ = ["CorePhase", "Phase", "PhasesLike", "resolve"]

CorePhase: TypeAlias = tuple[str, list[str], int, str]
"""(name, inputs, epochs, profile): what the binding takes."""


@dataclass(frozen=True)
class Phase:
    """One phase.

    Examples:
        >>> Phase("books", "books.jsonl.zst", epochs=2).resolved_profile
        'books'
    """

    name: str
    """For example `web`: letters, digits, `-` and `_`."""
    inputs: Paths
    """Files, folders or globs."""
    epochs: int = 1
    """How often the phase is trained on."""
    profile: Profile | None = None
    """Kind of text in the inputs. None: books in a phase named `books`, else web text."""

    @property
    def resolved_profile(self) -> Profile:
        """The profile, or the one that follows from the name."""
        return self.profile or ("books" if self.name == "books" else "web")


PhasesLike: TypeAlias = Mapping[str, Paths] | Sequence[Phase]
"""Inputs by the names of their phases, or phases, in the order of training."""


def resolve(
    inputs: Paths | None, phases: PhasesLike | None, config: str | PathLike[str] | None
) -> list[CorePhase]:
    """List the phases from exactly one of the three ways to name a corpus.

    Args:
        inputs: Files of one phase, `web`.
        phases: The phases.
        config: A corpus file in TOML. Relative paths in it are relative to the file.

    Raises:
        UsageError: The corpus is named in no way or in several ways, or the corpus file is wrong.

    Examples:
        >>> resolve(None, {"web": "web.jsonl", "books": ["a.jsonl", "b.jsonl"]}, None)
        [('web', ['web.jsonl'], 1, 'web'), ('books', ['a.jsonl', 'b.jsonl'], 1, 'books')]
    """
    given = [] if inputs is None else paths(inputs)
    if sum(map(bool, (given, phases, config))) != 1:
        raise UsageError(
            "name the corpus in one way",
            hint="rotools pack corpus.jsonl, or --phase web=web.jsonl, or --config corpus.toml",
        )
    if config is not None:
        # Pydantic takes longer to import than the rest of rotools.
        from rotools.config import read_config

        listed: Sequence[Phase] = read_config(Path(config))
    elif phases is None:
        listed = [Phase("web", given)]
    elif isinstance(phases, Mapping):
        listed = [Phase(name, files) for name, files in phases.items()]
    else:
        listed = phases
    return [(phase.name, paths(phase.inputs), phase.epochs, phase.resolved_profile) for phase in listed]
