"""Probes of grammar and memory. They need no data files.

Every probe gives an accuracy with an interval: over its cases where they are drawn independently, and over words where many cases are
made of few words.

* grammar: minimal pairs (`grammar/`). A pair is a hit if the right sentence is strictly more likely than the wrong one.
* copy: a list of random tokens, a line break, and the same list again. The hit of a case is the share of the second list that
  the model predicts. Attention can look the list up. A recurrent state must store it (Jelassi et al. 2024).
* induction: after `... A B ... A`, the model must predict B. A B occurs once before, at a given distance (Olsson et al. 2022).
* phonebook: a list of names and numbers, then one of the names. The model must predict its whole number (Jelassi et al.
  2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rotrain.evaluation.grammar.lexicon import MEN, WOMEN
from rotrain.evaluation.grammar.pairs import PHENOMENA, Pair, pairs
from rotrain.evaluation.interval import Interval, ratio, share, share_by_words
from rotrain.evaluation.model import Ids, LanguageModel, as_ids, encode_pair, sequence_nats

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
        hits: The hit of each case (N,): 0, 1, or a share between them.
        words: The words that each case is made of (N, K), the contrast first. Empty where cases are independent.
    """

    hits: NDArray[np.float64]
    words: tuple[tuple[str, ...], ...] = ()

    @property
    def accuracy(self) -> Interval:
        """The mean of the hits, with an interval over words where the cases have words in common."""
        if self.words:
            return share_by_words(self.hits, self.words)
        if np.isin(self.hits, (0.0, 1.0)).all():
            return share(self.hits)
        return ratio(self.hits, np.ones_like(self.hits), most=1.0)

    def as_json(self) -> dict[str, object]:
        """Return the accuracy, the number of cases, and of contrasts if there are words, for a result file."""
        contrasts = {"contrasts": len({words[0] for words in self.words})} if self.words else {}
        return {"accuracy": self.accuracy.as_json(), "cases": len(self.hits), **contrasts}


def sentence_nats(model: LanguageModel, sentences: Sequence[str]) -> NDArray[np.float64]:
    """Return -ln p of whole sentences in nats (N,). Each sentence follows `<|endoftext|>`."""
    ids = [
        as_ids([model.bos_id, *model.tokenizer.encode(sentence)])[: model.context + 1]
        for sentence in sentences
    ]
    return np.array([nats.sum() for nats in sequence_nats(model, ids)])


def score_pairs(model: LanguageModel, cases: Sequence[Pair]) -> Result:
    """Score minimal pairs. A pair is a hit if the right sentence is more likely than the wrong one."""
    good = sentence_nats(model, [pair.good for pair in cases])
    bad = sentence_nats(model, [pair.bad for pair in cases])
    return Result((good < bad).astype(np.float64), tuple(pair.words for pair in cases))


def grammar(model: LanguageModel, advance: Callable[[int], None] = lambda _: None) -> dict[str, Result]:
    """Score the minimal pairs of every phenomenon.

    Args:
        model: The model.
        advance: Called with 1 after each phenomenon.

    Returns:
        The result of each phenomenon, by its name.
    """
    results = {}
    for phenomenon in PHENOMENA:
        results[phenomenon] = score_pairs(model, pairs(phenomenon))
        advance(1)
    return results


def copy(model: LanguageModel) -> dict[str, Result]:
    """Run the probe `copy`. The results are by the length of the list in tokens.

    The hit of a case is the share of the repeated tokens after the first that the model predicts.
    """
    results = {}
    token_pool, newline = _word_tokens(model), model.tokenizer.encode("\n")
    for length in COPY_LENGTHS:
        if 2 * length + 2 > model.context or length > len(token_pool):
            break
        random = np.random.default_rng([SEED, length])
        lists = [_draw_distinct(token_pool, random, length) for _ in range(CASES)]
        cases = [as_ids([model.bos_id, *ids, *newline, *ids]) for ids in lists]
        predicted = _predicted_ids(model, cases, [length - 1] * CASES)
        results[str(length)] = Result(np.array([hits.mean() for hits in predicted]))
    return results


def induction(model: LanguageModel) -> dict[str, Result]:
    """Run the probe `induction`. The results are by the number of tokens before the second A.

    The first A is in the first quarter of these tokens. A case is a hit if the model predicts B after the second A.
    """
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
            cases.append(as_ids([model.bos_id, *ids, ids[position], ids[position + 1]]))
        hits = _predicted_ids(model, cases, [1] * CASES)
        results[str(length)] = Result(np.array([float(hit[0]) for hit in hits]))
    return results


def phonebook(model: LanguageModel) -> dict[str, Result]:
    """Run the probe `phonebook`. The results are by the number of entries.

    A case is a hit if the model predicts every token of the number.
    """
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
    # The number is encoded with the space before it, as in its line, so it has the same tokens both times.
    prompt, answer = encode_pair(model, "".join(lines) + f"{names[chosen[asked]]}:", f" {numbers[asked]}")
    return as_ids([model.bos_id, *prompt, *answer]), len(answer)


def _word_tokens(model: LanguageModel) -> Ids:
    """Return at most 4,096 tokens that are a space and a whole word of at least 3 bytes.

    If there are fewer of them than the longest list has tokens, return all tokens that have text.
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
    """Draw `count` different tokens."""
    return [int(token_pool[i]) for i in random.choice(len(token_pool), size=count, replace=False)]


def _predicted_ids(
    model: LanguageModel, cases: Sequence[Ids], answer_lengths: Sequence[int]
) -> list[NDArray[np.bool_]]:
    """Return for the last `answer_lengths[i]` ids of each case i whether the model predicts the id from those before it."""

    def hits(index: int, logits: Tensor) -> NDArray[np.bool_]:
        last = answer_lengths[index]
        return np.asarray(logits[-last:].argmax(-1).cpu().numpy() == cases[index][-last:])

    return model.map_logits([ids[:-1] for ids in cases], hits)
