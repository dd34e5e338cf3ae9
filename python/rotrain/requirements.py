"""The packages of the extra `train`, without which rotrain does nothing."""

from __future__ import annotations

import importlib.util

from rotrain.errors import RotrainError, install

PACKAGES = ("torch", "safetensors", "tokenizers")


def require_train_packages() -> None:
    """Refuse to work without the packages of the extra `train`. Nothing is imported.

    Raises:
        RotrainError: A package is missing.

    Examples:
        >>> require_train_packages()
    """
    for name in PACKAGES:
        if not _is_installed(name):
            raise RotrainError(
                f"rotrain needs the package {name}, which is not installed", hint=install("train")
            )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a finder refuses it, or sys.modules holds None for it
        return False
