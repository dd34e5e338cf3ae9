"""The numbers of lists and headings in DOCX, which Word draws and does not store: `Art. 3`, `b)`, `1.2.`.

Source:
    ECMA-376, part 1, section 17.9.
"""

from dataclasses import dataclass, field

from rotools.books.formats.xml import Element, attribute, local

__all__ = ["Numbering"]

LEVELS = 9
_DEEPEST = 12
"""At most this many styles are followed from one to the style it is based on."""


@dataclass
class _Level:
    start: int = 1
    form: str = "decimal"
    text: str = ""
    legal: bool = False


@dataclass
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    counts: list[int | None] = field(default_factory=lambda: [None] * LEVELS)


def _number(node: Element | None, default: int = 0) -> int:
    value = "" if node is None else attribute(node, "val")
    return int(value) if value.lstrip("-").isdecimal() and len(value) < 8 else default


def _children(node: Element | None) -> dict[str, Element]:
    return {} if node is None else {local(child): child for child in node}


def _roman(value: int) -> str:
    out = ""
    for size, sign in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
        (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        out += sign * (value // size)
        value %= size
    return out


def _written(value: int, form: str) -> str:
    if value < 1 or value > 9999:
        return str(value)
    match form:
        case "upperRoman" | "lowerRoman":
            text = _roman(value)
        case "upperLetter" | "lowerLetter":
            text = chr(ord("A") + (value - 1) % 26) * min((value - 1) // 26 + 1, 9)
        case "decimalZero":
            return f"{value:02}"
        case "none":
            return ""
        case _:
            return str(value)
    return text.lower() if form.startswith("lower") else text


class Numbering:
    """Counts the numbered paragraphs of a document.

    Args:
        numbering: Root of the numbering part, if there is one.
        styles: Root of the styles part, if there is one: a heading is numbered by its style.
    """

    def __init__(self, numbering: Element | None, styles: Element | None) -> None:
        abstract: dict[str, _List] = {}
        self.lists: dict[str, _List] = {}
        for node in () if numbering is None else numbering:
            children = _children(node)
            if local(node) == "abstractNum":
                found = _List()
                for level in node:
                    if local(level) == "lvl":
                        found.levels[int(attribute(level, "ilvl") or 0) % LEVELS] = _level(level)
                abstract[attribute(node, "abstractNumId")] = found
            elif local(node) == "num" and "abstractNumId" in children:
                shared = abstract.get(attribute(children["abstractNumId"], "val"))
                if shared is None:
                    continue
                overrides = [child for child in node if local(child) == "lvlOverride"]
                own = _List(dict(shared.levels)) if overrides else shared
                for override in overrides:
                    at = int(attribute(override, "ilvl") or 0) % LEVELS
                    parts = _children(override)
                    base = _level(parts["lvl"]) if "lvl" in parts else own.levels.get(at, _Level())
                    start = _number(parts.get("startOverride"), base.start)
                    own.levels[at] = _Level(start, base.form, base.text, base.legal)
                self.lists[attribute(node, "numId")] = own
        self.styles: dict[str, tuple[str, Element | None]] = {}
        if self.lists and styles is not None:
            for node in styles:
                if local(node) == "style":
                    children = _children(node)
                    base_id = attribute(children["basedOn"], "val") if "basedOn" in children else ""
                    numbered = _children(children.get("pPr")).get("numPr")
                    self.styles[attribute(node, "styleId")] = (base_id, numbered)

    def label(self, properties: Element | None) -> str:
        """Return the number that Word draws before a paragraph with these properties. Bullets are not numbers."""
        if not self.lists or properties is None:
            return ""
        parts = _children(properties)
        numbered = _children(parts.get("numPr"))
        style = attribute(parts["pStyle"], "val") if "pStyle" in parts else ""
        for _ in range(_DEEPEST):
            if "numId" in numbered or style not in self.styles:
                break
            style, found = self.styles[style]
            # A level that the paragraph names counts more than the level of its style.
            numbered = {**_children(found), **numbered}
        found_list = self.lists.get(attribute(numbered["numId"], "val")) if "numId" in numbered else None
        at = _number(numbered.get("ilvl")) % LEVELS
        if found_list is None or at not in found_list.levels:
            return ""
        return _next(found_list, at)


def _level(node: Element) -> _Level:
    parts = _children(node)
    form = attribute(parts["numFmt"], "val") if "numFmt" in parts else "decimal"
    text = attribute(parts["lvlText"], "val") if "lvlText" in parts else ""
    return _Level(_number(parts.get("start"), 1), form, text, "isLgl" in parts)


def _next(found: _List, at: int) -> str:
    level, counts = found.levels[at], found.counts
    before = counts[at]
    counts[at] = level.start if before is None else before + 1
    counts[at + 1 :] = [None] * (LEVELS - at - 1)
    if level.form == "bullet":
        return ""
    text = level.text
    for number in range(at + 1):
        other = found.levels.get(number, _Level())
        value = counts[number]
        form = "decimal" if level.legal and number < at else other.form
        text = text.replace(f"%{number + 1}", _written(other.start if value is None else value, form))
    return text.strip()
