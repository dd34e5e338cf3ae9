"""The probe `diacritics`: choose the right diacritics of a word in a real sentence, by likelihood.

Without diacritics, several words can look the same: "fata" is fata, fața, fată or față. These are the readings of "fata".
They are counted in the training text of the model. The model chooses the reading with the most likely whole sentence. The
baseline chooses the reading that is most frequent in the training text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.probes import Result, sentence_nats
from rotrain.evaluation.text import Document

CASES, READINGS, SEED = 300, 4, 0
MIN_COUNT = 3  # times that a reading must occur in the training text: rarer readings are often misspellings
SENTENCE_BYTES = 300

_STRIP_TABLE = str.maketrans("ăâîșțşţĂÂÎȘȚŞŢ", "aaiststAAISTST")
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]")


def strip_diacritics(word: str) -> str:
    """Return a word without its Romanian diacritics.

    Examples:
        >>> strip_diacritics("știință")
        'stiinta'
    """
    return word.translate(_STRIP_TABLE)


@dataclass(frozen=True)
class Case:
    """A sentence in which one word has several readings.

    Attributes:
        before: The sentence before the word.
        after: The sentence after the word.
        readings: Readings of the word, the most frequent first.
        correct: The reading that the sentence really has.
    """

    before: str
    after: str
    readings: tuple[str, ...]
    correct: str


def readings(training: str) -> dict[str, tuple[str, ...]]:
    """Find the words that have several readings in a training text.

    Args:
        training: The training text.

    Returns:
        At most 4 readings of each word, the most frequent first, by the word without diacritics in lower case.

    Examples:
        >>> readings("fata vine, fața vede. " * 3)
        {'fata': ('fata', 'fața')}
    """
    by_stripped: dict[str, Counter[str]] = defaultdict(Counter)
    for word, count in Counter(_WORD.findall(training.lower())).items():
        if count >= MIN_COUNT:
            by_stripped[strip_diacritics(word)][word] += count
    return {
        key: tuple(word for word, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:READINGS])
        for key, found in by_stripped.items()
        if len(found) > 1
    }


def make_cases(documents: Sequence[Document], readings_by_word: dict[str, tuple[str, ...]]) -> list[Case]:
    """Choose one word with several readings in each sentence of documents, at random with a fixed seed.

    Args:
        documents: Held-out documents.
        readings_by_word: The result of `readings`.

    Returns:
        At most 300 cases. Sentences over 300 bytes are skipped.
    """
    random = np.random.default_rng(SEED)
    found = []
    for document in documents:
        for match in _SENTENCE.finditer(document.text):
            sentence = match.group().strip()
            if len(sentence.encode()) > SENTENCE_BYTES:
                continue
            candidates = [
                word
                for word in _WORD.finditer(sentence)
                if word.group().lower() in readings_by_word.get(strip_diacritics(word.group().lower()), ())
            ]
            if candidates:
                word = candidates[int(random.integers(len(candidates)))]
                options = tuple(
                    _match_capitals(word.group(), option)
                    for option in readings_by_word[strip_diacritics(word.group().lower())]
                )
                found.append(Case(sentence[: word.start()], sentence[word.end() :], options, word.group()))
    if len(found) <= CASES:
        return found
    return [found[index] for index in sorted(random.choice(len(found), size=CASES, replace=False))]


def score_restoration(model: LanguageModel, cases: Sequence[Case]) -> dict[str, Result]:
    """Score the choices of a model and of the baseline.

    Args:
        model: The model.
        cases: The cases.

    Returns:
        The hits of `model`, and of `commonest`: the baseline that always chooses the most frequent reading.
    """
    sentences = [case.before + option + case.after for case in cases for option in case.readings]
    nats = iter(sentence_nats(model, sentences))
    chosen = []
    for case in cases:
        scores = [next(nats) for _ in case.readings]
        chosen.append(case.readings[int(np.argmin(scores))] == case.correct)
    commonest = [case.readings[0] == case.correct for case in cases]
    # Cases of one word are not independent: who knows when *fata* is *fața* knows it in each sentence.
    words = tuple((strip_diacritics(case.correct.lower()),) for case in cases)
    return {
        "model": Result(np.array(chosen, dtype=np.float64), words),
        "commonest": Result(np.array(commonest, dtype=np.float64), words),
    }


def _match_capitals(original: str, option: str) -> str:
    """Return `option` with the upper and lower case of the word in the sentence."""
    if original.isupper() and len(original) > 1:
        return option.upper()
    return option[0].upper() + option[1:] if original[0].isupper() else option
