"""Two texts beside each other, word by word, with what differs marked."""

import difflib
import re
from html import escape

WORDS = 2_000  # of each text that are compared; the work grows with their square at worst
AROUND = 12  # words kept on both sides of what differs

_PIECE = re.compile(r"\S+|\n+")


def side_by_side(kept: str, gone: str) -> tuple[str, str]:
    """HTML of both texts: `<del>` is in the kept one alone, `<ins>` in the other alone; long equal parts are cut."""
    whole = _PIECE.findall(kept), _PIECE.findall(gone)
    left, right = whole[0][:WORDS], whole[1][:WORDS]
    first, second = [], []
    for action, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if action == "equal":
            same = escape(" ".join(_cut(left[a:b], at_start=a == 0, at_end=b == len(left))))
            first.append(same)
            second.append(same)
        else:
            first.append(_marked("del", left[a:b]))
            second.append(_marked("ins", right[c:d]))
    return _joined(first, whole[0]), _joined(second, whole[1])


def _joined(parts: list[str], words: list[str]) -> str:
    return " ".join(part for part in parts if part) + (" …" if len(words) > WORDS else "")


def _cut(words: list[str], *, at_start: bool, at_end: bool) -> list[str]:
    """The ends of an equal part that touch something else; of a part at an end of the text also that end."""
    if len(words) <= 3 * AROUND:
        return words
    if at_start and at_end:
        return [*words[: 3 * AROUND], "…"]
    return [*words[:AROUND], "…", *words[-AROUND:]]


def _marked(tag: str, words: list[str]) -> str:
    return f"<{tag}>{escape(' '.join(words))}</{tag}>" if words else ""
