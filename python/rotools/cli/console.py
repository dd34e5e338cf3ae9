"""What all verbs share: results, errors and exit codes.

Data go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but the
program itself failed on some documents, 130 stopped.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

from rotools.counts import ReadCounts, ShardResult, StepResult
from rotools.errors import printable

INCOMPLETE = 3
"""Exit code of a run that left out documents because of a defect of the program."""

MOST_FILES = 10
"""Files that a summary names."""

READ_NOTES = {
    "bad-utf8": "bad bytes of UTF-8 repaired",
    "lost-bytes": "bytes that are no text, now U+FFFD",
    "lone-surrogate": "half a surrogate pair, now U+FFFD",
    "not-a-number": "NaN or Infinity, now null",
}
"""What the reader repaired, in words."""


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def say(message: str, *, quiet: bool = False) -> None:
    """Print a line for people on stderr."""
    if not quiet:
        print(printable(message), file=sys.stderr)


def show(text: str) -> None:
    """Print a line for people on stdout. Names and texts may be of strangers, so a terminal must not obey them."""
    print(printable(text))


def fail(what: str, hint: str | None = None) -> None:
    """Print an error and the next step on stderr."""
    print(f"error: {_one_line(what)}", file=sys.stderr)
    if hint:
        print(f"hint: {_one_line(hint)}", file=sys.stderr)


def _one_line(text: str) -> str:
    # A line feed in the name of a file must not begin a line that looks like the program's own.
    return printable(text).replace("\n", "\\n")


def summarize(counts: ReadCounts, name: str, *, quiet: bool = False) -> None:
    """Say how many documents were read and repaired, and what was removed."""
    changed = counts.normalize["changed_documents"]
    say(
        f"{name}: {counts.documents:,} documents, {counts.bytes / 1e6:.1f} MB of text, {changed:,} repaired",
        quiet=quiet,
    )
    say_removed(counts, quiet=quiet)


NEXT_STEP = {
    "judge": "--step decide",
    "decide": "--step count --shard I/N for each shard, or with a given tokenizer --step encode",
    "count": "--step train",
    "train": "--step encode --shard I/N for each shard",
    "encode": "--step finish",
}
"""What comes after a step of `pack`."""


def say_shard(
    result: ShardResult, shard: tuple[int, int], *, step: str | None = None, quiet: bool = False
) -> None:
    """Say what the shard has, and what comes next. Without a step it is a shard for the run that does the rest."""
    after = "run the same command without --shard" if step is None else NEXT_STEP[step]
    say(
        f"{result.folder}: {result.documents:,} documents of shard {shard[0]} of {shard[1]}, "
        f"{result.read / 1e6:,.1f} MB read of {result.input / 1e6:,.1f}; "
        f"when all shards are done, {after}",
        quiet=quiet,
    )
    if result.whole:
        names = ", ".join(result.whole[:3]) + " and others" * (len(result.whole) > 3)
        say(
            f"one task reads all of {names}, which cannot be cut; `rotools split` rewrites compressed JSON lines",
            quiet=quiet,
        )


def say_step(result: StepResult, step: str, *, quiet: bool = False) -> None:
    """Say what a step on one machine found, and what comes next."""
    found = result.report
    if step == "train":
        what = f"a vocabulary of {found['vocab_size']:,}"
    else:
        removed = found["exact"] + found["near"] + found["contaminated"]
        what = f"{removed:,} of {found['documents']:,} documents removed"
    say(
        f"{result.file}: {what}, {result.read / 1e6:,.1f} MB read of {result.input / 1e6:,.1f}; "
        f"next: {NEXT_STEP[step]}",
        quiet=quiet,
    )


def end_incomplete(counts: Iterable[ReadCounts]) -> None:
    """End with `INCOMPLETE` if the program failed over a document, and say so even to those who ask for quiet."""
    failed = sum(read.rejected.get("internal-error", 0) for read in counts)
    if failed:
        say(
            f"warning: the program itself failed over {failed:,} documents; they are rejects `internal-error`"
        )
        say("hint: this is a defect of rotools: report it with the lines of the rejects file")
        sys.exit(INCOMPLETE)


def say_removed(counts: ReadCounts, *, quiet: bool = False) -> None:
    """Say what was removed and why, and what was replaced. A damaged file is said even to those who ask for quiet."""
    for file in counts.damaged[:MOST_FILES]:
        say(f"warning: {file['what']}")
    if len(counts.damaged) > MOST_FILES:
        say(f"warning: {len(counts.damaged) - MOST_FILES:,} more files are damaged; the rejects name them")
    for file in counts.unread[:MOST_FILES]:
        say(f"  not read: {file['source']} ({file['what']})", quiet=quiet)
    if len(counts.unread) > MOST_FILES:
        say(f"  not read: {len(counts.unread) - MOST_FILES:,} more files; --json names them", quiet=quiet)
    for what, count in counts.read.items():
        say(f"  read with {READ_NOTES.get(what, f'the guessed charset {what}')}: {count:,}", quiet=quiet)
    dropped = counts.filter["dropped"]
    for reason, count in counts.rejected.items():
        rules = ", ".join(f"{rule} {n:,}" for rule, n in sorted(dropped.items(), key=lambda pair: -pair[1]))
        say(f"  removed, {reason}: {count:,}" + (f" ({rules})" if reason == "filtered" else ""), quiet=quiet)
    if "filtered" not in counts.rejected and dropped:
        say(f"  would be removed: {sum(dropped.values()):,}", quiet=quiet)
    if counts.filter["boilerplate_lines"]:
        say(f"  lines of boilerplate cut: {counts.filter['boilerplate_lines']:,}", quiet=quiet)
    if counts.filter["repeated_lines"]:
        say(f"  lines of repeated passages cut: {counts.filter['repeated_lines']:,}", quiet=quiet)
    redacted = counts.filter["redacted"]
    if redacted:
        kinds = ", ".join(f"{kind.removeprefix('personal-')} {n:,}" for kind, n in redacted.items())
        say(f"  personal data replaced: {kinds}", quiet=quiet)
    if counts.filter["no_diacritics"]:
        say(f"  written without diacritics: {counts.filter['no_diacritics']:,}", quiet=quiet)
