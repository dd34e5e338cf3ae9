"""`rotrain evaluate`: evaluate trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rotrain.cli.console import app_errors, print_json, wait_asleep


def run(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Run directories, quantized or Hugging Face folders, GGUF files, hf:NAME, baseline:ngram, or baseline:zstd."
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Pack whose held-out text is scored. [default: the pack of the run]")
    ] = None,
    text: Annotated[
        list[Path] | None, typer.Option(help="Another file to score, as a domain named after the file.")
    ] = None,
    outside: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file of text from outside of the pack. It is a separate domain, and its overlap with the training text is shown."
        ),
    ] = None,
    outside_cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps what --outside texts have in common with the pack, for the next evaluation. "
            "[default: contamination in a run directory, none with --out]"
        ),
    ] = None,
    text_field: Annotated[
        str, typer.Option(help="Field of the text in --text and --outside files.")
    ] = "text",
    max_bytes: Annotated[int, typer.Option(min=1_000, help="Maximum bytes of each domain.")] = 1_000_000,
    context: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Tokens of a window. [default: the context of the model; at most 2048 for a model of other people]",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Reference model to compare the predictions with: KL divergence, same top token."),
    ] = None,
    against_tokens: Annotated[int, typer.Option(min=1, help="Tokens to compare with --against.")] = 20_000,
    probes: Annotated[
        str,
        typer.Option(
            help="Probes, separated by commas: grammar,diacritics,copy,induction,phonebook; or all, or none."
        ),
    ] = "all",
    tasks: Annotated[
        str | None,
        typer.Option(help="Tasks, separated by commas: .jsonl files, or tasks of the lm-evaluation-harness."),
    ] = None,
    task_folder: Annotated[
        Path | None, typer.Option(help="Folder with your own harness tasks (YAML).")
    ] = None,
    shots: Annotated[
        int | None,
        typer.Option(
            min=0, help="Examples before each question of a harness task. [default: that of the task]"
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum questions of each harness task.")] = None,
    task_bos: Annotated[
        bool,
        typer.Option("--task-bos", help="Put the BOS before each prompt of a harness task, as in training."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write the result to (JSON). [default: evaluation.json in a run directory]"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result and errors.")] = False,
) -> None:
    """Evaluate models: bits per byte, perplexity, probes of grammar and memory, and tasks.

    \b
    Examples:
      rotrain evaluate runs/llama-mha-nano
      rotrain evaluate runs/llama-mha-nano runs/mamba2-nano --text novel.txt
      rotrain evaluate llama-mha-q4.gguf --data pack --against runs/llama-mha-nano --probes none
      rotrain evaluate hf:HuggingFaceTB/SmolLM2-135M --data pack --out smollm.json
      rotrain evaluate baseline:ngram --data pack --out ngram.json
      rotrain evaluate runs/llama-mha-nano --outside news.jsonl --outside novel.txt
      rotrain evaluate runs/llama-mha-nano --tasks my-task.jsonl,multiblimp_ron
    """
    with app_errors():
        wait_asleep()
        from rotrain.cli.display import choose_display
        from rotrain.errors import UsageError
        from rotrain.evaluation.evaluate import PROBES, evaluate
        from rotrain.evaluation.open import open_model

        wanted = {"all": list(PROBES), "none": []}.get(probes, probes.split(","))
        if out is not None and len(runs) > 1:
            raise UsageError(
                "--out names one file, but there are several models", hint="remove --out, or give one model"
            )
        reference = None if against is None else open_model(against)
        display = choose_display(quiet=quiet)
        results = []
        for path in runs:
            result = evaluate(
                path,
                data,
                text=text or [],
                outside=outside or [],
                outside_cache=outside_cache,
                text_field=text_field,
                max_bytes=max_bytes,
                context=context,
                against=reference,
                against_tokens=against_tokens,
                probes=wanted,
                tasks=[task for task in (tasks or "").split(",") if task],
                task_folder=task_folder,
                shots=shots,
                limit=limit,
                task_bos=task_bos,
                out=out,
                progress=display,
            )
            display.close()
            results.append(result.to_dict())
            if not json:
                _show(result.to_dict(), result.file)
        if json:
            print_json(results[0] if len(results) == 1 else results)


def _show(result: dict[str, Any], file: Path | None) -> None:
    from rotrain.evaluation.baselines.models import PREFIX
    from rotrain.evaluation.contamination import said

    model = result["model"]
    baseline = model["name"].startswith(PREFIX)
    known = (
        f", {model['parameters']:,} {'counts' if baseline else 'parameters'}" if model["parameters"] else ""
    )
    print(f"{model['name']}: {model['arch']}{known}")
    for name, score in (*result["text"].items(), *result["outside"].items()):
        # A baseline has no tokens: its perplexity is for each byte, and must not be read beside that of a model.
        perplexity = "" if baseline else f", perplexity {_interval(score['perplexity'], 1)}"
        print(
            f"  {name}: {_interval(score['bits_per_byte'], 3)} bits/byte{perplexity} "
            f"({score['documents']:,} documents, {score['bytes']:,} bytes)"
        )
        if common := score.get("contamination"):
            print(f"    {said(common)}")
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
                print(f"    {phenomenon}: {_probe(found)}")
        else:
            parts = (f"{key} {_probe(found)}" for key, found in probe.items())
            print(f"  {name}: {'; '.join(parts)}")
    for name, metrics in result["tasks"].items():
        parts = (
            f"{key} {_percent(value['accuracy']) if isinstance(value, dict) else f'{value:.4g}'}"
            for key, value in metrics.items()
        )
        print(f"  {name}: {'; '.join(parts)}")
    if file is not None:
        print(f"  written to {file}")


def _interval(value: dict[str, float | None], digits: int) -> str:
    if value["low"] is None:
        return f"{value['value']:.{digits}f} (one unit: no interval)"
    return f"{value['value']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def _probe(found: dict[str, Any]) -> str:
    contrasts = found.get("contrasts")
    if contrasts is not None and found["accuracy"]["low"] is None:
        return f"{100 * found['accuracy']['value']:.1f} % ({contrasts} {'word' if contrasts == 1 else 'words'}: no interval)"
    return _percent(found["accuracy"])


def _percent(value: dict[str, float | None]) -> str:
    assert value["value"] is not None
    if value["low"] is None or value["high"] is None:
        return f"{100 * value['value']:.1f} % (one unit: no interval)"
    return f"{100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"
