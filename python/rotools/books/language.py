"""Say whether a book is in another language, before anything else is judged and before OCR is asked."""

import re
from dataclasses import dataclass

from rotools import _rotext

__all__ = ["ROMANIAN", "Foreign", "foreign"]

ROMANIAN = 0.5
"""A smaller share of Romanian text is a book in another language. The filter has the same limit."""
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff\ufb00-\ufb06]+")
_FEWEST_LETTERS = 100
_FEWEST_WORDS = 50


@dataclass(frozen=True)
class Foreign:
    """A book that is not Romanian."""

    language: str
    """Its name; `another script` for text without Latin letters."""
    romanian: float
    """Share of the text that is Romanian."""


def foreign(text: str) -> Foreign | None:
    """Find the language of a text that is not Romanian. None: it is Romanian, or there is too little text to say.

    Examples:
        >>> foreign("Жил был на свете один старый человек. " * 9)
        Foreign(language='another script', romanian=0.0)
        >>> foreign("A fost odată un om bătrân. " * 20) is None
        True
    """
    letters = sum(map(len, _LETTERS.findall(text)))
    if letters < _FEWEST_LETTERS:
        return None
    latin = sum(map(len, _LATIN.findall(text))) / letters
    if latin < 1 - ROMANIAN:
        return Foreign("another script", 0.0)
    measures = _rotext.judge(text, "books", [])["measures"]
    share, language = measures["romanian"], measures["language"]
    if language in (None, "romanian") or share is None or measures["words"] < _FEWEST_WORDS:
        return None
    return Foreign(language, share) if share < ROMANIAN else None
