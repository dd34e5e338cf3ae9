"""Words of general Romanian and English, as evidence that a page is text: from the package simplemma, if it is installed.

The built-in model lacks the words that novels and statutes lack. The lists of simplemma have other licences than this project
(ODbL and others, by its README), so they stay in their package, and each reader loads them in its own process.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from rotools import _rotext
from rotools.books.languages import ROMANIAN

__all__ = ["Lists", "judge", "lists"]

VERSION = 2
"""The major version of simplemma that is read. Another one has another interface."""


@dataclass(frozen=True)
class Lists:
    """The lists that a run uses beside the built-in model."""

    source: str = ""
    """Their name and version: verdicts depend on it. Empty: only the built-in model."""
    what: str = ""
    """Why lists that are installed are not used."""
    hint: str = ""


@cache
def lists(language: str, max_ram: int) -> Lists:
    """Find the lists for a language. A process with the memory of a worker loads them first: they may be damaged or too large.

    Args:
        language: The language of the shelf.
        max_ram: The address space of a worker, in bytes.

    Examples:
        >>> lists("fr", 1 << 30)
        Lists(source='', what='', hint='')
    """
    if language != ROMANIAN:
        return Lists()
    try:
        found = version("simplemma") or "of an unknown version"
    except PackageNotFoundError:
        return Lists()
    name = f"simplemma {found}"
    if found.split(".")[0] != str(VERSION):
        return _without(f"{name} is not version {VERSION}")
    command = [sys.executable, "-m", "rotools.books.worker", str(max_ram)]
    job = json.dumps({"lists": language}).encode() + b"\n"
    done = subprocess.run(command, input=job, capture_output=True, check=False)
    answer = json.loads(done.stdout.splitlines()[-1]).get("answer", {}) if done.stdout else {}
    if "lists" in answer:
        return Lists(name)
    if answer.get("failed") == "memory":
        return _without(f"{name} needs more memory than --max-ram allows", "raise --max-ram")
    what = str(answer.get("what", "its process died")).removeprefix("the lists of words cannot be loaded: ")
    return _without(f"{name} cannot be loaded: {what}")


def _without(why: str, hint: str = f"pip install --force-reinstall 'simplemma=={VERSION}.*'") -> Lists:
    return Lists("", f"the lists of words are not used, only the built-in model: {why}", hint)


@cache
def judge(language: str, general: bool = False) -> _rotext.BookJudge:
    """Return what a reader takes for a word in a language.

    Args:
        language: The language of the shelf.
        general: Load the words that `lists` found.
    """
    if language != ROMANIAN:
        return _rotext.BookJudge(romanian=False)
    if not general:
        return _rotext.BookJudge()
    from simplemma.strategies import DefaultDictionaryFactory

    # The factory keeps what it returned. It is local, so half a million strings leave the memory here.
    words = DefaultDictionaryFactory(cache_max_size=1)
    romanian, english = list(words.get_dictionary(ROMANIAN)), list(words.get_dictionary("en"))
    if not romanian or not english:
        raise ValueError("a list is empty")
    return _rotext.BookJudge(words=romanian, english=english)
