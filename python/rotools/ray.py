"""Run all steps of `pack` in parts on a Ray cluster.

A task is one shard of a step, or a step that one machine does: it reads its part of the input and what earlier steps wrote beside
the output, and writes its own file there. So the output must be in a folder that all nodes see under the same name, and so must
an input that is not on a server. Only the arguments and a few counts go through Ray: no join, no object store. When a node dies,
Ray starts its task again: a shard of `judge` continues from its journal, the other tasks start from the beginning.
"""

import importlib
import logging
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.distribution import install
from rotools.errors import ResourceError, RotoolsError
from rotools.phases import CorePhase

THREADS = 2
"""Of a task."""

TASKS_PER_SLOT = 4
"""Shards are of about the same bytes, not of the same work: with several for each place of the cluster, no node waits long."""

CONNECT_SECONDS = 10
"""The head of a cluster must answer within this time."""

TRIES = 3
"""How often a task is started again when its node is lost."""


SHARD_STEPS = ("judge", "count", "encode")
"""The steps that shards do."""


def pack_on_cluster(
    phases: list[CorePhase],
    out: Path,
    *,
    address: str,
    say: Callable[[str], None],
    **options: Any,
) -> dict[str, Any]:
    """Run all steps of `_rotext.pack` on a cluster.

    Args:
        phases: (name, inputs, epochs, profile).
        out: The directory to make.
        address: Head of the cluster as HOST:PORT; `auto` is the cluster that this machine is part of.
        say: Called with a line for each task that is done.
        options: The options of `_rotext.pack`.

    Returns:
        The content of report.json.

    Raises:
        RotoolsError: Ray is not installed, there is no cluster, or a task failed.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise ResourceError("the engine ray needs the package ray", hint=install("ray")) from None
    try:
        if address != "auto":
            # Ray itself would try for minutes.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError) as error:
        raise ResourceError(
            f"no Ray cluster at {address!r}: {error}",
            hint="start one with `ray start --head`, or name its head with --address",
        ) from None
    try:
        cores = int(ray.cluster_resources().get("CPU", 1))
        threads = min(THREADS, cores)
        shards = shards_there(out) or max(cores // threads, 1) * TASKS_PER_SLOT
        options |= {"threads": threads}
        folder = os.getcwd()

        def work(step: str, number: int | None) -> tuple[int | None, dict[str, Any] | RotoolsError]:
            # Ray wraps an error that is raised; one that is returned arrives as it is. Names stay as they were typed here,
            # because ids and ledgers contain them.
            os.chdir(folder)
            shard = None if number is None else (number, shards)
            try:
                return number, _rotext.pack(phases, out, step=step, shard=shard, **options)
            except RotoolsError as error:
                return number, error

        task = ray.remote(num_cpus=threads, max_retries=TRIES)(work)
        report: dict[str, Any] = {}
        for step in _steps(given_tokenizer=options.get("tokenizer") is not None):
            numbers = range(1, shards + 1) if step in SHARD_STEPS else [None]
            waiting = [task.remote(step, number) for number in numbers]
            read = 0
            while waiting:
                ready, waiting = ray.wait(waiting)
                number, found = ray.get(ready[0])
                where = step if number is None else f"{step}: shard {number} of {shards}"
                if isinstance(found, RotoolsError):
                    raise type(found)(f"{where}: {found}", hint=found.hint)
                read += found["read"]
                if number is None:
                    report = found["report"]
                    say(f"{where}: done, {_megabytes(found['read'])} read")
                else:
                    say(f"{where}: {found['documents']:,} documents, {_megabytes(found['read'])} read")
            if step in SHARD_STEPS:
                say(f"{step}: all shards: {_megabytes(read)} read of an input of {found['input'] / 1e6:,.1f}")
        return report
    finally:
        ray.shutdown()


def shards_there(out: Path) -> int | None:
    """Return the number of shards of a step `judge` that is complete, so that a cluster of another size continues the run.

    Of several numbers it is the largest, as for the step `decide`.
    """
    found: dict[int, set[int]] = {}
    for note in out.with_name(f"{out.name}.shards").glob("*-of-*/judged"):
        if name := re.fullmatch(r"([0-9]+)-of-([0-9]+)", note.parent.name):
            found.setdefault(int(name[2]), set()).add(int(name[1]))
    return max((of for of, numbers in found.items() if numbers == set(range(1, of + 1))), default=None)


def _steps(*, given_tokenizer: bool) -> list[str]:
    """List the steps, in order."""
    training = [] if given_tokenizer else ["count", "train"]
    return ["judge", "decide", *training, "encode", "finish"]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
