"""Work in a thread of its own, watched from this one.

The core lets go of the interpreter while it works, so this thread can draw bars, and Ctrl-C, which Python hands to the
main thread alone, stops the work at once.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """`work` running; `cancel` asks it to stop."""

    def __init__(self, work: Callable[[], T], cancel: Callable[[], None]) -> None:
        self._outcome: list[T] = []
        self._failure: list[BaseException] = []
        self._cancel = cancel

        def run() -> None:
            try:
                self._outcome.append(work())
            except BaseException as error:
                self._failure.append(error)

        self._thread = threading.Thread(target=run, name="work")
        self._thread.start()

    def runs(self, seconds: float) -> bool:
        """Waits so long for the end; whether it is still running."""
        self._thread.join(seconds)
        return self._thread.is_alive()

    def result(self, watch: Callable[["Background[T]"], None] | None = None) -> T:
        """What the work gave, once it has ended; `watch` is called before and should return when it has.

        Raises:
            KeyboardInterrupt: the user stopped it, and it has ended.
            BaseException: as the work raised it.
        """
        try:
            if watch is not None:
                watch(self)
            self._thread.join()
        except KeyboardInterrupt:
            self._cancel()
            self._thread.join()
            raise
        if self._failure:
            raise self._failure[0]
        return self._outcome[0]
