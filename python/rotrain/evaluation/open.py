"""Open a model to evaluate from a path."""

from __future__ import annotations

from pathlib import Path

from rotrain.evaluation.gguf_model import GgufModel
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.torch_model import TorchModel
from rotrain.run.load import load_run


def open_model(path: Path) -> LanguageModel:
    """Open a run directory, a Hugging Face folder of one of our architectures, a quantized folder, or a GGUF file.

    Raises:
        RotrainError: There is no model at this path, or it is damaged.
    """
    if path.suffix == ".gguf":
        return GgufModel(path)
    return TorchModel(load_run(path), str(path))
