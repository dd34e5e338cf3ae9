"""How a process that is measured answers the one that measures it: JSON lines on its standard output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any


def open_answers() -> Callable[[dict[str, Any]], None]:
    """A function that answers. Whatever a library prints from here on goes to standard error, not between the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    return answer
