"""One model, everything that is asked of it, one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rotrain import __version__
from rotrain.evaluation import diacritics, probes
from rotrain.evaluation.divergence import diverge
from rotrain.evaluation.domains import Domains
from rotrain.evaluation.grammar.pairs import PHENOMENA
from rotrain.evaluation.harness import run_harness
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.probes import Result
from rotrain.evaluation.tasks import read_task, score_task
from rotrain.evaluation.text import CONVENTIONS, score_text

FORMAT, VERSION = "rotrain-evaluation", 1
PROBES = ("grammar", "diacritics", "copy", "induction", "phonebook")


class Steps(Protocol):
    """Where progress is told."""

    def step(self, name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A step of `total` units; what it gives is called with how many were done."""


@dataclass(frozen=True)
class Questions:
    """What is asked.

    `domains`: texts by name. `training`: text for the readings of `diacritics`, or None.
    `against`: the model whose distribution this one should have, and on how many tokens.
    `tasks`: .jsonl files of the user, or names of the lm-evaluation-harness.
    """

    domains: Domains = field(default_factory=dict)
    training: str | None = None
    probes: Sequence[str] = PROBES
    against: LanguageModel | None = None
    against_tokens: int = 20_000
    tasks: Sequence[str] = ()
    task_folder: Path | None = None
    shots: int | None = None
    limit: int | None = None


def evaluate(model: LanguageModel, questions: Questions, steps: Steps) -> dict[str, Any]:
    """The result of a model, as docs/evaluate.md describes it."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "program": __version__,
        "model": model.describe(),
        "conventions": CONVENTIONS,
        "text": {},
        "against": None,
        "probes": {},
        "tasks": {},
    }
    for name, documents in questions.domains.items():
        with steps.step(name, len(documents)) as advance:
            result["text"][name] = score_text(model, documents, advance).as_json()
    if questions.against is not None:
        result["against"] = _against(model, questions.against, questions, steps)
    for name in questions.probes:
        found = _probe(name, model, questions, steps)
        if found is not None:
            result["probes"][name] = found
    for name in [task for task in questions.tasks if _is_file(task)]:
        cases = read_task(Path(name))
        with steps.step(Path(name).stem, len(cases)) as advance:
            result["tasks"][Path(name).stem] = _as_json(score_task(model, cases, advance))
    names = [task for task in questions.tasks if not _is_file(task)]
    if names:
        result["tasks"] |= run_harness(
            model, names, folder=questions.task_folder, shots=questions.shots, limit=questions.limit
        )
    return result


def _against(
    model: LanguageModel, reference: LanguageModel, questions: Questions, steps: Steps
) -> dict[str, Any]:
    documents = [document for domain in questions.domains.values() for document in domain]
    with steps.step(f"against {reference.name}", questions.against_tokens) as advance:
        found = diverge(reference, model, documents, questions.against_tokens, advance)
    return {"reference": reference.describe(), **found.as_json()}


def _probe(name: str, model: LanguageModel, questions: Questions, steps: Steps) -> dict[str, Any] | None:
    if name == "grammar":
        with steps.step(name, len(PHENOMENA)) as advance:
            found = probes.grammar(model, advance)
        # Phenomena weigh alike, and are what is drawn again: the mean is over rules, not sentences.
        means = Result(np.array([result.hits.mean() for result in found.values()]))
        return {"accuracy": means.accuracy.as_json(), "phenomena": _as_json(found)}
    if name == "diacritics":
        if questions.training is None:
            return None
        documents = [document for domain in questions.domains.values() for document in domain]
        asked = diacritics.cases(documents, diacritics.readings(questions.training))
        if not asked:
            return None
        with steps.step(name, 1) as advance:
            restored = diacritics.restore(model, asked)
            advance(1)
        return _as_json(restored)
    with steps.step(name, 1) as advance:
        found = {"copy": probes.copy, "induction": probes.induction, "phonebook": probes.phonebook}[name](
            model
        )
        advance(1)
    return _as_json(found)


def _as_json(results: dict[str, Result]) -> dict[str, Any]:
    return {name: result.as_json() for name, result in results.items()}


def _is_file(task: str) -> bool:
    return task.endswith(".jsonl")
