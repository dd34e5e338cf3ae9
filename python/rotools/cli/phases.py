"""The option `--phase`."""

from rotools.errors import UsageError
from rotools.phases import Phase


def parse_phases(words: list[str] | None) -> list[Phase] | None:
    """Parse `NAME=FILE[,FILE...]`; None where the option is absent.

    Raises:
        UsageError: A word has another form.
    """
    found = []
    for word in words or []:
        name, equals, files = word.partition("=")
        if not equals or not files:
            raise UsageError(f"invalid phase {word!r}", hint="write NAME=FILE, for example web=web.jsonl.zst")
        found.append(Phase(name, files.split(",")))
    return found or None
