"""Check a pack against its manifest."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

from rotools import _rotext
from rotools.progress import Callback, run

__all__ = ["VerifyResult", "verify"]


@dataclass(frozen=True)
class VerifyResult:
    """Counts of a pack that is complete and undamaged."""

    shards: int
    """Token files."""
    tokens: int
    documents: int
    bytes: int
    """Bytes that were read."""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as `rotools verify --json` prints them."""
        return dict(vars(self))


def verify(directory: str | PathLike[str], *, progress: Callback | None = None) -> VerifyResult:
    """Check every byte of a pack against its manifest.

    Args:
        directory: The pack.
        progress: Called with the state of the work (see `rotools.progress`).

    Returns:
        What was checked. A pack that is damaged raises an error.

    Raises:
        RotoolsError: A file is missing or damaged, or does not agree with the manifest.

    Examples:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from rotools import pack
        >>> folder = Path(tempfile.mkdtemp())
        >>> lines = [json.dumps({"text": f"Propoziția {i} are mere și pere."}) for i in range(40)]
        >>> _ = (folder / "web.jsonl").write_text("\\n".join(lines))
        >>> _ = pack(folder / "web.jsonl", folder / "pack", vocab_size=300, filter=False, dedup=False)
        >>> verify(folder / "pack").documents
        40
    """
    return VerifyResult(**run(lambda counters: _rotext.verify(directory, counters), progress))
