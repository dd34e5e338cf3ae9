"""Restoring diacritics by likelihood, on real sentences.

Of words whose letters without signs have several readings in the text the model was trained on
(fata: fata, fața, fată, față), the model chooses by the likelihood of the whole sentence. Beside
it stands the choice of whoever knows only how often each reading is: the baseline.
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
SEEN = 3  # a reading counts when the training text has it this often: rarer ones are misspellings
SENTENCE_BYTES = 300

_BARE = str.maketrans("ăâîșțşţĂÂÎȘȚŞŢ", "aaiststAAISTST")
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]")


def bare(word: str) -> str:
    """A word without its Romanian signs."""
    return word.translate(_BARE)


@dataclass(frozen=True)
class Case:
    """A sentence, the word in question, its readings (the likeliest by count first), the right one."""

    before: str
    after: str
    readings: tuple[str, ...]
    right: str


def readings(training: str) -> dict[str, tuple[str, ...]]:
    """Readings of each bare word in the training text, the commonest first, where there are several."""
    by_bare: dict[str, Counter[str]] = defaultdict(Counter)
    for word, count in Counter(_WORD.findall(training.lower())).items():
        if count >= SEEN:
            by_bare[bare(word)][word] += count
    return {
        key: tuple(word for word, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:READINGS])
        for key, found in by_bare.items()
        if len(found) > 1
    }


def cases(documents: Sequence[Document], known: dict[str, tuple[str, ...]]) -> list[Case]:
    """Places in sentences of held-out documents, one a sentence, drawn by a seed."""
    random = np.random.default_rng(SEED)
    found = []
    for document in documents:
        for match in _SENTENCE.finditer(document.text):
            sentence = match.group().strip()
            if len(sentence.encode()) > SENTENCE_BYTES:
                continue
            places = [
                word
                for word in _WORD.finditer(sentence)
                if word.group().lower() in known.get(bare(word.group().lower()), ())
            ]
            if places:
                word = places[int(random.integers(len(places)))]
                options = tuple(_as(word.group(), option) for option in known[bare(word.group().lower())])
                found.append(Case(sentence[: word.start()], sentence[word.end() :], options, word.group()))
    if len(found) <= CASES:
        return found
    return [found[index] for index in sorted(random.choice(len(found), size=CASES, replace=False))]


def restore(model: LanguageModel, asked: Sequence[Case]) -> dict[str, Result]:
    """`model`: the likeliest sentence has the right word. `commonest`: the baseline."""
    sentences = [case.before + option + case.after for case in asked for option in case.readings]
    nats = iter(sentence_nats(model, sentences))
    chosen = []
    for case in asked:
        scores = [next(nats) for _ in case.readings]
        chosen.append(case.readings[int(np.argmin(scores))] == case.right)
    return {
        "model": Result(np.array(chosen, dtype=np.float64)),
        "commonest": Result(np.array([case.readings[0] == case.right for case in asked], dtype=np.float64)),
    }


def _as(written: str, option: str) -> str:
    """`option` with the capitals of the word that stands there."""
    if written.isupper() and len(written) > 1:
        return option.upper()
    return option[0].upper() + option[1:] if written[0].isupper() else option
