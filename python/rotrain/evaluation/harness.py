"""Run tasks of EleutherAI's lm-evaluation-harness, with all its Romanian tasks.

Tasks such as `multiblimp_ron, hellaswag_ro, arc_ro, belebele_ron_Latn, global_piqa_*, xquad_ro, m_mmlu_ro` load their data
from the Hugging Face hub. Your own tasks (YAML with `dataset_path: json`) need no hub. The harness makes the prompts and the
metrics. This module answers its three kinds of requests with a model.

The conventions are those of the harness's own backend (`--model hf`), so that figures can be compared with other people's: no BOS
before a prompt (only an empty prompt is the BOS), windows of a long text that do not overlap, and a prompt that leaves room for
its answer. Our models were trained with `<|endoftext|>` before each document; `bos=True` puts it before each prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, UsageError, install
from rotrain.evaluation.model import LanguageModel, as_ids
from rotrain.evaluation.tasks import continued_ids

GENERATED_TOKENS = 256


def run_harness(
    model: LanguageModel,
    names: Sequence[str],
    *,
    folder: Path | None = None,
    shots: int | None = None,
    limit: int | None = None,
    bos: bool = False,
) -> dict[str, dict[str, Any]]:
    """Run tasks of the harness.

    Args:
        model: The model that answers.
        names: Tasks or groups of the harness, or of `folder`.
        folder: Folder with your own task files (YAML).
        shots: Examples before each question. Default: the default of the task.
        limit: Maximum number of questions of each task.
        bos: Whether a BOS is put before each prompt, as with `add_bos_token=True` of the harness.

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
            model=make_adapter(model, bos=bos),
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


def make_adapter(model: LanguageModel, *, bos: bool = False) -> Any:
    """Return the model with the interface of the harness. The class is made here, because its base is an optional package."""
    from lm_eval import utils
    from lm_eval.api.model import TemplateLM

    class Adapter(TemplateLM):  # type: ignore[misc]
        """Answer the requests of the harness, in their order. The base class makes tokens of contexts and continuations."""

        @property
        def eot_token_id(self) -> int:
            return model.eos_id

        @property
        def prefix_token_id(self) -> int:
            return model.bos_id

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            ids = model.tokenizer.encode(string)
            return [model.bos_id, *ids] if bos and add_special_tokens is not False else ids

        def _loglikelihood_tokens(self, requests: Sequence[Any], **_: Any) -> list[tuple[float, bool]]:
            pairs = [(before, after) for _, before, after in requests]
            return [(-nats, greedy) for nats, greedy in continued_ids(model, pairs)]

        def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
            found = []
            for request in requests:
                rolling = utils.get_rolling_token_windows(
                    token_list=self.tok_encode(request.args[0]),
                    prefix_token=model.bos_id,
                    max_seq_len=model.context,
                    context_len=1,
                )
                pairs = [utils.make_disjoint_window(window) for window in rolling]
                found.append(-sum(nats for nats, _ in continued_ids(model, pairs)))
            return found

        def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
            return [continue_text(model, *request.args, bos=bos) for request in requests]

    return Adapter()


def continue_text(model: LanguageModel, context: str, options: dict[str, Any], *, bos: bool = False) -> str:
    """Continue a text greedily, up to a stop string or the end of the document.

    The whole prompt is computed again for each token. That is slow, but few tasks generate, and their answers are short.

    Args:
        model: The model.
        context: The text to continue.
        options: Options of the harness: `until` (stop strings) and `max_gen_toks` (maximum tokens, 256 by default).
        bos: Whether a BOS is put before the context. It is always put before an empty one.

    Returns:
        The continuation, without the stop string.
    """
    stops = options.get("until") or []
    stops = [stops] if isinstance(stops, str) else stops
    most = int(options.get("max_gen_toks", GENERATED_TOKENS))
    ids = model.tokenizer.encode(context)
    ids = [model.bos_id, *ids] if bos or not ids else ids
    # A long prompt loses its start, so that the whole answer has room.
    ids = ids[-max(1, model.context - most) :]
    generated: list[int] = []
    for _ in range(most):
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
