"""Counts of a run: what was read, and what happened to it."""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["ReadCounts", "ShardResult", "StepResult", "shard_result"]


@dataclass(frozen=True)
class ReadCounts:
    """What one pass read and kept."""

    records: int
    """Records read, with the rejects."""
    documents: int
    """Documents kept."""
    bytes: int
    """UTF-8 bytes of their texts."""
    rejected: dict[str, int]
    """Rejects by reason."""
    cut: dict[str, int]
    """Repeated lines that were cut, and their bytes."""
    normalize: dict[str, Any]
    """Repairs: `rules` has the count of each rule, `changed_documents` the documents with at least one."""
    filter: dict[str, Any]
    """The filter: `dropped` has the documents that each rule removed, `redacted` what was replaced."""
    read: dict[str, int] = field(default_factory=dict)
    """Documents that the reader repaired, or whose charset it guessed, by what was done."""
    damaged: list[dict[str, str]] = field(default_factory=list)
    """Files that could not be read to their end: `source` and `what`. Each is counted in `rejected` too."""
    unread: list[dict[str, str]] = field(default_factory=list)
    """Files of folders that are not read: `source` and `what`. They hold no records."""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as `--json` prints them."""
        return dict(vars(self))


@dataclass(frozen=True)
class ShardResult:
    """A step of one shard. Run the same function without a shard to merge all of them."""

    out: Path
    """Output of the merged run."""
    records: int
    """Records of the shard, with the rejects."""
    documents: int
    """Documents that the step kept."""
    bytes: int
    """UTF-8 bytes of their texts."""
    folder: Path
    """The shard's journal, or the file of another step."""
    read: int = 0
    """Bytes that the shard read from files or servers, in all."""
    input: int = 0
    """Bytes of all input."""
    whole: list[str] = field(default_factory=list)
    """Large files that cannot be cut: one task reads all of such a file. `rotools split` rewrites them."""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as `--json` prints them."""
        return {**vars(self), "out": str(self.out), "folder": str(self.folder)}


@dataclass(frozen=True)
class StepResult:
    """A step of `pack` on one machine."""

    out: Path
    """The pack that is going to be made."""
    file: Path
    """What the step wrote."""
    read: int
    """Bytes that the step read from the inputs."""
    input: int
    """Bytes of all inputs."""
    report: dict[str, Any]
    """What the step found: the counts of deduplication, or the size of the vocabulary."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `--json` prints it."""
        return {**vars(self), "out": str(self.out), "file": str(self.file)}


def shard_result(out: str | PathLike[str], found: dict[str, Any]) -> ShardResult:
    """Make the result from what the binding returns."""
    return ShardResult(Path(out), **{**found, "folder": Path(found["folder"])})
