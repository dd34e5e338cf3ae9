"""Restoring diacritics by likelihood, on real sentences.

Some words have several readings when their signs are removed (fata: fata, fața, fată, față). The readings are counted in the
model's training text. The model chooses by the likelihood of the whole sentence. The baseline chooses the most frequent
reading.
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
MIN_COUNT = 3  # a reading counts if the training text has it this often: rarer ones are misspellings
SENTENCE_BYTES = 300

_STRIP_TABLE = str.maketrans("ăâîșțşţĂÂÎȘȚŞŢ", "aaiststAAISTST")
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]")


def strip_diacritics(word: str) -> str:
    """Return a word without its Romanian signs.

    Example:
        >>> bare("știință")
        'stiinta'
    """
    return word.translate(_STRIP_TABLE)


@dataclass(frozen=True)
class Case:
    """A sentence with a word to restore.

    Attributes:
        before: The sentence before the word.
        after: The sentence after the word.
        readings: Readings of the word, the most frequent first.
        right: The right reading.
    """

    before: str
    after: str
    readings: tuple[str, ...]
    correct: str


def readings(training: str) -> dict[str, tuple[str, ...]]:
    """Return the readings of each bare word that has several in the training text, the most frequent first."""
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
    """Return a word in each sentence of held-out documents, drawn by a seed."""
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
    """Return the hits of `model`, whose most likely sentence has the right word, and of the baseline `commonest`."""
    sentences = [case.before + option + case.after for case in cases for option in case.readings]
    nats = iter(sentence_nats(model, sentences))
    chosen = []
    for case in cases:
        scores = [next(nats) for _ in case.readings]
        chosen.append(case.readings[int(np.argmin(scores))] == case.correct)
    return {
        "model": Result(np.array(chosen, dtype=np.float64)),
        "commonest": Result(np.array([case.readings[0] == case.correct for case in cases], dtype=np.float64)),
    }


def _match_capitals(original: str, option: str) -> str:
    """Return `option` with the capitals of the word in the sentence."""
    if original.isupper() and len(original) > 1:
        return option.upper()
    return option[0].upper() + option[1:] if original[0].isupper() else option
