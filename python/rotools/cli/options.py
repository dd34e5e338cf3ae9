"""Options that several verbs share."""

from typing import Annotated

import typer

from rotools.errors import UsageError
from rotools.options import DiacriticsPolicy, Preset, TextSplit


def thresholds(words: list[str] | None) -> dict[str, float | None]:
    """Parse `rule=0.3` and `rule=off` to thresholds by rule.

    Raises:
        UsageError: A word has another form.
    """
    found: dict[str, float | None] = {}
    for word in words or []:
        rule, _, value = word.partition("=")
        try:
            found[rule] = None if value == "off" else float(value)
        except ValueError:
            raise UsageError(
                f"invalid threshold {word!r}", hint="write RULE=NUMBER or RULE=off, for example words=20"
            ) from None
    return found


Inputs = Annotated[
    list[str],
    typer.Argument(
        help="JSON, Parquet, Arrow, CSV, WARC or .txt files, compressed or not, folders, globs; - is standard input."
    ),
]
TextField = Annotated[str, typer.Option(help="Field of the text.")]
IdField = Annotated[str | None, typer.Option(help="Field of the id. By default `id`, else file:line.")]
SplitText = Annotated[
    TextSplit | None,
    typer.Option(
        "--split",
        help="Documents of a .txt file: one per line, or between empty lines. By default one per file.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first record that cannot be used.")]
Threads = Annotated[int, typer.Option(min=0, help="Worker threads. 0: one for each core.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress and no summary.")]
VocabSize = Annotated[int, typer.Option(min=258, max=262144, help="Size of a trained vocabulary, in tokens.")]
MaxRam = Annotated[
    str,
    typer.Option(help="Memory of the whole run, for example 512M or 4G. What needs more goes to disk."),
]
Shard = Annotated[
    str | None,
    typer.Option(help="Process shard I of N only, as I/N. Afterwards run without --shard to merge."),
]
Duplicates = Annotated[
    Preset,
    typer.Option(
        help="Bands that propose near-duplicates: 14 of 8 (default) or 26 of 11 (strict). exact removes equal texts "
        "only, all but the first, without a first pass."
    ),
]
AcceptLoss = Annotated[
    bool,
    typer.Option("--accept-loss", help="Allow near-duplicates to remove more than half of a source."),
]
RepeatedLines = Annotated[
    int | None,
    typer.Option(
        min=1, help="Cut lines of web text that occur in more documents than this, dialogue excepted."
    ),
]
Decontaminate = Annotated[
    list[str] | None,
    typer.Option(
        help="An evaluation file. A document that shares 13 words in a row with it is removed. May be repeated."
    ),
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        help="A reference corpus, which is only read. Documents that copy a text in it are removed. May be repeated."
    ),
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        help="RULE=NUMBER in place of the profile's threshold; RULE=off switches the rule off. May be repeated.",
    ),
]
Redact = Annotated[
    bool, typer.Option(help="Replace CNP, IBAN, card numbers, e-mail addresses and telephone numbers.")
]
Boilerplate = Annotated[
    bool, typer.Option(help="Cut cookie notices, buttons and links to other articles from web text.")
]
Undiacritized = Annotated[
    DiacriticsPolicy,
    typer.Option("--diacritics", help="Text without diacritics: flag it in the ledger, drop it, or keep it."),
]
PhaseWords = Annotated[list[str] | None, typer.Option(help="NAME=FILE[,FILE...], in the order of training.")]
