"""Repair and normalization of Romanian text. The rules are in docs/normalization.md."""

from rotools._rotext import normalize_text

__all__ = ["normalize_text"]
