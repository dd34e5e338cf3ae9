"""`rotools normalize`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rotools.cli import console
from rotools.cli.display import Display
from rotools.cli.options import IdField, Inputs, Json, Quiet, SplitText, Strict, TextField, Threads
from rotools.errors import UsageError
from rotools.files import write
from rotools.normalize import diff_files, normalize_files


def normalize(
    inputs: Inputs,
    out: Annotated[
        Path | None, typer.Option(help="The file to write: .jsonl, .jsonl.zst, .jsonl.gz.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the counts of the rules as JSON.")] = None,
    diff: Annotated[int, typer.Option(min=0, help="Show this many changed places, with their rules.")] = 0,
    protect_turkish: Annotated[bool, typer.Option(help="Keep ş in Turkish words such as Beşiktaş.")] = True,
    text_field: TextField = "text",
    id_field: IdField = None,
    split: SplitText = None,
    strict: Strict = False,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Repair Romanian text: encodings, cedillas, entities, look-alikes, invisible characters, spaces.

    \b
    Examples:
      rotools normalize web.jsonl --out clean.jsonl.zst --report report.json
      rotools normalize web.jsonl --diff 20
      rotools normalize cc100.txt.xz --split blank-line --out documents.jsonl
    """
    if out is None and not diff:
        raise UsageError(
            "there is nothing to do", hint="write a file with --out, or show changes with --diff 20"
        )
    if out is not None and diff:
        for name in inputs:
            if name == "-" or Path(name).is_fifo():
                raise UsageError(
                    f"{name} can be read only once", hint="give either --diff or --out, or read a file"
                )
    changes = []
    if diff:
        from rotools.cli.diff import as_objects, show

        found = diff_files(inputs, diff, text_field=text_field, split=split, protect_turkish=protect_turkish)
        if as_json:
            changes = as_objects(found)
        else:
            show(found)
    if out is None:
        if as_json:
            console.print_json({"changes": changes})
        return
    with Display(quiet=quiet) as display:
        result = normalize_files(
            inputs,
            out,
            text_field=text_field,
            id_field=id_field,
            split=split,
            protect_turkish=protect_turkish,
            strict=strict,
            threads=threads,
            progress=display.callback,
        )
    if report is not None:
        text = json.dumps(result.read.to_dict(), ensure_ascii=False, indent=2)
        write(report, text + "\n")
    if as_json:
        console.print_json({**result.to_dict(), **({"changes": changes} if diff else {})})
        console.end_incomplete([result.read])
        return
    console.summarize(result.read, str(out), quiet=quiet)
    for rule, count in result.read.normalize["rules"].items():
        if count:
            console.say(f"  {rule}: {count:,}", quiet=quiet)
    console.end_incomplete([result.read])
