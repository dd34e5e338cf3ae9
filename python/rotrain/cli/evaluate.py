"""`rotrain evaluate`: what a trained model knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, tell_notes


def run(
    runs: Annotated[
        list[Path], typer.Argument(help="Run directories, quantized or Hugging Face folders, GGUF files.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="Pack whose held-out text is scored; default: the run's own.")
    ] = None,
    text: Annotated[
        list[Path] | None, typer.Option(help="Score this file too; its name is the domain.")
    ] = None,
    text_field: Annotated[str, typer.Option(help="Field of the text in --text files.")] = "text",
    max_bytes: Annotated[int, typer.Option(min=1_000, help="Bytes of each domain at most.")] = 1_000_000,
    against: Annotated[
        Path | None,
        typer.Option(help="Compare distributions with this model: KL divergence, same top token."),
    ] = None,
    against_tokens: Annotated[int, typer.Option(min=1, help="Tokens of that comparison.")] = 20_000,
    probes: Annotated[
        str, typer.Option(help="Probes, with commas: grammar,diacritics,copy,induction,phonebook; or none.")
    ] = "all",
    tasks: Annotated[
        str | None,
        typer.Option(help="Tasks, with commas: .jsonl files, or names of the lm-evaluation-harness."),
    ] = None,
    task_folder: Annotated[
        Path | None, typer.Option(help="Folder of harness tasks (YAML) of your own.")
    ] = None,
    shots: Annotated[
        int | None, typer.Option(min=0, help="Examples before each question of a harness task.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions of each harness task at most.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of the result; default: evaluation.json in a run directory.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but the result and errors.")] = False,
) -> None:
    """Measure bits per byte, grammar, memory and tasks, each with its interval.

    \b
    Examples:
      rotrain evaluate runs/llama-mha-nano
      rotrain evaluate runs/llama-mha-nano runs/mamba2-nano --text novel.txt
      rotrain evaluate llama-mha-q4.gguf --data pack --against runs/llama-mha-nano --probes none
      rotrain evaluate runs/llama-mha-nano --tasks my-task.jsonl,multiblimp_ron
    """
    with app_errors():
        from rotrain.errors import UsageError
        from rotrain.evaluation import domains
        from rotrain.evaluation.open import open_model
        from rotrain.evaluation.run import PROBES, Questions, evaluate
        from rotrain.files import write_json

        wanted = _probes(probes, PROBES)
        if out is not None and len(runs) > 1:
            raise UsageError("--out is one file, and there are several models", hint="leave --out away")
        reference = None if against is None else open_model(against)
        results = []
        for path in runs:
            model = open_model(path)
            tell_notes(model.notes, quiet=quiet)
            if reference is not None:
                # The same windows for both, or their scores could not be compared in pairs.
                model.context = min(model.context, reference.context)
            texts, training = domains.texts_of(model, data, text or [], max_bytes, text_field=text_field)
            questions = Questions(
                domains=texts,
                training=training,
                probes=wanted,
                against=reference,
                against_tokens=against_tokens,
                tasks=[task for task in (tasks or "").split(",") if task],
                task_folder=task_folder,
                shots=shots,
                limit=limit,
            )
            with _screen(path, quiet=quiet) as steps:
                result = evaluate(model, questions, steps)
            results.append(result)
            file = out or (path / "evaluation.json" if (path / "checkpoints").is_dir() else None)
            if file is not None:
                write_json(file, result)
            if not json:
                _print(result, file)
        if json:
            print_json(results[0] if len(results) == 1 else results)


def _probes(words: str, known: tuple[str, ...]) -> list[str]:
    from rotrain.errors import UsageError

    if words in ("all", "none"):
        return list(known) if words == "all" else []
    wanted = words.split(",")
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no probe {name!r}", hint=f"probes are: {', '.join(known)}")
    return wanted


class _Screen:
    """Steps as bars with their rate and the time left."""

    def __init__(self, bars: Any, name: str) -> None:
        self._bars, self._name = bars, name

    @contextmanager
    def step(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """See `rotrain.evaluation.run.Steps`."""
        bar = self._bars.add_task(f"{self._name}: {name}", total=total)
        yield lambda done: self._bars.advance(bar, done)
        self._bars.remove_task(bar)


@contextmanager
def _screen(path: Path, *, quiet: bool) -> Iterator[_Screen]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, disable=quiet or not console.is_terminal, transient=True
    ) as bars:
        yield _Screen(bars, str(path))


def _print(result: dict[str, Any], file: Path | None) -> None:
    model = result["model"]
    print(f"{model['name']}: {model['arch']}, {model['parameters']:,} parameters")
    for name, score in result["text"].items():
        print(
            f"  {name}: {_interval(score['bits_per_byte'], 3)} bits/byte, perplexity "
            f"{_interval(score['perplexity'], 1)} ({score['documents']:,} documents, {score['bytes']:,} bytes)"
        )
    if result["against"]:
        against = result["against"]
        print(
            f"  against {against['reference']['name']}: KL {_interval(against['mean_kl'], 4)} nats, same top "
            f"{_percent(against['same_top'])}, perplexity x{against['perplexity_ratio']['value']:.4f} "
            f"({against['tokens']:,} tokens)"
        )
    for name, probe in result["probes"].items():
        if name == "grammar":
            print(f"  grammar: {_percent(probe['accuracy'])} of the pairs, chance 50 %")
            for phenomenon, found in probe["phenomena"].items():
                print(f"    {phenomenon}: {_percent(found['accuracy'])}")
        else:
            parts = (f"{key} {_percent(found['accuracy'])}" for key, found in probe.items())
            print(f"  {name}: {'; '.join(parts)}")
    for name, metrics in result["tasks"].items():
        parts = (
            f"{key} {_percent(value['accuracy']) if isinstance(value, dict) else f'{value:.4g}'}"
            for key, value in metrics.items()
        )
        print(f"  {name}: {'; '.join(parts)}")
    if file is not None:
        print(f"  written to {file}")


def _interval(value: dict[str, float], digits: int) -> str:
    return f"{value['value']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def _percent(value: dict[str, float]) -> str:
    return f"{100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"
