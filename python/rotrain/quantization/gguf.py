"""Quantize a model into a GGUF file. Each matrix is stored once, in a ggml type. The tied embedding is also the head."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError, UsageError
from rotrain.exporters.gguf.export import metadata_fields
from rotrain.exporters.gguf.layout import check_supported, pieces
from rotrain.exporters.gguf.metadata import architecture
from rotrain.exporters.gguf.write import CopiedField, StoredTensor, read_gguf, write_gguf
from rotrain.files import new_file, sha256_file, write_record
from rotrain.gguf_header import record_of
from rotrain.models import count
from rotrain.models.decoder import Decoder
from rotrain.models.quantized import check_not_quantized
from rotrain.progress import Progress
from rotrain.quantization.allocate import Sensitivity, choose_storage, measure_divergences
from rotrain.quantization.artifact import artifact, tensor_class
from rotrain.quantization.encode import decode, encode
from rotrain.quantization.imatrix import Importance, check_importance
from rotrain.quantization.recipes import choose_types, find_method, fitting_type, row_bytes
from rotrain.run.load import TrainedModel

# The types that --target-bpw chooses from, and the type that it measures the sensitivity with.
CANDIDATES = ("Q2_K", "Q3_K", "IQ4_XS", "Q4_K", "Q5_K", "Q6_K", "Q8_0")
PROBE = "Q4_K"
# Loads a tensor when it is needed, so that only one is in memory.
Load = Callable[[], NDArray[np.float32]]


@dataclass(frozen=True)
class Source:
    """A model with float weights to quantize, from a run or a GGUF file.

    Attributes:
        architecture: llama.cpp's name of the architecture.
        arch: Our name of the architecture.
        parameters: Parameters of the model.
        queries_per_kv: Query heads that share a key/value head.
        fields: Metadata of the file.
        shapes: Shapes of all tensors by name.
        matrices: Shapes (rows, inputs) of the matrices to quantize.
        load: Functions that load each tensor in fp32, by name.
        origin: Where the model comes from, for the record.
    """

    architecture: str
    arch: str
    parameters: int
    queries_per_kv: int
    fields: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    matrices: dict[str, tuple[int, ...]]
    load: dict[str, Load]
    origin: dict[str, Any]


def source_of_run(trained: TrainedModel) -> Source:
    """Describe a loaded run as a source.

    Raises:
        RotrainError: llama.cpp has no architecture for the model, or the model is quantized already.
    """
    c, weights = trained.model.config, trained.weights()
    shapes_of = dict(trained.model.named_parameters())
    check_supported(c)
    check_not_quantized(trained.model, trained.run.path)
    found = pieces(c)
    shapes = {p.name: tuple(p.extract(shapes_of, c).shape) for p in found}

    def loader(piece: Any) -> Load:
        return lambda: np.asarray(piece.extract(weights, c).float().numpy())

    return Source(
        architecture(c),
        c.arch,
        count.param_count(c),
        c.heads // c.kv_heads if c.kv_heads else 1,
        metadata_fields(trained, 0),
        shapes,
        {p.name: shapes[p.name] for p in found if p.matrix},
        {p.name: loader(p) for p in found},
        {"run": str(trained.run.path), "step": trained.step},
    )


def source_of_gguf(path: Path) -> Source:
    """Describe a GGUF file with float weights as a source.

    Raises:
        RotrainError: The file cannot be read, is quantized already, or has no matrix.
    """
    reader = read_gguf(path)
    kind = _text(reader, "general.architecture")
    kinds = {tensor.tensor_type.name for tensor in reader.tensors}
    if kinds - {"F32", "F16", "BF16"}:
        raise RotrainError(
            f"this file is already quantized ({', '.join(sorted(kinds))})",
            place=path,
            hint="quantize a file with float weights: rotrain export RUN --to gguf --type f32",
        )

    def loader(tensor: Any) -> Load:
        return lambda: decode(tensor.data, tensor.tensor_type.name, int(tensor.shape[0]))

    tensors = {t.name: t for t in reader.tensors}
    heads = _number(reader, f"{kind}.attention.head_count", 0)
    kv_heads = _number(reader, f"{kind}.attention.head_count_kv", heads)
    shapes: dict[str, tuple[int, ...]] = {
        n: tuple(int(size) for size in reversed(t.shape)) for n, t in tensors.items()
    }
    matrices: dict[str, tuple[int, ...]] = {n: s for n, s in shapes.items() if len(s) == 2 and _is_matrix(n)}
    if not matrices:
        raise RotrainError("there is no matrix to quantize here", place=path)
    return Source(
        kind,
        kind,
        sum(int(np.prod(shape)) for shape in shapes.values()),
        heads // kv_heads if kv_heads else 1,
        {name: CopiedField(field) for name, field in reader.fields.items() if not _is_file_specific(name)},
        shapes,
        matrices,
        {n: loader(t) for n, t in tensors.items()},
        {"gguf": str(path), "sha256": sha256_file(path)},
    )


def _is_matrix(name: str) -> bool:
    excluded = ("_norm.weight", "ssm_conv1d", "ffn_gate_inp.weight")
    return name.endswith("weight") and not any(part in name for part in excluded)


def _is_file_specific(name: str) -> bool:
    return name.startswith("GGUF.") or name in ("general.architecture", "general.file_type")


def quantize_gguf(
    source: Source,
    out: Path,
    name: str,
    importance: Importance | None,
    *,
    types: dict[str, str] | None = None,
    progress: Progress | None = None,
    record: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a quantized GGUF file, and its record in the file `out`.json.

    Args:
        source: The float model.
        out: The file. It must not exist.
        name: Name of the method, or `target`.
        importance: Mean squares of the inputs (in,) of each matrix, or None.
        types: ggml type of each matrix. None: the method chooses the types.
        progress: Receives the number of tensors that are encoded.
        record: More fields for the record.

    Returns:
        The record.

    Raises:
        RotrainError: `out` exists, a tensor is not finite, or the importance belongs to another model.
    """
    if out.exists():
        raise RotrainError("this exists already", place=out, hint="choose another --out, or remove it")
    if importance is not None:
        imatrix = record.get("imatrix")
        check_importance(importance, source.matrices, None if imatrix is None else imatrix["file"])
    started_at = time.perf_counter()
    if types is None:
        types = choose_types(
            name, source.matrices, source.architecture, source.queries_per_kv, importance is not None
        )

    def make_tensor(index: int, tensor: str, kind: str) -> StoredTensor:
        def data() -> NDArray[Any]:
            values = source.load[tensor]()
            if not np.isfinite(values).all():
                raise RotrainError(
                    f"{tensor} holds values that are not finite", hint="the model has diverged"
                )
            used = importance is not None and tensor in source.matrices
            weights = importance.get(tensor) if importance is not None and used else None
            blocks = encode(values, kind, weights)
            if progress is not None:
                progress.update(tensor, index + 1, len(source.load))
            return blocks

        return StoredTensor(tensor, kind, source.shapes[tensor], data)

    stored_tensors = [
        make_tensor(i, tensor, types.get(tensor, "F32")) for i, tensor in enumerate(source.load)
    ]
    file_type = find_method("q4_k_m" if name == "target" else name).file_type
    fields = source.fields | {"general.file_type": file_type, "general.quantization_version": 2}
    # The file gets its name after its record: a kill between the two would leave a file that the next run does not replace.
    with new_file(out) as unnamed:
        write_gguf(unnamed, source.architecture, fields, stored_tensors)
        tensors = [
            {
                "name": t.name,
                "class": tensor_class(t.name),
                "type": t.type,
                "shape": list(t.shape),
                "bytes": t.bytes,
            }
            for t in stored_tensors
        ]
        result = artifact(
            engine="gguf",
            method=name,
            arch=source.arch,
            parameters=source.parameters,
            tensors=tensors,
            file_bytes=unnamed.stat().st_size,
            out=str(out),
            sha256=sha256_file(unnamed),
            source=source.origin,
            seconds=time.perf_counter() - started_at,
            **record,
        )
        write_record(record_of(out), result)
    return result


def target_types(
    trained: TrainedModel,
    source: Source,
    tokens: Tensor,
    importance: Importance,
    bits: float,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Choose a ggml type for each matrix, by how much its quantization changes the predictions.

    Args:
        trained: The run that `source` was made from.
        source: The tensors of the run under the names of the file.
        tokens: Token ids (N, T) int64 to measure with.
        importance: Mean squares of the inputs (in,) of each matrix.
        bits: Target in bits per parameter, over all tensors. The result is at most 1 % below it.
        progress: Receives the number of matrices that are measured.

    Raises:
        UsageError: The target is smaller or larger than all types allow.
    """
    config, model = trained.model.config, trained.model
    fixed = sum(4 * math.prod(shape) for name, shape in source.shapes.items() if name not in source.matrices)
    budget = int(bits * source.parameters / 8) - fixed
    if budget <= 0:
        raise UsageError(f"the target of {bits} bits per weight is smaller than the norms alone")
    errors: dict[str, dict[str, float]] = {}
    probed: dict[str, NDArray[np.float32]] = {}
    for index, name in enumerate(source.matrices):
        values = source.load[name]()
        errors[name] = {}
        for kind in dict.fromkeys(fitting_type(kind, values.shape[-1]) for kind in (*CANDIDATES, PROBE)):
            dequantized = decode(encode(values, kind, importance[name]), kind, values.shape[-1])
            errors[name][kind] = float(
                (np.square(values - dequantized) @ importance[name]).sum(dtype=np.float64)
            )
            if kind == fitting_type(PROBE, values.shape[-1]):
                probed[name] = dequantized
        if progress is not None:
            progress.update(name, index + 1, len(source.matrices))
    divergences = measure_divergences(
        model, tokens, source.matrices, lambda name: _replace_matrix(model, config, name, probed[name])
    )
    return choose_storage(
        {
            name: Sensitivity(
                errors=errors[name],
                bytes={kind: rows * row_bytes(kind, inputs) for kind in errors[name]},
                probe=fitting_type(PROBE, inputs),
                probe_kl=divergences[name],
            )
            for name, (rows, inputs) in source.matrices.items()
        },
        budget,
    )


def _replace_matrix(
    model: Decoder, c: ModelConfig, name: str, values: NDArray[np.float32]
) -> Callable[[], None]:
    piece = next(p for p in pieces(c) if p.name == name)
    weights = dict(model.named_parameters())
    before = piece.extract(weights, c).clone()
    piece.insert(weights, torch.from_numpy(values), c)
    return lambda: piece.insert(weights, before, c)


def _text(reader: Any, key: str) -> str:
    field = reader.fields.get(key)
    return str(field.contents()) if field is not None else ""


def _number(reader: Any, key: str, default: int) -> int:
    field = reader.fields.get(key)
    value = default if field is None else field.contents()
    return max(value) if isinstance(value, list) else int(value)
