"""`rotools normalize --diff`: what would change, place by place, in colour on a terminal."""

from typing import Any

from rich.console import Console
from rich.text import Text

from rotools.normalize import Change


def show(changes: list[tuple[str, Change]]) -> None:
    """Prints the changed places with the ids of their rules: red what was, green what is."""
    console = Console(highlight=False, soft_wrap=True)
    if not changes:
        console.print("nothing to repair")
    for identity, change in changes:
        line = Text(f"{identity} byte {change.start}  ")
        line.append(f"[{change.rule}]", style="cyan")
        line.append(f" …{_visible(change.context_before)}")
        line.append(f"[-{_visible(change.before)}-]", style="red")
        line.append(f"{{+{_visible(change.after)}+}}", style="green")
        line.append(f"{_visible(change.context_after)}…")
        console.print(line)


def as_objects(changes: list[tuple[str, Change]]) -> list[dict[str, Any]]:
    """The changed places for programs."""
    return [{"id": identity, **change._asdict()} for identity, change in changes]


def _visible(text: str) -> str:
    """Characters that show nothing, as escapes; white space other than a plain space too."""
    return "".join(c if c.isprintable() else _ESCAPES.get(c, f"\\u{{{ord(c):X}}}") for c in text)


_ESCAPES = {"\n": "\\n", "\t": "\\t"}
