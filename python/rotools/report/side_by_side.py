"""Two texts side by side, word by word, with their differences marked."""

import difflib
import re

from markupsafe import Markup, escape

WORDS = 2_000  # words of each text that are compared; the time grows with their square at worst
AROUND = 12  # words shown on both sides of a difference

_PIECE = re.compile(r"\S+|\n+")


def side_by_side(kept: str, removed: str) -> tuple[Markup, Markup]:
    """Mark the differences of two texts.

    Args:
        kept: The document that is kept.
        removed: The document that is removed.

    Returns:
        HTML of both texts, escaped: words only in the kept text are in `<del>`, words only in the other in `<ins>`. Long
        equal parts are shortened.

    Examples:
        >>> print(*side_by_side("un text <vechi>", "un text nou"), sep="\\n")
        un text <del>&lt;vechi&gt;</del>
        un text <ins>nou</ins>
    """
    whole = _PIECE.findall(kept), _PIECE.findall(removed)
    left, right = whole[0][:WORDS], whole[1][:WORDS]
    first, second = [], []
    for action, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if action == "equal":
            same = escape(" ".join(_shortened(left[a:b], at_start=a == 0, at_end=b == len(left))))
            first.append(same)
            second.append(same)
        else:
            first.append(_marked("del", left[a:b]))
            second.append(_marked("ins", right[c:d]))
    return _joined(first, whole[0]), _joined(second, whole[1])


def _joined(parts: list[Markup], words: list[str]) -> Markup:
    return Markup(" ").join(part for part in parts if part) + (" …" if len(words) > WORDS else "")


def _shortened(words: list[str], *, at_start: bool, at_end: bool) -> list[str]:
    """The ends of an equal part that touch a difference; at an end of the text also that end."""
    if len(words) <= 3 * AROUND:
        return words
    if at_start and at_end:
        return [*words[: 3 * AROUND], "…"]
    return [*words[:AROUND], "…", *words[-AROUND:]]


def _marked(tag: str, words: list[str]) -> Markup:
    return Markup(f"<{tag}>{{}}</{tag}>").format(" ".join(words)) if words else Markup("")
