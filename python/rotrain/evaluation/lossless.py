"""Check whether a tokenizer can reproduce a text.

A model that does not distinguish *ț* from *t* needs fewer bits, so its bits per byte are too low. Byte-level tokenizers, such as ours, lose
nothing.
"""

from __future__ import annotations

from collections import Counter

from rotrain.evaluation.model import TokenizerProtocol

# Every Romanian letter with a sign, quotes, a dash, an emoji, an empty line.
PROBE = "Ședința s-a ținut într-un oraș de 1.234 de suflete: „Așa-i”, zise el — 😀.\n\nÎn câmp, Ăla și Țoța văd Ânii români."


def lost_bytes(text: str, written: str) -> int:
    """Return the bytes of the characters of a text that are missing in what a tokenizer wrote back.

    Characters are counted and not aligned, so the time is linear, and the figure is a least one: a character that is lost here
    and inserted there is not counted.

    Examples:
        >>> lost_bytes("țară", "tara")
        4
        >>> lost_bytes("țară", " țară")
        0
    """
    if text == written:
        return 0
    lost = Counter(text) - Counter(written)
    return sum(count * len(character.encode("utf-8", "surrogatepass")) for character, count in lost.items())


def lossy_note(name: str, tokenizer: TokenizerProtocol) -> list[str]:
    """Return a note about a tokenizer that cannot write `PROBE` back, or nothing.

    Args:
        name: Name of the model.
        tokenizer: Its tokenizer.
    """
    written = tokenizer.decode(tokenizer.encode(PROBE))
    lost = sorted({character for character in Counter(PROBE) - Counter(written) if not character.isspace()})
    if lost:
        return [f"{name}: its tokenizer loses {' '.join(lost)}, so its bits are too low"]
    if written.strip() != PROBE:
        return [f"{name}: its tokenizer changes texts, so its bits may be too low"]
    return []
