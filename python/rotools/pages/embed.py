"""Data for a script, inside a page."""

from __future__ import annotations

import json
from typing import Any

from rotools.errors import HIDDEN


def embedded(value: Any) -> str:
    r"""Return JSON for a `<script type="application/json">`.

    No text in it can close the element, and nobody who reads the source of the page is misled: `<`, control characters and
    characters that turn the direction of a line are JSON escapes.

    Args:
        value: What `json.dumps` can write.

    Raises:
        ValueError: A number is not finite.

    Examples:
        >>> embedded({"title": "carte\u202e </script>"})
        '{"title": "carte\\u202e \\u003c/script>"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
