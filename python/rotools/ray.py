"""`rotools pack --engine ray`: the first pass in shards on a Ray cluster, the rest here.

A task is a shard of `_rotext.pack`: it reads the input and writes its journal beside the output, so
both must lie in a folder that all nodes see under the same name. Nothing goes through Ray but the arguments and a few
counts: no join, no object store. A task whose node dies is started again by Ray and goes on from its journal.
"""

import importlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools._rotext import Progress
from rotools.distribution import install
from rotools.errors import RotoolsError, failure

THREADS = 2
"""Of a task. More tasks of few threads leave less idle at the end; each task reads the whole input, so not too many."""

CONNECT_SECONDS = 10
"""Until a cluster's head must have answered."""

TRIES = 3
"""Times that a task is started again when its node is lost."""


def sign(
    phases: list[tuple[str, list[str], int, str]],
    out: Path,
    *,
    address: str,
    say: Callable[[str], None],
    **options: Any,
) -> int:
    """Runs the first pass of `_rotext.pack` on the cluster at `address` (`auto`: the one that this machine is part of).

    Returns the number of shards; `_rotext.pack` with the same arguments takes what they found. `say` gets a line for each
    shard that is done.

    Raises:
        RotoolsError: Ray is not installed, there is no cluster, or a shard failed.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise failure("the engine ray needs the package ray", install("ray")) from None
    try:
        if address != "auto":
            # Ray itself would knock for minutes.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError) as error:
        raise failure(
            f"no Ray cluster at {address!r}: {error}",
            "start one with `ray start --head`, or name its head with --address",
        ) from None
    try:
        cores = int(ray.cluster_resources().get("CPU", 1))
        threads = min(THREADS, cores)
        shards = max(cores // threads, 1)
        options |= {"threads": threads}
        folder = os.getcwd()

        def work(number: int) -> tuple[int, dict[str, Any] | None, tuple[str, str | None, int] | None]:
            # Errors of the core travel as plain values: the class has state that pickle does not know.
            # Names are as they were typed here, for ids and ledgers hold them.
            os.chdir(folder)
            try:
                found = _rotext.pack(phases, out, shard=(number, shards), progress=Progress(), **options)
            except RotoolsError as error:
                return number, None, (str(error), error.hint, error.exit_code)
            return number, found, None

        task = ray.remote(num_cpus=threads, max_retries=TRIES)(work)
        waiting = [task.remote(number) for number in range(1, shards + 1)]
        while waiting:
            ready, waiting = ray.wait(waiting)
            number, found, failed = ray.get(ready[0])
            if failed:
                raise failure(f"shard {number} of {shards}: {failed[0]}", failed[1] or "", failed[2])
            say(f"shard {number} of {shards}: {found['documents']:,} documents")
        return shards
    finally:
        ray.shutdown()
