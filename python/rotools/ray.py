"""Run the first pass of `pack` in shards on a Ray cluster. The rest of the run follows on this machine.

A task is one shard: it reads the input and writes its journal beside the output. So input and output must be in folders that
all nodes see under the same name. Only the arguments and a few counts go through Ray: no join, no object store. When a node
dies, Ray starts its task again, and the task continues from its journal.
"""

import importlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.distribution import install
from rotools.errors import ResourceError, RotoolsError
from rotools.phases import CorePhase

THREADS = 2
"""Of a task. Many small tasks leave fewer cores idle at the end, but each task reads the whole input."""

CONNECT_SECONDS = 10
"""The head of a cluster must answer within this time."""

TRIES = 3
"""How often a task is started again when its node is lost."""


def sign(
    phases: list[CorePhase],
    out: Path,
    *,
    address: str,
    say: Callable[[str], None],
    **options: Any,
) -> int:
    """Run the first pass of `_rotext.pack` on a cluster. `_rotext.pack` with the same arguments then merges the shards.

    Args:
        phases: (name, inputs, epochs, profile).
        out: The directory that `_rotext.pack` is going to make.
        address: Head of the cluster as HOST:PORT; `auto` is the cluster that this machine is part of.
        say: Called with a line for each shard that is done.
        options: The options of `_rotext.pack`.

    Returns:
        The number of shards.

    Raises:
        RotoolsError: Ray is not installed, there is no cluster, or a shard failed.
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
        shards = max(cores // threads, 1)
        options |= {"threads": threads}
        folder = os.getcwd()

        def work(number: int) -> tuple[int, dict[str, Any] | RotoolsError]:
            # Ray wraps an error that is raised; one that is returned arrives as it is. Names stay as they were typed here,
            # because ids and ledgers contain them.
            os.chdir(folder)
            try:
                return number, _rotext.pack(phases, out, shard=(number, shards), **options)
            except RotoolsError as error:
                return number, error

        task = ray.remote(num_cpus=threads, max_retries=TRIES)(work)
        waiting = [task.remote(number) for number in range(1, shards + 1)]
        while waiting:
            ready, waiting = ray.wait(waiting)
            number, found = ray.get(ready[0])
            if isinstance(found, RotoolsError):
                raise type(found)(f"shard {number} of {shards}: {found}", hint=found.hint)
            say(f"shard {number} of {shards}: {found['documents']:,} documents")
        return shards
    finally:
        ray.shutdown()
