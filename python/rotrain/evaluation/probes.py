"""Probes that need no data but the program's own: grammar, and what a model can remember.

Every probe gives an accuracy with an interval over its cases.

* grammar: minimal pairs (`grammar/`); the more likely sentence wins, ties lose.
* copy: a list of random tokens, a line break, the list again: how much of the second list is predicted. Attention can look it
  up; a recurrent state must have kept it (Jelassi et al. 2024).
* induction: `... A B ... A` -> B, once, at a distance (Olsson et al. 2022).
* phonebook: a list of names and numbers, then one name: its whole number (Jelassi et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rotrain.evaluation.grammar.lexicon import MEN, WOMEN
from rotrain.evaluation.grammar.pairs import PHENOMENA, Pair, pairs
from rotrain.evaluation.interval import Interval, ratio
from rotrain.evaluation.model import Ids, LanguageModel, as_ids, sequence_nats

SEED, CASES = 0, 50
COPY_LENGTHS = (8, 16, 32, 64, 128, 256, 512)
PHONEBOOK_ENTRIES = (2, 5, 10, 20, 50, 100)

SURNAMES = (
    *("Popescu", "Ionescu", "Georgescu", "Dumitru", "Stan", "Marin", "Tudor", "Munteanu", "Rusu"),
    *("Matei", "Ciobanu", "Lazăr", "Moldovan", "Barbu", "Voicu", "Toma", "Nistor", "Oprea"),
    *("Pavel", "Cojocaru", "Sandu", "Dobre", "Neagu", "Crăciun", "Manea"),
)


@dataclass(frozen=True)
class Result:
    """The result of a probe.

    Attributes:
        hits: Hit of each case (N,): 0 or 1, or a share.
    """

    hits: NDArray[np.float64]

    @property
    def accuracy(self) -> Interval:
        """The mean of the hits."""
        return ratio(self.hits, np.ones_like(self.hits))

    def as_json(self) -> dict[str, object]:
        """Return the result for a result file."""
        return {"accuracy": self.accuracy.as_json(), "cases": len(self.hits)}


def sentence_nats(model: LanguageModel, sentences: Sequence[str]) -> NDArray[np.float64]:
    """Return -ln p of whole sentences (N,) in nats, each after `<|endoftext|>`."""
    ids = [
        as_ids([model.eos_id, *model.tokenizer.encode(sentence)])[: model.context + 1]
        for sentence in sentences
    ]
    return np.array([nats.sum() for nats in sequence_nats(model, ids)])


def score_pairs(model: LanguageModel, cases: Sequence[Pair]) -> Result:
    """Score pairs: the right sentence must be the more likely one."""
    good = sentence_nats(model, [pair.good for pair in cases])
    bad = sentence_nats(model, [pair.bad for pair in cases])
    return Result((good < bad).astype(np.float64))


def grammar(model: LanguageModel, advance: Callable[[int], None] = lambda _: None) -> dict[str, Result]:
    """Score every phenomenon; `advance(1)` is called after each."""
    results = {}
    for phenomenon in PHENOMENA:
        results[phenomenon] = score_pairs(model, pairs(phenomenon))
        advance(1)
    return results


def copy(model: LanguageModel) -> dict[str, Result]:
    """Return by the length of the list the share of its repetition that is the model's first choice."""
    results = {}
    token_pool, newline = _word_tokens(model), model.tokenizer.encode("\n")
    for length in COPY_LENGTHS:
        if 2 * length + 2 > model.context or length > len(token_pool):
            break
        random = np.random.default_rng([SEED, length])
        lists = [_draw_distinct(token_pool, random, length) for _ in range(CASES)]
        cases = [as_ids([model.eos_id, *ids, *newline, *ids]) for ids in lists]
        predicted = _predicted_ids(model, cases, [length - 1] * CASES)
        results[str(length)] = Result(np.array([hits.mean() for hits in predicted]))
    return results


def induction(model: LanguageModel) -> dict[str, Result]:
    """Return by the distance between the two A whether B is the first choice after the second A."""
    results = {}
    token_pool = _word_tokens(model)
    for length in COPY_LENGTHS:
        if length + 2 > model.context or length > len(token_pool):
            break
        cases = []
        for case in range(CASES):
            random = np.random.default_rng([SEED, length, case])
            ids = _draw_distinct(token_pool, random, length)
            position = int(random.integers(0, max(1, length // 4)))
            cases.append(as_ids([model.eos_id, *ids, ids[position], ids[position + 1]]))
        hits = _predicted_ids(model, cases, [1] * CASES)
        results[str(length)] = Result(np.array([float(hit[0]) for hit in hits]))
    return results


def phonebook(model: LanguageModel) -> dict[str, Result]:
    """Return by the number of entries whether every token of the number is the first choice."""
    results = {}
    for entries in PHONEBOOK_ENTRIES:
        books = [
            _phonebook(model, np.random.default_rng([SEED, entries, case]), entries) for case in range(CASES)
        ]
        if max(len(ids) for ids, _ in books) > model.context + 1:
            break
        hits = _predicted_ids(model, [ids for ids, _ in books], [answer for _, answer in books])
        results[str(entries)] = Result(np.array([float(hit.all()) for hit in hits]))
    return results


def _phonebook(model: LanguageModel, random: np.random.Generator, entries: int) -> tuple[Ids, int]:
    names = [f"{first} {last}" for first in (*WOMEN, *MEN) for last in SURNAMES]
    chosen = random.choice(len(names), size=entries, replace=False)
    numbers = ["07" + "".join(map(str, random.integers(0, 10, size=8))) for _ in range(entries)]
    lines = [f"{names[i]}: {number}\n" for i, number in zip(chosen, numbers, strict=True)]
    asked = int(random.integers(entries))
    # The number is encoded as it is in its line, so its tokens are the same both times.
    prompt = model.tokenizer.encode("".join(lines) + f"{names[chosen[asked]]}:")
    answer = model.tokenizer.encode(f" {numbers[asked]}")
    return as_ids([model.eos_id, *prompt, *answer]), len(answer)


def _word_tokens(model: LanguageModel) -> Ids:
    """Return at most 4,096 tokens that are a whole word, ` word`, of at least three letters.

    If the vocabulary has fewer of them than the longest list needs, return all its tokens.
    """
    lengths = model.tokenizer.byte_lengths()
    token_pool = []
    for index in np.flatnonzero(lengths >= 4):
        text = model.tokenizer.decode([int(index)])
        if text.startswith(" ") and text[1:].isalpha():
            token_pool.append(int(index))
        if len(token_pool) == 4_096:
            break
    enough = len(token_pool) >= max(COPY_LENGTHS)
    return np.array(token_pool, dtype=np.int64) if enough else np.flatnonzero(lengths > 0)


def _draw_distinct(token_pool: Ids, random: np.random.Generator, count: int) -> list[int]:
    """Draw different tokens."""
    return [int(token_pool[i]) for i in random.choice(len(token_pool), size=count, replace=False)]


def _predicted_ids(
    model: LanguageModel, cases: Sequence[Ids], answer_lengths: Sequence[int]
) -> list[NDArray[np.bool_]]:
    """Return whether each of the last `answer_lengths` ids of a case is the most likely one after those before it."""

    def hits(index: int, logits: Tensor) -> NDArray[np.bool_]:
        last = answer_lengths[index]
        return np.asarray(logits[-last:].argmax(-1).cpu().numpy() == cases[index][-last:])

    return model.map_logits([ids[:-1] for ids in cases], hits)
