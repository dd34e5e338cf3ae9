"""`rotools normalize --diff`: what would change, place by place, in colour on a terminal."""

from rich.console import Console
from rich.text import Text

from rotools import _rotext


def show(inputs: list[str], limit: int, text_field: str) -> None:
    """Prints the first `limit` changed places of the inputs with the ids of their rules."""
    console = Console(highlight=False, soft_wrap=True)
    for identity, rule, start, before, after in _rotext.diff_files(inputs, limit, text_field=text_field):
        line = Text(f"{identity} byte {start}  ")
        line.append(f"[{rule}] ", style="cyan")
        line.append(_visible(before), style="red")
        line.append(" -> ")
        line.append(_visible(after), style="green")
        console.print(line)


def _visible(text: str) -> str:
    """Characters that show nothing, as escapes; white space other than a plain space too."""
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)
