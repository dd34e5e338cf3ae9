"""The verbs of rotools in one command line."""

from typing import Annotated

import typer

from rotools._rotext import __version__
from rotools.cli.books import books
from rotools.cli.dedup import dedup
from rotools.cli.filter import filter
from rotools.cli.inspect import inspect
from rotools.cli.normalize import normalize
from rotools.cli.pack import pack
from rotools.cli.plan import plan
from rotools.cli.report import report
from rotools.cli.review import review
from rotools.cli.sample import sample
from rotools.cli.split import split
from rotools.cli.tokenizer import app as tokenizer
from rotools.cli.verify import verify
from rotools.cli.why import why

# Plain help: Typer's rich help costs a quarter of a second at each start.
app = typer.Typer(
    name="rotools",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="All steps at once: rotools pack corpus.jsonl. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but the program "
    "itself failed on some documents (rejects `internal-error`), 130 stopped.",
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"rotools {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Romanian text for language models: read, repair, filter, deduplicate, tokenize, pack."""


app.command()(pack)
app.command()(normalize)
app.command()(filter)
app.command()(dedup)
app.command()(books)
app.command()(review)
app.add_typer(tokenizer, name="tokenizer")
app.command()(inspect)
app.command()(plan)
app.command()(split)
app.command()(verify)
app.command()(why)
app.command()(report)
app.command()(sample)
