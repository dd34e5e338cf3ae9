"""The languages of a shelf: their codes, and the names that tesseract gives them."""

from rotools.errors import UsageError

__all__ = ["ROMANIAN", "tesseract_name"]

ROMANIAN = "ro"
"""The language whose words are known. Books in other languages are judged by letters and order."""

_TESSERACT = {
    "ar": "ara", "be": "bel", "bg": "bul", "bs": "bos", "ca": "cat", "cs": "ces", "cy": "cym", "da": "dan", "de": "deu",
    "el": "ell", "en": "eng", "eo": "epo", "es": "spa", "et": "est", "eu": "eus", "fa": "fas", "fi": "fin", "fr": "fra",
    "ga": "gle", "gl": "glg", "he": "heb", "hi": "hin", "hr": "hrv", "hu": "hun", "hy": "hye", "id": "ind", "is": "isl",
    "it": "ita", "ka": "kat", "ko": "kor", "la": "lat", "lt": "lit", "lv": "lav", "mk": "mkd", "nl": "nld",
    "no": "nor", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp",
    "sv": "swe", "tr": "tur", "uk": "ukr", "vi": "vie", "yi": "yid",
}  # fmt: skip
"""ISO 639-1 to the names of the models. Serbian is in Cyrillic."""

_WITHOUT_BLANKS = ("bo", "dz", "ja", "km", "lo", "my", "th", "zh")
"""Languages that put no blanks between words. A line would be one word, and clean books would be removed."""


def tesseract_name(language: str) -> str:
    """Return the name of tesseract's model for a language.

    Args:
        language: A code of ISO 639-1: `ro`, `fr`.

    Raises:
        UsageError: The code is not known, or the language cannot be judged.

    Examples:
        >>> tesseract_name("fr")
        'fra'
    """
    if name := _TESSERACT.get(language):
        return name
    if language in _WITHOUT_BLANKS:
        raise UsageError(
            f"books in {language!r} cannot be judged: the language has no blanks between words",
            hint=f"leave these books out; the language is one of {', '.join(_TESSERACT)}",
        )
    raise UsageError(
        f"invalid value {language!r} for the language of the shelf",
        hint=f"use one of {', '.join(_TESSERACT)}",
    )
