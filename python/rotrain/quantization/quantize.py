"""`quantize`: quantize a model with any method, into a GGUF file or a folder for PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.errors import UsageError
from rotrain.files import sha256_file
from rotrain.progress import Progress
from rotrain.quantization import gguf, recipes
from rotrain.quantization.calibration import calibration_tokens as read_calibration_tokens
from rotrain.quantization.calibration import mean_squares
from rotrain.quantization.encode import require_libgguf
from rotrain.quantization.imatrix import Importance, importance_of, read_imatrix, write_imatrix
from rotrain.quantization.torch import quantize_torch
from rotrain.run.load import TrainedModel, load_run

TORCH_METHODS = ("rtn", "hqq", "gptq")


@dataclass(frozen=True)
class QuantizeResult:
    """A quantized model on the disk.

    Attributes:
        out: The file (GGUF) or folder (rtn, hqq, gptq).
        method: The method, or `target` for GGUF types chosen by `target_bpw`.
        bits_per_weight: 8 * bytes of all tensors / parameters.
        file_bytes: Size in bytes of the file with the weights.
        kl: Mean KL divergence from the float model in nats per token, on held-out calibration text. None if not measured.
        record: The whole record, see docs/reference/quantized-models.md.
    """

    out: Path
    method: str
    bits_per_weight: float
    file_bytes: int
    kl: float | None
    record: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the record, as `rotrain quantize --json` prints it."""
        return self.record


def quantize(
    model: str | PathLike[str],
    out: str | PathLike[str],
    method: str | None = None,
    *,
    calibrate: str | PathLike[str] | None = None,
    calibration_tokens: int = 65_536,
    imatrix: str | PathLike[str] | None = None,
    save_imatrix: str | PathLike[str] | None = None,
    target_bpw: float | None = None,
    bits: int = 4,
    group: int = 64,
    polish: int = 0,
    progress: Progress | None = None,
) -> QuantizeResult:
    """Quantize a trained model, embedding and head included.

    Args:
        model: Run directory, or a GGUF file with float weights.
        out: File (GGUF methods) or folder (rtn, hqq, gptq) to write. It must not exist.
        method: A GGUF method such as `q4_k_m`, or `rtn`, `hqq`, `gptq`. None: `target_bpw` chooses a ggml type for each
            matrix.
        calibrate: Pack whose training text is used to measure which inputs matter.
        calibration_tokens: Tokens to read from that pack, approximately.
        imatrix: Importance matrix of llama.cpp, instead of `calibrate`. GGUF methods only.
        save_imatrix: File to write the measured importance matrix to. GGUF methods only.
        target_bpw: Target in bits per weight. Sensitive matrices get more bits.
        bits: Bits of a weight for rtn, hqq and gptq: 8, 6, 5, 4 or 3.
        group: Weights that share a scale for rtn, hqq and gptq: 32, 64 or 128.
        polish: Optimizer steps that distill the float model into the scales, for rtn, hqq and gptq.
        progress: Receives messages, notes and the number of matrices that are done.

    Returns:
        Sizes, types and, where it was measured, the divergence from the float model.

    Raises:
        UsageError: The options contradict each other.
        RotrainError: A file cannot be read or written, or `out` exists.

    Examples:
        >>> result = quantize("runs/llama-mha-nano", "rtn-8", "rtn", bits=8)
        >>> round(result.bits_per_weight, 1), sorted(result.record["types"])
        (8.5, ['f32', 'int8'])
    """
    progress = progress or Progress()
    if method is None and target_bpw is None:
        raise UsageError("no method given", hint="add --method q4_k_m, or --target-bpw 4.8")
    if method in TORCH_METHODS:
        if imatrix is not None or save_imatrix is not None:
            raise UsageError(f"{method} does not use an importance matrix", hint="give --calibrate PACK")
        trained = load_run(Path(model))
        for note in trained.notes:
            progress.note(note)
        record = quantize_torch(
            trained,
            Path(out),
            method,
            bits=bits,
            group=group,
            calibrate=None if calibrate is None else Path(calibrate),
            calibration_tokens=calibration_tokens,
            polish=polish,
            target_bpw=target_bpw,
            progress=progress,
        )
    else:
        if polish:
            raise UsageError("--polish works only with rtn, hqq and gptq", hint="remove --polish")
        record = _quantize_gguf(
            Path(model),
            Path(out),
            method,
            calibrate=None if calibrate is None else Path(calibrate),
            calibration_tokens=calibration_tokens,
            imatrix=None if imatrix is None else Path(imatrix),
            save_imatrix=None if save_imatrix is None else Path(save_imatrix),
            target_bpw=target_bpw,
            progress=progress,
        )
    return QuantizeResult(
        out=Path(out),
        method=record["method"],
        bits_per_weight=record["bits_per_weight"],
        file_bytes=record["file_bytes"],
        kl=record.get("kl"),
        record=record,
    )


def _quantize_gguf(
    model: Path,
    out: Path,
    method: str | None,
    *,
    calibrate: Path | None,
    calibration_tokens: int,
    imatrix: Path | None,
    save_imatrix: Path | None,
    target_bpw: float | None,
    progress: Progress,
) -> dict[str, Any]:
    if method is not None:
        recipes.find_method(method)
        if target_bpw is not None:
            raise UsageError(
                f"--target-bpw does not work with {method}, which decides the bits itself",
                hint="give --target-bpw without --method, or with rtn, hqq or gptq",
            )
    if calibrate is not None and imatrix is not None:
        raise UsageError("--calibrate and --imatrix are both given", hint="give only one of them")
    require_libgguf()  # checked before the calibration, which takes time
    trained = None
    if model.is_dir() or not model.exists():
        # Without calibration the model computes nothing, so it is not loaded: the matrices are read one by one.
        trained = load_run(model, meta=calibrate is None)
        for note in trained.notes:
            progress.note(note)
        source = gguf.source_of_run(trained)
    else:
        source = gguf.source_of_gguf(model)
    record: dict[str, Any] = {"calibration": None, "imatrix": None, "target_bpw": target_bpw}
    importance, calibration = None, None
    if calibrate is not None:
        if trained is None:
            raise UsageError(
                "--calibrate does not work with a GGUF file", hint="give the run directory, or --imatrix FILE"
            )
        calibration = read_calibration_tokens(
            calibrate, trained.model, trained.run.tokenizer, calibration_tokens
        )
        progress.message(f"calibrating on {calibration.origin['tokens']:,} tokens of {calibrate}")
        importance = importance_of(trained.model.config, mean_squares(trained.model, calibration.tokens))
        record["calibration"] = calibration.origin
        if save_imatrix is not None:
            write_imatrix(save_imatrix, importance, calibration.origin)
    elif imatrix is not None:
        importance = read_imatrix(imatrix)
        record["imatrix"] = {"file": str(imatrix), "sha256": sha256_file(imatrix)}
    elif save_imatrix is not None:
        raise UsageError("there is no importance matrix to save", hint="add --calibrate PACK")
    types = None
    if target_bpw is not None:
        types = _target_types(trained, source, calibration, importance, target_bpw, progress)
    elif importance is None and method != "q8_0":
        progress.note(
            "every input has the same weight; --calibrate PACK makes quantization to few bits better"
        )
    return gguf.quantize_gguf(
        source, out, method or "target", importance, types=types, progress=progress, record=record
    )


def _target_types(
    trained: TrainedModel | None,
    source: gguf.Source,
    calibration: Any,
    importance: Importance | None,
    target_bpw: float,
    progress: Progress,
) -> dict[str, str]:
    if trained is None or calibration is None or importance is None:
        raise UsageError(
            "--target-bpw needs a run and text", hint="give a run directory and --calibrate PACK"
        )
    return gguf.target_types(trained, source, calibration.tokens, importance, target_bpw, progress)
