"""`rotools normalize --diff`: the changes place by place, in colour on a terminal."""

from typing import Any

from rich.console import Console
from rich.text import Text

from rotools.normalize import Change


def show(changes: list[tuple[str, Change]]) -> None:
    """Print the changed places with the ids of their rules: old text in red, new text in green."""
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
    """Return the changed places as `--json` prints them."""
    return [{"id": identity, **change._asdict()} for identity, change in changes]


def _visible(text: str) -> str:
    """Show invisible characters, and white space other than the plain space, as escapes."""
    return "".join(c if c.isprintable() else _ESCAPES.get(c, f"\\u{{{ord(c):X}}}") for c in text)


_ESCAPES = {"\n": "\\n", "\t": "\\t"}
