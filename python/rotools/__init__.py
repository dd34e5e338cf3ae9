"""Romanian text for language models: read, repair, deduplicate, tokenize, pack."""

from rotools._rotext import RotoolsError, __version__

__all__ = ["RotoolsError", "__version__"]
