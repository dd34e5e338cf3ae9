"""Quantize a model with RTN, HQQ or GPTQ into a folder. Every command that loads a run can load the folder."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.errors import RotrainError, UsageError
from rotrain.files import new_folder, read_file, sha256_file, write_atomic, write_record
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.models.quantized import (
    QuantizedMatrix,
    check_not_quantized,
    quantized_bytes,
    quantized_matrices,
    replace_matrix,
    to_tensors,
)
from rotrain.progress import Progress
from rotrain.quantization.allocate import Sensitivity, choose_storage, measure_divergences
from rotrain.quantization.artifact import artifact, tensor_class
from rotrain.quantization.calibration import (
    Calibration,
    calibration_tokens,
    matrices,
    mean_squares,
    second_moments,
)
from rotrain.quantization.distillation import distill_scales, divergence, held_out
from rotrain.quantization.rounding import gptq, group_size, hqq, rtn, weighted_error
from rotrain.run.checkpoint import write_tensors
from rotrain.run.load import QUANTIZATION, TrainedModel

BITS, GROUPS, PROBE_BITS = (3, 4, 5, 6, 8), (32, 64, 128), 4


def quantize_torch(
    trained: TrainedModel,
    out: Path,
    method: str,
    *,
    bits: int,
    group: int,
    calibrate: Path | None,
    calibration_tokens: int,
    polish: int,
    target_bpw: float | None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a quantized folder, complete or not at all. `quantize` describes the arguments.

    Returns:
        The record, see docs/reference/quantized-models.md.

    Raises:
        UsageError: The bits or the group are not supported, or an option needs calibration text.
        RotrainError: `out` exists, a matrix is not finite, or the model is quantized already.
    """
    if bits not in BITS or group not in GROUPS:
        raise UsageError(
            f"{bits} bits in groups of {group} are not supported",
            hint=f"give --bits from {BITS} and --group from {GROUPS}",
        )
    if out.exists():
        raise RotrainError("this exists already", place=out, hint="choose another --out, or remove it")
    check_not_quantized(trained.model, trained.run.path)
    calibration = _read_calibration(trained, calibrate, calibration_tokens, method, polish, target_bpw)
    started_at = time.perf_counter()
    bits_by_matrix = dict.fromkeys(matrices(trained.model), bits)
    if target_bpw is not None:
        assert calibration is not None
        bits_by_matrix = target_bits(trained.model, calibration.tokens, group, target_bpw)
    model = quantize_matrices(
        trained.model,
        method,
        bits_by_matrix,
        group,
        None if calibration is None else calibration.tokens,
        progress,
    )
    scores: dict[str, Any] = {"kl": None, "kl_before_polish": None, "polish_steps": polish}
    if calibration is not None:
        if polish:
            before, after = distill_scales(trained.model, model, calibration.tokens, polish)
            scores |= {"kl_before_polish": before, "kl": after}
        else:
            scores["kl"] = divergence(trained.model, model, held_out(calibration.tokens)[1])
    more = {
        "out": str(out),
        "source": {"run": str(trained.run.path), "step": trained.step},
        "calibration": None if calibration is None else calibration.origin,
        "imatrix": None,
        "target_bpw": target_bpw,
        "group": group,
        **scores,
        "model": trained.model.config.model_dump(mode="json"),
        "eos_id": trained.eos_id,
        "bos_id": trained.bos_id,
        "stop_ids": list(trained.stop_ids),
        "step": trained.step,
        "seconds": time.perf_counter() - started_at,
    }
    return _write_folder(trained, model, out, method, more)


def _read_calibration(
    trained: TrainedModel,
    calibrate: Path | None,
    tokens: int,
    method: str,
    polish: int,
    target_bpw: float | None,
) -> Calibration | None:
    if calibrate is not None:
        return calibration_tokens(calibrate, trained.model, trained.run.tokenizer, tokens)
    for wanted, what in ((method == "gptq", "gptq"), (polish, "--polish"), (target_bpw, "--target-bpw")):
        if wanted:
            raise UsageError(f"{what} needs training text", hint="add --calibrate PACK")
    return None


def quantize_matrices(
    model: Decoder,
    method: str,
    bits: dict[str, int],
    group: int,
    tokens: Tensor | None,
    progress: Progress | None = None,
) -> Decoder:
    """Return a copy of the model with every matrix quantized.

    Args:
        model: The float model.
        method: `rtn`, `hqq` or `gptq`.
        bits: Bits of each matrix, by its name.
        group: Inputs that share a scale.
        tokens: Token ids (N, T) int64 to measure the inputs with. Only GPTQ needs them.
        progress: Receives the number of matrices that are done.

    Raises:
        RotrainError: A matrix is not finite.
    """
    moments = second_moments(model, tokens) if method == "gptq" and tokens is not None else {}
    found = copy.deepcopy(model)
    for index, name in enumerate(matrices(model)):
        weight = model.get_parameter(name).detach().float()
        if not torch.isfinite(weight).all():
            raise RotrainError(f"{name} holds values that are not finite", hint="the model has diverged")
        matrix: QuantizedMatrix
        if method == "gptq":
            matrix = gptq(weight, bits[name], group, moments.pop(name))
        else:
            matrix = (rtn if method == "rtn" else hqq)(weight, bits[name], group)
        replace_matrix(found, name, matrix)
        if progress is not None:
            progress.update(name, index + 1, len(bits))
    return found.eval()


def target_bits(model: Decoder, tokens: Tensor, group: int, bpw: float) -> dict[str, int]:
    """Choose the bits of each matrix, by how much its quantization changes the predictions.

    Args:
        model: The float model.
        tokens: Token ids (N, T) int64 to measure with.
        group: Weights that share a scale.
        bpw: Target in bits per parameter, over all tensors. The result is at most 1 % below it.

    Raises:
        UsageError: The target is smaller or larger than the supported bits allow.
    """
    squares = mean_squares(model, tokens)
    changed = copy.deepcopy(model)
    names = list(matrices(model))

    def replace(name: str) -> Callable[[], None]:
        parameter = changed.get_parameter(name)
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.copy_(rtn(before, PROBE_BITS, group).weight())

        def undo() -> None:
            with torch.no_grad():
                parameter.copy_(before)

        return undo

    divergences = measure_divergences(changed, tokens, names, replace)
    sensitivities = {}
    for name in names:
        weight = model.get_parameter(name).detach()
        rows, inputs = weight.shape
        size = group_size(inputs, group)
        sensitivities[name] = Sensitivity(
            errors={
                str(bits): weighted_error(weight, rtn(weight, bits, group), squares[name]) for bits in BITS
            },
            bytes={str(bits): quantized_bytes(rows, inputs, bits, size) for bits in BITS},
            probe=str(PROBE_BITS),
            probe_kl=divergences[name],
        )
    parameters = count.param_count(model.config)
    fixed = 4 * (parameters - sum(model.get_parameter(name).numel() for name in names))
    chosen = choose_storage(sensitivities, int(bpw * parameters / 8) - fixed)
    return {name: int(bits) for name, bits in chosen.items()}


def _write_folder(
    trained: TrainedModel, model: Decoder, out: Path, method: str, more: dict[str, Any]
) -> dict[str, Any]:
    with new_folder(out) as temporary:
        file = temporary / "model.safetensors"
        write_tensors(file, to_tensors(model))
        write_atomic(temporary / "tokenizer.json", read_file(trained.run.tokenizer))
        quantized_by_name = quantized_matrices(model)
        tensors = [
            {
                "name": name,
                "class": tensor_class(name, trained.model.config),
                "type": f"int{matrix.bits}",
                "bits": matrix.bits,
                "group": matrix.group,
                "shape": list(matrix.codes.shape),
                "bytes": matrix.bytes,
            }
            for name, matrix in quantized_by_name.items()
        ]
        for name, parameter in trained.model.named_parameters():
            if name not in quantized_by_name:
                tensors.append(
                    {
                        "name": name,
                        "class": tensor_class(name, trained.model.config),
                        "type": "f32",
                        "shape": list(parameter.shape),
                        "bytes": 4 * parameter.numel(),
                    }
                )
        result = artifact(
            engine="torch",
            method=method,
            arch=trained.model.config.arch,
            parameters=count.param_count(trained.model.config),
            tensors=tensors,
            file_bytes=file.stat().st_size,
            sha256=sha256_file(file),
            **more,
        )
        write_record(temporary / QUANTIZATION, result)
    return result
