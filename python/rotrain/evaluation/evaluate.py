"""`evaluate`: run every evaluation of one model, and collect the results."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from rotrain import __version__
from rotrain.data.pack import Pack, open_pack
from rotrain.errors import RotrainError, UsageError
from rotrain.evaluation import diacritics, probes
from rotrain.evaluation.baselines.models import PREFIX as BASELINE_PREFIX
from rotrain.evaluation.baselines.models import Baseline
from rotrain.evaluation.divergence import measure_divergence
from rotrain.evaluation.domains import Domains, load_domains, read_files, training_text
from rotrain.evaluation.grammar.pairs import PHENOMENA
from rotrain.evaluation.harness import run_harness
from rotrain.evaluation.interval import ratio, share
from rotrain.evaluation.known_contamination import FOLDER, find_contamination
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.open import open_model
from rotrain.evaluation.probes import Result
from rotrain.evaluation.tasks import read_task, score_task
from rotrain.evaluation.text import CONVENTIONS, Document, TextScore, heavy_sentence, score_text
from rotrain.files import read_record, write_record
from rotrain.progress import Progress
from rotrain.runtime.host import describe_start

FORMAT, VERSION = "rotrain-evaluation", 1
PARTS = ("text", "outside", "against", "probes", "tasks")
PROBES = ("grammar", "diacritics", "copy", "induction", "phonebook")


@dataclass(frozen=True)
class EvaluationResult:
    """The results of an evaluation.

    Bits per byte, perplexity, mean divergence and accuracies have a 95 % interval: `value`, `low` and `high`.

    Attributes:
        model: The model: its name, architecture, parameters, and the hash of its weights.
        text: Bits per byte and perplexity by domain.
        outside: The same of texts from outside, with what they have in common with the training text.
        against: Divergence from the reference. None without a reference.
        probes: Accuracies by probe.
        tasks: Metrics by task.
        file: The file that the result was written to, or None.
        record: The whole result, see docs/reference/evaluation-results.md.
    """

    model: dict[str, Any]
    text: dict[str, Any]
    outside: dict[str, Any]
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
    outside: Sequence[str | PathLike[str]] = (),
    outside_cache: str | PathLike[str] | None = None,
    text_field: str = "text",
    max_bytes: int = 1_000_000,
    context: int | None = None,
    against: str | PathLike[str] | LanguageModel | None = None,
    against_tokens: int = 20_000,
    probes: Sequence[str] = PROBES,
    tasks: Sequence[str] = (),
    task_folder: str | PathLike[str] | None = None,
    shots: int | None = None,
    limit: int | None = None,
    task_bos: bool = False,
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Evaluate a model: bits per byte, perplexity, probes of grammar and memory, and tasks, with intervals.

    Args:
        model: Run directory, quantized folder, Hugging Face folder, GGUF file, or an open model. `hf:FOLDER` and `hf:NAME` are
            models of other people, of any architecture. `baseline:ngram` and `baseline:zstd` are scores without a network, from the
            training text of the pack; they have no probes and no tasks.
        data: Pack whose held-out text is scored. Default: the pack that the run was trained on.
        text: More files to score. Each file is a domain with the name of the file.
        outside: Files of text from outside of the pack. Each is a domain of its own, apart from the held-out text, with its share of
            runs of tokens that are in the training text too.
        outside_cache: Folder that keeps these shares for the next evaluation: to find them, all of the training text is read.
            Default: `contamination` in a run directory whose result is written there.
        text_field: Field of the text in those files.
        max_bytes: Maximum bytes of each domain.
        context: Tokens of a window, at most the default: the context of the model, and at most 2,048 for models of other people.
        against: Reference model to compare the predictions with: KL divergence, same top token.
        against_tokens: Tokens to compare with --against.
        probes: Any of grammar, diacritics, copy, induction, phonebook.
        tasks: .jsonl files, or names of tasks of the lm-evaluation-harness.
        task_folder: Folder with your own harness tasks (YAML).
        shots: Examples before each question of a harness task. Default: the default of the task.
        limit: Maximum number of questions of each harness task.
        task_bos: Whether a BOS is put before each prompt of a harness task. The harness's own default is no.
        out: File to write the result to (JSON). Default: evaluation.json in a run directory, and no file for other models.
        progress: Receives notes about the model and the state of each part.

    Raises:
        UsageError: There is no probe of a given name.
        RotrainError: A model, a text or a task cannot be read.

    Examples:
        >>> result = evaluate("runs/llama-mha-nano", max_bytes=1_000, probes=[])
        >>> sorted(result.text), result.file.as_posix()
        (['books', 'web'], 'runs/llama-mha-nano/evaluation.json')
    """
    progress = progress or Progress()
    for name in probes:
        if name not in PROBES:
            raise UsageError(f"there is no probe {name!r}", hint=f"probes are: {', '.join(PROBES)}")
    files = [Path(file) for file in text], [Path(file) for file in outside]
    cache = _cache_folder(model, out) if outside_cache is None else Path(outside_cache)
    if isinstance(model, str | PathLike) and str(model).startswith(BASELINE_PREFIX):
        # All probes are the default, which a baseline answers with none.
        asked = {"against": against, "tasks": tasks, "context": context}
        asked["probes"] = probes and tuple(probes) != PROBES
        if wrong := [f"--{name}" for name, value in asked.items() if value]:
            raise UsageError(
                f"a baseline without a network has no {' and no '.join(wrong)}",
                hint="remove it: a baseline scores text alone",
            )
        if data is None:
            raise UsageError(f"{model} needs a pack", hint="name it with --data")
        pack = open_pack(Path(data))
        baseline = Baseline(str(model).removeprefix(BASELINE_PREFIX), pack)
        domains = load_domains(pack, files[0], max_bytes, text_field=text_field)
        record = _new_record(baseline.describe(), baseline.conventions())
        _score(
            record,
            baseline.name,
            baseline.score,
            domains,
            files[1],
            cache,
            pack,
            max_bytes,
            text_field,
            progress,
        )
        return _finish(record, model, out, progress)
    reference = open_model(Path(against)) if isinstance(against, str | PathLike) else against
    opened = open_model(Path(model)) if isinstance(model, str | PathLike) else model
    if context is not None:
        if context > opened.context:
            raise UsageError(
                f"{opened.name} is read with a context of at most {opened.context:,} tokens, not {context:,}"
            )
        opened.context = context
    if reference is not None:
        # Both models must read the same windows, so that their scores can be compared window by window.
        opened.context = min(opened.context, reference.context)
    place = opened.data() if data is None else Path(data)
    known = None if place is None else open_pack(place)
    domains = load_domains(known, files[0], max_bytes, text_field=text_field)
    for note in opened.notes:
        progress.note(note)
    record = _new_record(opened.describe(), CONVENTIONS | {"context": opened.context})
    score = functools.partial(score_text, opened)
    _score(record, opened.name, score, domains, files[1], cache, known, max_bytes, text_field, progress)
    if reference is not None:
        record["against"] = _compare(opened, reference, domains, against_tokens, progress)
    for name in probes:
        found = _probe(name, opened, domains, known, progress)
        if found is not None:
            record["probes"][name] = found
    for name in [task for task in tasks if _is_file(task)]:
        cases = read_task(Path(name))
        with _Task(progress, opened.name, Path(name).stem, len(cases)) as advance:
            record["tasks"][Path(name).stem] = _as_json(score_task(opened, cases, advance))
    names = [task for task in tasks if not _is_file(task)]
    if names:
        folder = None if task_folder is None else Path(task_folder)
        record["tasks"] |= run_harness(opened, names, folder=folder, shots=shots, limit=limit, bos=task_bos)
        prefix = "the BOS before every prompt" if task_bos else "no BOS before a prompt that has text"
        record["conventions"]["harness"] = f"windows and prompts as `--model hf` of the harness; {prefix}"
    return _finish(record, model, out, progress)


def _new_record(model: dict[str, Any], conventions: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "program": __version__,
        "calls": [describe_start()],
        "model": model,
        "conventions": conventions,
        "text": {},
        "outside": {},
        "against": None,
        "probes": {},
        "tasks": {},
    }


def _score(
    record: dict[str, Any],
    model: str,
    score: Callable[[Sequence[Document], Callable[[int], None]], TextScore],
    domains: Domains,
    outside: Sequence[Path],
    cache: Path | None,
    pack: Pack | None,
    max_bytes: int,
    text_field: str,
    progress: Progress,
) -> None:
    """Add the scores of all texts to a record."""
    foreign = read_files(outside, max_bytes, text_field=text_field, option="--outside")
    for name in domains.keys() & foreign.keys():
        raise RotrainError(
            f"there are two texts with the name {name}",
            place=name,
            hint="rename the file: the name is the domain",
        )
    for name, documents in (*domains.items(), *foreign.items()):
        with _Task(progress, model, name, len(documents)) as advance:
            found = score(documents, advance)
        record["outside" if name in foreign else "text"][name] = found.as_json()
        if found.lossy_bytes:
            progress.note(
                f"the tokenizer loses {found.lossy_bytes:,} of {int(found.bytes.sum()):,} bytes of {name}, at least: "
                "its bits per byte are too low to be compared"
            )
        if (heavy := found.heaviest) is not None:
            progress.note(heavy_sentence(name, *heavy))
    common = find_contamination(pack, foreign, cache) if pack is not None and foreign else {}
    for name in foreign:
        record["outside"][name]["contamination"] = common.get(name)


def _finish(
    record: dict[str, Any],
    model: str | PathLike[str] | LanguageModel,
    out: str | PathLike[str] | None,
    progress: Progress,
) -> EvaluationResult:
    """Refuse an empty record, add what an earlier evaluation measured, and write it."""
    measured = [part for part in PARTS if record[part]]
    if not measured:
        raise RotrainError(
            "nothing was measured: there is no held-out text, no probe and no task",
            place=record["model"]["name"],
            hint="name the pack with --data, or a file with --text",
        )
    if not record["text"]:
        progress.note("no held-out text was scored: name the pack with --data, or a file with --text")
    record["calls"][0]["parts"] = measured
    file = _result_file(model, out)
    if file is not None:
        if out is None:
            _keep_earlier_parts(file, record)
        write_record(file, record)
    return EvaluationResult(
        record["model"],
        record["text"],
        record["outside"],
        record["against"],
        record["probes"],
        record["tasks"],
        file,
        record,
    )


class _Task:
    """A progress bar. `with` returns the function that adds finished units."""

    def __init__(self, progress: Progress, model: str, name: str, total: int) -> None:
        self._progress, self._name, self._total = progress, f"{model}: {name}", total
        self._done = 0

    def __enter__(self) -> Callable[[int], None]:
        return self._advance

    def __exit__(self, *exception: object) -> None:
        self._progress.update(self._name, self._total, self._total)

    def _advance(self, units: int) -> None:
        self._done = min(self._done + units, self._total)
        if self._done < self._total:
            self._progress.update(self._name, self._done, self._total)


def _keep_earlier_parts(file: Path, record: dict[str, Any]) -> None:
    """Add what an earlier evaluation of the same weights measured, and this one did not.

    `evaluate RUN --probes none` must not erase the probes of yesterday. Other weights, another version of the program or
    other conventions make other figures, which are not kept.
    """
    try:
        earlier = read_record(file)
        same = all(earlier[key] == record[key] for key in ("format", "version", "program", "model"))
        # A convention of the harness is there only where a task of the harness was run.
        was, now = earlier["conventions"], record["conventions"]
        same = same and all(was[key] == now[key] for key in was.keys() & now.keys())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    if same:
        record["conventions"] = was | now
        # What this call measured again is not the earlier call's any more.
        again = {
            part for part in PARTS if earlier.get(part) and _names(earlier[part]) <= _names(record[part])
        }
        for part in ("text", "outside", "probes", "tasks"):
            record[part] = {**earlier.get(part, {}), **record[part]}
        record["against"] = record["against"] or earlier.get("against")
        # An older version did not record its call.
        for call in earlier.get("calls", [{"parts": [part for part in PARTS if earlier.get(part)]}]):
            if left := [part for part in call["parts"] if part not in again]:
                record["calls"].append({**call, "parts": left})


def _names(part: dict[str, Any] | None) -> set[str]:
    """Return the names of what a part of a record holds."""
    return set(part or ())


def _result_file(model: str | PathLike[str] | LanguageModel, out: str | PathLike[str] | None) -> Path | None:
    if out is not None:
        return Path(out)
    path = Path(model if isinstance(model, str | PathLike) else model.name)
    return path / "evaluation.json" if (path / "checkpoints").is_dir() else None


def _cache_folder(model: str | PathLike[str] | LanguageModel, out: str | PathLike[str] | None) -> Path | None:
    file = _result_file(model, out) if out is None else None
    return None if file is None else file.parent / FOLDER


def _compare(
    model: LanguageModel, reference: LanguageModel, domains: Domains, tokens: int, progress: Progress
) -> dict[str, Any]:
    documents = [document for domain in domains.values() for document in domain]
    with _Task(progress, model.name, f"against {reference.name}", tokens) as advance:
        found = measure_divergence(reference, model, documents, tokens, advance)
    return {"reference": reference.describe(), **found.as_json()}


def _probe(
    name: str, model: LanguageModel, domains: Domains, pack: Pack | None, progress: Progress
) -> dict[str, Any] | None:
    if name == "grammar":
        with _Task(progress, model.name, name, len(PHENOMENA)) as advance:
            found = probes.grammar(model, advance)
        # The mean and its interval are over phenomena, so every phenomenon has the same weight, however many pairs it has.
        means = np.array([result.hits.mean() for result in found.values()])
        sure = bool(np.isin(means, (0.0, 1.0)).all())
        accuracy = share(means) if sure else ratio(means, np.ones_like(means), most=1.0)
        return {"accuracy": accuracy.as_json(), "phenomena": _as_json(found)}
    if name == "diacritics":
        if pack is None:
            return None
        documents = [document for domain in domains.values() for document in domain]
        asked = diacritics.make_cases(documents, diacritics.readings(training_text(pack)))
        if not asked:
            return None
        with _Task(progress, model.name, name, 1):
            restored = diacritics.score_restoration(model, asked)
        return _as_json(restored)
    with _Task(progress, model.name, name, 1):
        found = {"copy": probes.copy, "induction": probes.induction, "phonebook": probes.phonebook}[name](
            model
        )
    return _as_json(found)


def _as_json(results: dict[str, Result]) -> dict[str, Any]:
    return {name: result.as_json() for name, result in results.items()}


def _is_file(task: str) -> bool:
    return task.endswith(".jsonl")
