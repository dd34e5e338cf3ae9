"""Run tasks of EleutherAI's lm-evaluation-harness, with all its Romanian tasks.

Tasks such as `multiblimp_ron, hellaswag_ro, arc_ro, belebele_ron_Latn, global_piqa_*, xquad_ro, m_mmlu_ro` load their data
from the Hugging Face hub. Your own tasks (YAML with `dataset_path: json`) need no hub. The harness makes the prompts and the
metrics. This module answers its three kinds of requests with a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, UsageError, install
from rotrain.evaluation.model import LanguageModel, as_ids
from rotrain.evaluation.tasks import continuations
from rotrain.evaluation.text import window_nats
from rotrain.evaluation.windows import windows

GENERATED_TOKENS = 256


def run_harness(
    model: LanguageModel,
    names: Sequence[str],
    *,
    folder: Path | None = None,
    shots: int | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Run tasks of the harness.

    Args:
        model: The model that answers.
        names: Tasks or groups of the harness, or of `folder`.
        folder: Folder with your own task files (YAML).
        shots: Examples before each question. Default: the default of the task.
        limit: Maximum number of questions of each task.

    Returns:
        The metrics of each task by their names in the harness, such as `acc,none`.

    Raises:
        RotrainError: The harness is not installed, or the data of a task cannot be loaded.
        UsageError: There is no task of a given name.
    """
    try:
        from lm_eval import evaluator
        from lm_eval.tasks import TaskManager
    except ImportError:
        raise RotrainError(
            f"the tasks {', '.join(names)} need the lm-evaluation-harness, which is not installed",
            hint=f"{install('lm-eval')}, or name a .jsonl file of your own",
        ) from None
    manager = TaskManager(include_path=None if folder is None else str(folder))
    unknown = [name for name in names if not manager.match_tasks([name])]
    if unknown:
        raise UsageError(f"there is no task {unknown[0]!r}", hint="`lm_eval --tasks list` lists them")
    try:
        found = evaluator.simple_evaluate(
            model=_make_adapter(model),
            tasks=list(names),
            task_manager=manager,
            num_fewshot=shots,
            limit=limit,
            verbosity="ERROR",
        )
    except (OSError, ConnectionError) as error:
        raise RotrainError(
            f"the data of a task cannot be loaded: {str(error).splitlines()[0]}",
            hint="check that the Hugging Face hub can be reached, or run a task with local data",
        ) from None
    return {
        task: {key: value for key, value in metrics.items() if isinstance(value, (int, float))}
        for task, metrics in found["results"].items()
    }


def _make_adapter(model: LanguageModel) -> Any:
    """Return the model with the interface of the harness. The class is made here, because its base is an optional package."""
    from lm_eval.api.model import LM

    class Adapter(LM):  # type: ignore[misc]
        """Answer the requests of the harness, in their order."""

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            found = continuations(model, [request.args for request in requests])
            return [(-nats, greedy) for nats, greedy in found]

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            # The windows are those of `score_text`. The harness does not score the token at the end of a document.
            texts = [as_ids([model.bos_id, *model.tokenizer.encode(request.args[0])]) for request in requests]
            return [-sum(window_nats(model, list(windows(ids, model.context)))) for ids in texts]

        def generate_until(self, requests: list[Any]) -> list[str]:
            return [continue_text(model, *request.args) for request in requests]

    return Adapter()


def continue_text(model: LanguageModel, context: str, options: dict[str, Any]) -> str:
    """Continue a text greedily, up to a stop string or the end of the document.

    The whole prompt is computed again for each token. That is slow, but few tasks generate, and their answers are short.

    Args:
        model: The model.
        context: The text to continue.
        options: Options of the harness: `until` (stop strings) and `max_gen_toks` (maximum tokens, 256 by default).

    Returns:
        The continuation, without the stop string.
    """
    stops = options.get("until") or []
    stops = [stops] if isinstance(stops, str) else stops
    ids = [model.bos_id, *model.tokenizer.encode(context)]
    generated: list[int] = []
    for _ in range(int(options.get("max_gen_toks", GENERATED_TOKENS))):
        seen = as_ids([*ids, *generated])[-model.context :]
        token = model.map_logits([seen], lambda _, logits: int(logits[-1].argmax()))[0]
        if token == model.eos_id:
            break
        generated.append(token)
        text = model.tokenizer.decode(generated)
        if any(stop in text for stop in stops):
            break
    text = model.tokenizer.decode(generated)
    for stop in stops:
        text = text.split(stop)[0]
    return text
