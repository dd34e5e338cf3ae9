"""Run the first pass of `pack` in shards on a Ray cluster. The rest of the run follows on this machine.

A task is one shard: it reads its part of the input and writes its journal beside the output. So the output must be in a folder
that all nodes see under the same name, and so must an input that is not on a server. Only the arguments and a few counts go through Ray: no join, no object store. When a node
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
"""Of a task."""

TASKS_PER_SLOT = 4
"""Shards are of about the same bytes, not of the same work: with several for each place of the cluster, no node waits long."""

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
        shards = max(cores // threads, 1) * TASKS_PER_SLOT
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
        read = 0
        waiting = [task.remote(number) for number in range(1, shards + 1)]
        while waiting:
            ready, waiting = ray.wait(waiting)
            number, found = ray.get(ready[0])
            if isinstance(found, RotoolsError):
                raise type(found)(f"shard {number} of {shards}: {found}", hint=found.hint)
            read += found["read"]
            size = f"{found['read'] / 1e6:,.1f} MB read"
            say(f"shard {number} of {shards}: {found['documents']:,} documents, {size}")
        say(f"all shards: {read / 1e6:,.1f} MB read of an input of {found['input'] / 1e6:,.1f}")
        return shards
    finally:
        ray.shutdown()
