"""`evaluate`: ask one model everything, and return one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from rotrain import __version__
from rotrain.errors import UsageError
from rotrain.evaluation import diacritics, probes
from rotrain.evaluation.divergence import diverge
from rotrain.evaluation.domains import Domains, texts_of
from rotrain.evaluation.grammar.pairs import PHENOMENA
from rotrain.evaluation.harness import run_harness
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.open import open_model
from rotrain.evaluation.probes import Result
from rotrain.evaluation.tasks import read_task, score_task
from rotrain.evaluation.text import CONVENTIONS, score_text
from rotrain.files import write_json
from rotrain.progress import Progress

FORMAT, VERSION = "rotrain-evaluation", 1
PROBES = ("grammar", "diacritics", "copy", "induction", "phonebook")


@dataclass(frozen=True)
class EvaluationResult:
    """What a model knows. Every figure has a 95 % interval: `value`, `low` and `high`.

    Attributes:
        model: The model: name, arch, parameters, and what identifies its weights.
        text: Bits per byte and perplexity by domain.
        against: Divergence from the reference; None without one.
        probes: Accuracies by probe.
        tasks: Metrics by task.
        file: Where the result was written; None if it was not.
        record: The whole result, see docs/evaluate.md.
    """

    model: dict[str, Any]
    text: dict[str, Any]
    against: dict[str, Any] | None
    probes: dict[str, Any]
    tasks: dict[str, Any]
    file: Path | None
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain evaluate --json` prints it."""
        return self.record


def evaluate(
    model: str | PathLike[str] | LanguageModel,
    data: str | PathLike[str] | None = None,
    *,
    text: Sequence[str | PathLike[str]] = (),
    text_field: str = "text",
    max_bytes: int = 1_000_000,
    against: str | PathLike[str] | LanguageModel | None = None,
    against_tokens: int = 20_000,
    probes: Sequence[str] = PROBES,
    tasks: Sequence[str] = (),
    task_folder: str | PathLike[str] | None = None,
    shots: int | None = None,
    limit: int | None = None,
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Measure bits per byte, grammar, memory and tasks, each with its interval.

    Args:
        model: Run directory, quantized or Hugging Face folder, GGUF file, or an open model.
        data: Pack whose held-out text is scored. Default: the pack that the run was trained on.
        text: More files to score. The name of a file is its domain.
        text_field: Field of the text in those files.
        max_bytes: Bytes of each domain at most.
        against: Another model to compare the distributions with: KL divergence, same top token.
        against_tokens: Tokens of that comparison.
        probes: Any of grammar, diacritics, copy, induction, phonebook.
        tasks: .jsonl files, or names of the lm-evaluation-harness.
        task_folder: Folder of harness tasks (YAML) of your own.
        shots: Examples before each question of a harness task. Each task has its own default.
        limit: Questions of each harness task at most.
        out: File of the result. Default: evaluation.json in a run directory, and no file for another model.
        progress: Receives notes about the model and the state of each part.

    Raises:
        UsageError: There is no probe of a given name.
        RotrainError: A model, a text or a task cannot be read.

    Example:
        >>> result = evaluate("runs/llama-mha-nano", max_bytes=1_000, probes=[])
        >>> sorted(result.text), result.file.as_posix()
        (['books', 'web'], 'runs/llama-mha-nano/evaluation.json')
    """
    progress = progress or Progress()
    for name in probes:
        if name not in PROBES:
            raise UsageError(f"there is no probe {name!r}", hint=f"probes are: {', '.join(PROBES)}")
    reference = open_model(Path(against)) if isinstance(against, str | PathLike) else against
    opened = open_model(Path(model)) if isinstance(model, str | PathLike) else model
    for note in opened.notes:
        progress.note(note)
    if reference is not None:
        # Both models need the same windows, or their scores could not be compared in pairs.
        opened.context = min(opened.context, reference.context)
    domains, training = texts_of(
        opened,
        None if data is None else Path(data),
        [Path(file) for file in text],
        max_bytes,
        text_field=text_field,
    )
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "program": __version__,
        "model": opened.describe(),
        "conventions": CONVENTIONS,
        "text": {},
        "against": None,
        "probes": {},
        "tasks": {},
    }
    for name, documents in domains.items():
        with _Task(progress, opened, name, len(documents)) as advance:
            record["text"][name] = score_text(opened, documents, advance).as_json()
    if reference is not None:
        record["against"] = _compare(opened, reference, domains, against_tokens, progress)
    for name in probes:
        found = _probe(name, opened, domains, training, progress)
        if found is not None:
            record["probes"][name] = found
    for name in [task for task in tasks if _is_file(task)]:
        cases = read_task(Path(name))
        with _Task(progress, opened, Path(name).stem, len(cases)) as advance:
            record["tasks"][Path(name).stem] = _as_json(score_task(opened, cases, advance))
    names = [task for task in tasks if not _is_file(task)]
    if names:
        folder = None if task_folder is None else Path(task_folder)
        record["tasks"] |= run_harness(opened, names, folder=folder, shots=shots, limit=limit)
    file = _result_file(model, out)
    if file is not None:
        write_json(file, record)
    return EvaluationResult(
        record["model"], record["text"], record["against"], record["probes"], record["tasks"], file, record
    )


class _Task:
    """One bar: the function that `with` gives is called with how many units were done."""

    def __init__(self, progress: Progress, model: LanguageModel, name: str, total: int) -> None:
        self._progress, self._name, self._total = progress, f"{model.name}: {name}", total
        self._done = 0

    def __enter__(self) -> Callable[[int], None]:
        return self._advance

    def __exit__(self, *exception: object) -> None:
        self._progress.update(self._name, self._total, self._total)

    def _advance(self, units: int) -> None:
        self._done = min(self._done + units, self._total)
        if self._done < self._total:
            self._progress.update(self._name, self._done, self._total)


def _result_file(model: str | PathLike[str] | LanguageModel, out: str | PathLike[str] | None) -> Path | None:
    if out is not None:
        return Path(out)
    path = Path(model if isinstance(model, str | PathLike) else model.name)
    return path / "evaluation.json" if (path / "checkpoints").is_dir() else None


def _compare(
    model: LanguageModel, reference: LanguageModel, domains: Domains, tokens: int, progress: Progress
) -> dict[str, Any]:
    documents = [document for domain in domains.values() for document in domain]
    with _Task(progress, model, f"against {reference.name}", tokens) as advance:
        found = diverge(reference, model, documents, tokens, advance)
    return {"reference": reference.describe(), **found.as_json()}


def _probe(
    name: str, model: LanguageModel, domains: Domains, training: str | None, progress: Progress
) -> dict[str, Any] | None:
    if name == "grammar":
        with _Task(progress, model, name, len(PHENOMENA)) as advance:
            found = probes.grammar(model, advance)
        # Every phenomenon has the same weight, and the bootstrap draws phenomena: the mean is over rules, not sentences.
        means = Result(np.array([result.hits.mean() for result in found.values()]))
        return {"accuracy": means.accuracy.as_json(), "phenomena": _as_json(found)}
    if name == "diacritics":
        if training is None:
            return None
        documents = [document for domain in domains.values() for document in domain]
        asked = diacritics.cases(documents, diacritics.readings(training))
        if not asked:
            return None
        with _Task(progress, model, name, 1):
            restored = diacritics.restore(model, asked)
        return _as_json(restored)
    with _Task(progress, model, name, 1):
        found = {"copy": probes.copy, "induction": probes.induction, "phonebook": probes.phonebook}[name](
            model
        )
    return _as_json(found)


def _as_json(results: dict[str, Result]) -> dict[str, Any]:
    return {name: result.as_json() for name, result in results.items()}


def _is_file(task: str) -> bool:
    return task.endswith(".jsonl")
