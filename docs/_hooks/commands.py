"""Pages of the two commands, generated from the programs themselves when the site is built."""

from __future__ import annotations

from collections.abc import Iterator

import typer
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.testing import CliRunner


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add one page for each command."""
    from rotools.cli.app import app as rotools
    from rotrain.cli import app as rotrain

    for name, app in (("rotools", rotools), ("rotrain", rotrain)):
        content = "\n".join(_page(name, app))
        files.append(File.generated(config, f"reference/commands/{name}.md", content=content))
    return files


def _page(name: str, app: typer.Typer) -> Iterator[str]:
    """A heading and the help of each verb, exactly as `--help` prints it."""
    yield f"# {name}\n"
    for words in _verbs(typer.main.get_command(app), ()):
        result = CliRunner().invoke(app, [*words, "--help"], prog_name=name, env={"COLUMNS": "100"})
        assert result.exit_code == 0, result.output
        yield f"## {' '.join((name, *words))}\n"
        yield f"```text\n{result.output.strip()}\n```\n"


def _verbs(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    for name, verb in getattr(command, "commands", {}).items():
        yield from _verbs(verb, (*words, name))
