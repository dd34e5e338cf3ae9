"""Write the answers of a worker process to the main process, as JSON lines on standard output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any


def open_answers() -> Callable[[dict[str, Any]], None]:
    """Return a function that writes one answer, a JSON object, as one line.

    From this call on, everything that a library prints goes to standard error. So it cannot break the lines of answers.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    return answer
