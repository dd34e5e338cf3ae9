"""Score a model on tasks of the user. A task is a file of JSON lines, one case in each line. The likelihood decides.

    {"type": "choice", "context": "Capitala României este", "choices": [" București", " Paris"], "answer": 0}
    {"type": "pair", "good": "Fata citește.", "bad": "Fata citesc."}
    {"type": "cloze", "text": "Fata ___ o carte.", "choices": ["citește", "citesc"], "answer": 0}

The options of a `choice` are scored after its context. The options of a `pair` and a `cloze` are scored as whole sentences.
For `accuracy`, the model's answer is the most likely option. For `accuracy_by_byte`, -ln p is first divided by the bytes of
the option, so that long options have no disadvantage (`acc_norm` of the lm-evaluation-harness).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from torch import Tensor

from rotrain.errors import RotrainError
from rotrain.evaluation.model import Ids, LanguageModel, as_ids, encode_pair, label_nats
from rotrain.evaluation.probes import Result

GAP = "___"


class _TaskLine(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class _MultipleChoice(_TaskLine):
    choices: Annotated[tuple[str, ...], Field(min_length=2)]
    answer: Annotated[int, Field(ge=0)]


class Choice(_MultipleChoice):
    """A case: which text continues the context?"""

    type: Literal["choice"]
    context: str


class Pair(_TaskLine):
    """A case: which of two sentences is right?"""

    type: Literal["pair"]
    good: str
    bad: str


class Cloze(_MultipleChoice):
    """A case: which text fills the gap `___`?"""

    type: Literal["cloze"]
    text: str


_CASE: TypeAdapter[Choice | Pair | Cloze] = TypeAdapter(
    Annotated[Choice | Pair | Cloze, Field(discriminator="type")]
)


@dataclass(frozen=True)
class Option:
    """A text to score after another text.

    Attributes:
        context: The text before it. It is not scored.
        text: The text that is scored.
    """

    context: str
    text: str


@dataclass(frozen=True)
class Case:
    """Several options, one of which is right.

    Attributes:
        options: The options.
        answer: Index of the right option, from 0.
    """

    options: tuple[Option, ...]
    answer: int


def read_task(file: Path) -> list[Case]:
    """Read the cases of a task file.

    Raises:
        RotrainError: The file cannot be read, or a line is not a valid case. The error names the line.
    """
    cases = []
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise RotrainError(
            f"cannot read the task: {error.strerror}",
            place=file,
            hint="give a .jsonl file, or the name of a task of the lm-evaluation-harness",
        ) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            cases.append(_parse_case(line, f"{file}:{number}"))
    if not cases:
        raise RotrainError(
            "the task has no cases", place=file, hint="each line is one case, see `docs/how-to/tasks.md`"
        )
    return cases


def score_task(
    model: LanguageModel, cases: Sequence[Case], advance: Callable[[int], None] = lambda _: None
) -> dict[str, Result]:
    """Score a model on the cases of a task. Ties count as wrong.

    Args:
        model: The model.
        cases: The cases.
        advance: Called at the end with the number of cases.

    Returns:
        `accuracy` and `accuracy_by_byte`.
    """
    questions = [(option.context, option.text) for case in cases for option in case.options]
    nats = (found for found, _ in continuations(model, questions))
    by_sum, by_byte = [], []
    for case in cases:
        scores = np.array([next(nats) for _ in case.options])
        sizes = np.array([max(1, len(option.text.encode())) for option in case.options])
        by_sum.append(_is_best(scores, case.answer))
        by_byte.append(_is_best(scores / sizes, case.answer))
    advance(len(cases))
    return {"accuracy": Result(np.array(by_sum)), "accuracy_by_byte": Result(np.array(by_byte))}


def continuations(model: LanguageModel, questions: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
    """Score texts as continuations of contexts.

    Args:
        model: The model.
        questions: Pairs of context and text. If a context is too long, its start is dropped.

    Returns:
        For each text, -ln p in nats, and whether greedy decoding writes exactly this text.
    """
    pairs = [encode_pair(model, context, text) for context, text in questions]
    return continued_ids(model, [([model.bos_id, *before], after) for before, after in pairs])


def continued_ids(
    model: LanguageModel, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[tuple[float, bool]]:
    """Score token ids as continuations of at least one token id before them, see `continuations`."""
    sequences: list[Ids] = []
    counts: list[int] = []
    for before, after in pairs:
        ids = as_ids([*before, *after])[-model.context - 1 :]
        sequences.append(ids)
        counts.append(min(len(after), len(ids) - 1))

    def answer(index: int, logits: Tensor) -> tuple[float, bool]:
        count = counts[index]
        rows, labels = logits[len(logits) - count :], sequences[index][len(sequences[index]) - count :]
        greedy = rows.argmax(-1).cpu().numpy()
        return float(label_nats(rows, labels).sum()), bool(np.array_equal(greedy, labels))

    return model.map_logits([ids[:-1] for ids in sequences], answer)


def _is_best(scores: np.ndarray[tuple[int], np.dtype[np.float64]], answer: int) -> float:
    others = np.delete(scores, answer)
    return float(scores[answer] < others.min())


def _parse_case(line: bytes, place: str) -> Case:
    try:
        found = _CASE.validate_python(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RotrainError(
            f"this is not a valid case: {where}: {first['msg']}", place=place, hint=_CASE_HINT
        ) from None
    except ValueError as error:
        raise RotrainError(f"this is not JSON: {error}", place=place, hint=_CASE_HINT) from None
    if isinstance(found, Pair):
        return Case((Option("", found.good), Option("", found.bad)), 0)
    if found.answer >= len(found.choices):
        raise RotrainError(
            f"the answer is {found.answer}, but the {len(found.choices)} choices are numbered from 0",
            place=place,
            hint=_CASE_HINT,
        )
    if isinstance(found, Choice):
        return Case(tuple(Option(found.context, choice) for choice in found.choices), found.answer)
    if found.text.count(GAP) != 1:
        raise RotrainError(
            f"the text has {found.text.count(GAP)} gaps, not one", place=place, hint=f"write one gap as {GAP}"
        )
    return Case(tuple(Option("", found.text.replace(GAP, choice)) for choice in found.choices), found.answer)


_CASE_HINT = 'a case is {"type": "choice", "context", "choices", "answer"}, a "pair" or a "cloze"; see docs/how-to/tasks.md'
