"""Characters of the fonts Symbol and Wingdings, whose codes are not Unicode.

Source:
    Symbol: Adobe's Symbol encoding (`symbol.txt` of Unicode's mappings). Wingdings: the signs of lists, boxes and arrows.
"""

__all__ = ["REPLACEMENT", "symbol"]

REPLACEMENT = "\ufffd"

_SYMBOL = {
    0x20: " !∀#∃%&∋()∗+,−./0123456789:;<=>?",
    0x40: "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_",
    0x60: "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    0xA0: "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵",
    0xC0: "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓",
    0xE0: "◊⟨®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪",
    0xF1: "⟩∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
}
_WINGDINGS = {
    0x20: " ✏✂✁", 0x28: "☎✆✉", 0x36: "⌛⌨", 0x41: "✌", 0x4A: "☺😐☹", 0x51: "✈☼", 0x54: "❄", 0x6C: "●❍■□",
    0x71: "❑❒⬧⧫◆❖⬥", 0x9E: "·•", 0xA1: "○", 0xA7: "▪□", 0xAB: "★", 0xD8: "➢", 0xDF: "←→↑↓↖↗↙↘", 0xE8: "➔",
    0xEF: "⇦⇨⇧⇩⬄⇳", 0xFB: "✗✓☒☑",
}  # fmt: skip


def _table(rows: dict[int, str]) -> dict[int, str]:
    return {start + at: sign for start, signs in rows.items() for at, sign in enumerate(signs)}


_FONTS = {"symbol": _table(_SYMBOL), "wingdings": _table(_WINGDINGS)}


def symbol(font: str, code: int) -> str:
    """Return the character that a font draws for a code. U+FFFD if that is not known.

    Examples:
        >>> symbol("Symbol", 0xF061), symbol("Times New Roman", 0x219), symbol("Webdings", 0xF021)
        ('α', 'ș', '\ufffd')
    """
    private = 0xF000 <= code <= 0xF0FF
    if table := _FONTS.get(font.strip().casefold()):
        return table.get(code & 0xFF, REPLACEMENT) if private or code < 0x100 else chr(code)
    decorative = font.strip().casefold() in (
        "webdings",
        "wingdings 2",
        "wingdings 3",
        "marlett",
        "zapfdingbats",
    )
    if decorative or private or 0xD800 <= code <= 0xF8FF or not 0x20 <= code <= 0x10FFFF:
        return REPLACEMENT
    return chr(code)
