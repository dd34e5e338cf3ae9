"""Every example of every --help is a command the program takes: its words, options and values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from rotools.cli.app import app as rotools_app
from rotrain.cli import app as rotrain_app

PROGRAMS = {"rotools": rotools_app, "rotrain": rotrain_app}


def verbs(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in inner.items():
        yield from verbs(f"{name} {word}", one)


def examples() -> Iterator[tuple[str, str]]:
    for program, app in PROGRAMS.items():
        for name, command in verbs(program, typer.main.get_command(app)):
            found = re.findall(rf"^\s*((?:[A-Z_]+=\S+ )*{program} .*)$", command.help or "", re.MULTILINE)
            yield from ((name, line) for line in found) if found else [(name, "")]


@pytest.mark.parametrize(("name", "line"), list(examples()))
def test_an_example_is_taken(name: str, line: str) -> None:
    assert line, f"{name} --help has no example"
    command = re.split(r"\s[|<>]\s|\s&&\s", re.sub(r"^([A-Z_]+=\S+ )+", "", line))[0]
    words = shlex.split(command, comments=True)
    found = typer.main.get_command(PROGRAMS[words[0]])
    rest = words[1:]
    while getattr(found, "commands", None) is not None:
        found, rest = found.commands[rest[0]], rest[1:]
    found.make_context(words[0], rest)  # raises where a word, an option or a value is none of its own
