"""How a measured process answers the measuring one: JSON lines on its standard output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any


def open_answers() -> Callable[[dict[str, Any]], None]:
    """Return a function that writes an answer.

    From here on, whatever a library prints goes to standard error, not between the answers.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    return answer
