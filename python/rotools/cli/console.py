"""What every verb shares: progress bars, results, errors and exit codes.

Data go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from rotools._rotext import Progress
from rotools.background import Background

T = TypeVar("T")

LOG_SECONDS = 30
"""Between two lines of progress where there is no terminal."""


def print_json(value: Any) -> None:
    """Prints `value` as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def say(message: str, *, quiet: bool = False) -> None:
    """Prints a line for people on stderr."""
    if not quiet:
        print(message, file=sys.stderr)


def fail(what: str, hint: str | None = None) -> None:
    """Prints an error and the next step on stderr."""
    print(f"error: {what}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def watch(work: Callable[[Progress], T], *, quiet: bool = False) -> T:
    """Runs `work` with progress bars on a terminal; Ctrl-C stops it at once.

    Raises:
        KeyboardInterrupt: the user stopped the run, and it has ended.
        RotoolsError: as `work` raised it.
    """
    progress = Progress()
    running = Background(lambda: work(progress), progress.cancel)
    if quiet:
        return running.result()
    show = _draw if sys.stderr.isatty() else _log
    return running.result(lambda running: show(running, progress))


def _log(running: Background[T], progress: Progress) -> None:
    """A line now and then for log files, where bars would be noise."""
    step, began = 0, time.monotonic()
    while running.runs(LOG_SECONDS):
        name, steps, total, done, size, documents = progress.snapshot()
        if steps != step:
            step, began = steps, time.monotonic() - LOG_SECONDS
        seconds = time.monotonic() - began
        share = (
            f" {100 * done / total:.0f} %, about {seconds * (total - done) / done:.0f} s left,"
            if done and total
            else ""
        )
        rate = f" {size / 1e6 / seconds:.1f} MB/s, {documents / seconds:.0f} documents/s" if size else ""
        say(f"{name}:{share}{rate}")


def _draw(running: Background[T], progress: Progress) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        step, task, began = 0, None, time.monotonic()
        while running.runs(0.1):
            name, steps, total, done, size, documents = progress.snapshot()
            if steps != step:
                if task is not None:
                    bars.update(task, total=1, completed=1)
                step, began = steps, time.monotonic()
                task = bars.add_task(name, total=total or None, rate="")
            if task is not None:
                seconds = max(time.monotonic() - began, 1e-3)
                rate = (
                    f"{size / 1e6 / seconds:7.1f} MB/s {documents / seconds:9.0f} documents/s" if size else ""
                )
                bars.update(task, completed=done, rate=rate)
        if task is not None:
            bars.update(task, total=1, completed=1)


def summary(account: dict[str, Any], name: str, *, quiet: bool = False) -> None:
    """Says how many documents were read, repaired and left out."""
    changed = account["normalize"]["changed_documents"]
    say(
        f"{name}: {account['documents']:,} documents, {account['bytes'] / 1e6:.1f} MB of text, "
        f"{changed:,} repaired",
        quiet=quiet,
    )
    left_out(account, quiet=quiet)


def sharded(found: dict[str, Any], part: tuple[int, int], *, quiet: bool = False) -> None:
    """Says what a shard came to, and what comes next."""
    say(
        f"{found['folder']}: {found['documents']:,} documents of shard {part[0]} of {part[1]}; "
        "when all are done, run the same command without --shard",
        quiet=quiet,
    )


def left_out(account: dict[str, Any], *, quiet: bool = False) -> None:
    """Says what was left out and why, and what was replaced."""
    dropped = account["filter"]["dropped"]
    for reason, count in account["rejected"].items():
        rules = ", ".join(f"{rule} {n:,}" for rule, n in sorted(dropped.items(), key=lambda pair: -pair[1]))
        say(f"  left out, {reason}: {count:,}" + (f" ({rules})" if reason == "filtered" else ""), quiet=quiet)
    if "filtered" not in account["rejected"] and dropped:
        say(f"  would be dropped: {sum(dropped.values()):,}", quiet=quiet)
    if account["filter"]["boilerplate_lines"]:
        say(f"  lines of the page cut: {account['filter']['boilerplate_lines']:,}", quiet=quiet)
    redacted = account["filter"]["redacted"]
    if redacted:
        kinds = ", ".join(f"{kind.removeprefix('personal-')} {n:,}" for kind, n in redacted.items())
        say(f"  personal data replaced: {kinds}", quiet=quiet)
    if account["filter"]["no_diacritics"]:
        say(f"  written without diacritics: {account['filter']['no_diacritics']:,}", quiet=quiet)
