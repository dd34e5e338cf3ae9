"""Python's garbage collector beside a long loop."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_frozen() -> Iterator[None]:
    """Let the collector pass over all objects that exist now, inside a `with`.

    The modules of PyTorch and its compiler are a million objects. A full collection looks at each of them, which takes the
    host a tenth of a second in the middle of a step, and Python frees none of them.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
