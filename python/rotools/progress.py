"""Run long work in a thread and report its progress.

Every function that reads files takes `progress`, a function of one `Status`. It is called ten times a second and once at the
end, in the thread of the caller. Ctrl-C stops the work, and so does an exception in the callback; nothing half-written is left.

Examples:
    >>> import rotools
    >>> def show(status: rotools.Status) -> None:
    ...     print(f"{status.step}: {status.documents} documents", end="\\r")
    >>> rotools.verify("pack", progress=show)  # doctest: +SKIP
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from rotools import _rotext

__all__ = ["Callback", "Status", "run", "run_with"]

T = TypeVar("T")

INTERVAL_S = 0.1
"""Between two calls of the callback."""


@dataclass(frozen=True)
class Status:
    """The state of a running call."""

    step: str
    """The running step, for example `encode web`. Empty before the first step."""
    number: int
    """Steps begun. It tells a step from the next one of the same name."""
    total: int
    """Units of work of the step; 0 while that is unknown."""
    done: int
    """Units of work done."""
    bytes: int = 0
    """Bytes of text read in this step."""
    documents: int = 0
    """Documents read in this step."""
    note: str = ""
    """More about the state, in words, where bytes and documents do not describe it."""


Callback: TypeAlias = Callable[[Status], None]


def run(
    work: Callable[[_rotext.Progress], T], progress: Callback | None = None, interval_s: float = INTERVAL_S
) -> T:
    """Run a call into the core.

    Args:
        work: The call. It passes the counters to the core.
        progress: Called with the state of the work.
        interval_s: Seconds between two calls of `progress`.

    Raises:
        KeyboardInterrupt: The user stopped the work, and it has ended.
        RotoolsError: The work failed.
    """
    counters = _rotext.Progress()
    return run_with(
        lambda: work(counters), lambda: Status(*counters.snapshot()), counters.cancel, progress, interval_s
    )


def run_with(
    work: Callable[[], T],
    status: Callable[[], Status],
    cancel: Callable[[], None],
    progress: Callback | None = None,
    interval_s: float = INTERVAL_S,
) -> T:
    """Run `work` in a thread of its own.

    Python delivers Ctrl-C to the main thread only, and only between two of its instructions. So the caller's thread waits,
    and the core works in another one.

    Args:
        work: The work.
        status: Reads its state.
        cancel: Asks it to stop.
        progress: Called with the state.
        interval_s: Seconds between two calls of `progress`.

    Raises:
        KeyboardInterrupt: The user stopped the work, and it has ended.
        BaseException: Whatever the work or `progress` raised.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []
    # `Thread.join` is not enough: after an interrupted join, Python takes the thread for ended while it runs (3.11, 3.12).
    ended = threading.Event()

    def target() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=target, name="rotools")
    try:
        # Inside, because Ctrl-C may come while it starts: the work would go on to its end, unseen.
        thread.start()
        while progress is not None and not ended.is_set():
            progress(status())
            ended.wait(interval_s)
        ended.wait()
        if progress is not None and not failure:
            progress(status())
    except BaseException:
        cancel()
        if thread.ident is not None:
            ended.wait()
        raise
    if failure:
        raise failure[0]
    return outcome[0]
