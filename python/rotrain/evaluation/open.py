"""Open a model to evaluate from a path."""

from __future__ import annotations

from pathlib import Path

from rotrain.errors import RotrainError
from rotrain.evaluation.gguf_model import GgufModel
from rotrain.evaluation.hub_model import PREFIX, HubModel
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.torch_model import TorchModel
from rotrain.run.load import load_run


def open_model(path: Path) -> LanguageModel:
    """Open a run directory, a Hugging Face folder of one of our architectures, a quantized folder, or a GGUF file.

    `hf:FOLDER` and `hf:NAME` are models of any architecture, computed by `transformers`.

    Raises:
        RotrainError: There is no model at this path, or it is damaged.
    """
    if str(path).startswith(PREFIX):
        return HubModel(str(path).removeprefix(PREFIX))
    if path.suffix == ".gguf":
        return GgufModel(path)
    try:
        return TorchModel(load_run(path), str(path))
    except RotrainError as error:
        if not error.what.startswith("models of type"):
            raise
        raise RotrainError(error.what, place=path, hint=f"evaluate it with {PREFIX}{path}") from None
