"""Words of general Romanian and English, as evidence that a page is text: from the package simplemma, if it is installed.

The built-in model lacks the words that novels and statutes lack. The lists of simplemma have other licences than this project
(ODbL and others, by its README), so they stay in their package, and each reader loads them in its own process.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from rotools import _rotext
from rotools.books.languages import ROMANIAN

__all__ = ["judge", "source"]


@cache
def source(language: str) -> str:
    """Name the words that the verdicts about books in a language depend on. Empty: only the built-in model.

    Examples:
        >>> source("fr")
        ''
    """
    if language != ROMANIAN:
        return ""
    try:
        found = version("simplemma")
    except PackageNotFoundError:
        return ""
    # The interface of 1.x has another dictionary.
    return f"simplemma {found}" if int(found.split(".")[0]) >= 2 else ""


@cache
def judge(language: str) -> _rotext.BookJudge:
    """Return what a reader takes for a word in a language."""
    if language != ROMANIAN:
        return _rotext.BookJudge(romanian=False)
    if not source(language):
        return _rotext.BookJudge()
    from simplemma.strategies import DefaultDictionaryFactory

    # The factory keeps what it returned. It is local, so half a million strings leave the memory here.
    words = DefaultDictionaryFactory(cache_max_size=1)
    return _rotext.BookJudge(
        words=list(words.get_dictionary(ROMANIAN)), english=list(words.get_dictionary("en"))
    )
