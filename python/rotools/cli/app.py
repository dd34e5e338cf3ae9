"""The verbs of rotools, put together."""

import typer

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
from rotools.cli.tokenizer import app as tokenizer
from rotools.cli.verify import verify
from rotools.cli.why import why

# Plain help: the rich one costs a quarter of a second at every start.
app = typer.Typer(
    name="rotools",
    help="Romanian text for language models: read, repair, filter, deduplicate, tokenize, pack.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    epilog="The whole road: rotools pack corpus.jsonl",
)
app.command()(pack)
app.command()(normalize)
app.command()(filter)
app.command()(dedup)
app.command()(books)
app.command()(review)
app.add_typer(tokenizer, name="tokenizer")
app.command()(inspect)
app.command()(plan)
app.command()(verify)
app.command()(why)
app.command()(report)
app.command()(sample)
