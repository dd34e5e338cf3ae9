"""`export`: write a trained model in another format, and check that it computes the same results."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from rotrain.errors import UsageError
from rotrain.exporters.gguf.export import export_gguf
from rotrain.exporters.hf import export_hf
from rotrain.progress import Progress
from rotrain.run.load import load_run

FORMATS = ("hf", "gguf")


@dataclass(frozen=True)
class ExportResult:
    """An exported model on the disk.

    Attributes:
        out: The folder (hf) or file (gguf).
        step: Step of the checkpoint.
        bytes: Size on the disk.
        max_logit_difference: Largest difference between the logits of the other engine and ours. None if the other engine
            is not installed.
        record: The whole result, with the tolerances.
    """

    out: Path
    step: int
    bytes: int
    max_logit_difference: float | None
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the record, as `rotrain export --json` prints it."""
        return self.record


def export(
    run: str | PathLike[str],
    to: Literal["hf", "gguf"] | str,
    out: str | PathLike[str],
    *,
    type: str | None = None,
    license: str | None = None,
    progress: Progress | None = None,
) -> ExportResult:
    """Write a trained model in another format. If the engine of the format is installed, compare its logits with ours.

    Args:
        run: Run directory, or another model that `load_run` can load.
        to: `hf`: a Hugging Face folder. `gguf`: a llama.cpp file.
        out: Folder or file to write. It must not exist.
        type: Type of the matrices in a GGUF file: f32 (default), f16 or bf16. For fewer bits, use `quantize`.
        license: Licence of the weights, such as `apache-2.0`, for the model card or the metadata of the file.
        progress: Receives notes about the model, and about properties that the format cannot store.

    Raises:
        UsageError: The format or the type is unknown.
        RotrainError: The model cannot be exported, `out` exists, or the logits differ.

    Examples:
        >>> result = export("runs/llama-mha-nano", "hf", "exports/llama-mha-nano")
        >>> result.step, sorted(file.name for file in result.out.iterdir())[0]
        (4, 'README.md')
    """
    progress = progress or Progress()
    if to not in FORMATS:
        raise UsageError(f"there is no format {to!r}", hint="formats are: hf, gguf")
    if to == "hf" and type is not None:
        raise UsageError(
            "--type works only with --to gguf: a Hugging Face folder is fp32", hint="remove --type"
        )
    trained = load_run(run)
    for note in trained.notes:
        progress.note(note)
    record = (
        export_hf(trained, Path(out), license=license)
        if to == "hf"
        else export_gguf(trained, Path(out), type or "f32", license=license)
    )
    for note in record.get("notes", ()):
        progress.note(note)
    return ExportResult(
        out=Path(out),
        step=record["step"],
        bytes=record["bytes"],
        max_logit_difference=record.get("max_logit_difference"),
        record=record,
    )
