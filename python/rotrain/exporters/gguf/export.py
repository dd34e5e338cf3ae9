"""Export a run to a GGUF file, and check it in stock llama.cpp."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError, UsageError
from rotrain.exporters.gguf.layout import Piece, check_supported, pieces
from rotrain.exporters.gguf.metadata import architecture, shape_fields
from rotrain.exporters.gguf.tokenizer import tokenizer_fields
from rotrain.exporters.gguf.write import StoredTensor, float_rows, write_gguf
from rotrain.files import new_file, read_file
from rotrain.llamacpp import LlamaCpp, find_library
from rotrain.models.decoder import Decoder
from rotrain.models.parallel import ParallelMixer
from rotrain.models.quantized import check_not_quantized
from rotrain.run.load import TrainedModel

# The `general.file_type` (llama.h, llama_ftype) of files whose matrices are floats.
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32}
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# In fp32 both engines compute the same sums in another order. With 16-bit matrices llama.cpp also rounds activations, so the
# distributions are compared, not the logits.
TOLERANCE, KL_TOLERANCE = 5e-3, 1e-3
CHECK_TEXTS = (
    "Într-o zi, fata-mpăratului și-a zis: „Țara-i mare!” 2026 😀",
    "  S-a dus\tîn  1.000.000 de locuri;\n\n\n— Ce-i? întrebă.\r\nI'LL 'S don't <|endoftext|> \u00a0\u200bﬁn ",
)


def export_gguf(
    trained: TrainedModel, out: Path, kind: str = "f32", *, license: str | None = None
) -> dict[str, Any]:
    """Write the file `out` and check it. Until the check passes, it has a temporary name.

    Args:
        trained: The model.
        out: The file. It must not exist.
        kind: Type of the matrices: f32, f16 or bf16.
        license: Licence of the weights for the metadata.

    Returns:
        The record: sizes, notes, and the result of the check.

    Raises:
        UsageError: There is no such type.
        RotrainError: `out` exists, llama.cpp has no architecture for the model, or the logits differ.
    """
    if kind not in FILE_TYPES:
        raise UsageError(
            f"there is no type {kind!r} for an export", hint=f"types are: {', '.join(FILE_TYPES)}"
        )
    if out.exists():
        raise RotrainError("this exists already", place=out, hint="choose another --out, or remove it")
    c = trained.model.config
    check_supported(c)
    check_not_quantized(trained.model, trained.run.path)
    fields = metadata_fields(trained, FILE_TYPES[kind])
    fields |= {} if license is None else {"general.license": license}
    weights = dict(trained.model.named_parameters())
    check_result: dict[str, Any] = {"engine": None}
    with new_file(out) as unchecked:
        write_gguf(
            unchecked, architecture(c), fields, [store(piece, weights, c, kind) for piece in pieces(c)]
        )
        if find_library() is not None:
            check_result = check(trained, unchecked, kind)
    return {
        "out": str(out),
        "step": trained.step,
        "architecture": architecture(c),
        "type": kind,
        "bytes": out.stat().st_size,
        "notes": notes(trained),
        **check_result,
    }


def metadata_fields(trained: TrainedModel, file_type: int) -> dict[str, Any]:
    """Return the metadata of the file: name, type, shape of the model and tokenizer."""
    c = trained.model.config
    tokens = tokenizer_fields(
        trained.run.tokenizer,
        c.vocab_size,
        trained.eos_id,
        bos_id=trained.bos_id,
        add_bos=trained.add_bos,
        pad_id=trained.pad_id,
    )
    chat = {} if trained.chat_template is None else {"tokenizer.chat_template": trained.chat_template}
    return {
        "general.name": f"{c.arch} step {trained.step}" if trained.step else c.arch,
        "general.languages": ["ro"],
        "general.file_type": file_type,
        "general.quantization_version": 2,
        **{f".{key}": value for key, value in shape_fields(c).items()},
        **{f"tokenizer.ggml.{key}": value for key, value in tokens.items()},
        **chat,
    }


def store(piece: Piece, weights: Mapping[str, Tensor], c: ModelConfig, kind: str) -> StoredTensor:
    """Return a tensor of the file as floats. Matrices have the type `kind`. llama.cpp needs all other tensors in fp32."""
    stored = kind.upper() if piece.matrix else "F32"

    def data() -> NDArray[Any]:
        return float_rows(piece.extract(weights, c).float().numpy(), stored)

    return StoredTensor(piece.name, stored, tuple(piece.extract(weights, c).shape), data)


def notes(trained: TrainedModel) -> list[str]:
    """Return sentences for the user about properties of the model that the file cannot store, or old versions cannot read."""
    c = trained.model.config
    sentences = []
    if c.window is not None:
        sentences.append(
            f"the window of {c.window} needs llama.cpp's architecture granite_swa, "
            "which versions before autumn 2026 do not have"
        )
    if c.document_end is not None:
        sentences.append("llama.cpp has no document mask: its results are the same only within one document")
    return sentences


def check(trained: TrainedModel, file: Path, kind: str) -> dict[str, Any]:
    """Load the file in stock llama.cpp, and compare its token ids and logits with ours.

    The logits are compared over at least 256 tokens and three attention windows, if the context allows it.

    Returns:
        The version of llama.cpp, the number of tokens, the differences and the tolerance.

    Raises:
        RotrainError: The token ids or the logits differ.
    """
    c = trained.model.config
    length = min(c.context, max(256, 3 * (c.window or 0)))
    with LlamaCpp(file, context=length, cache="f32") as theirs:
        oracle = text_encoder(trained.run.tokenizer)
        for text in CHECK_TEXTS:
            if theirs.tokenize(text) != oracle.encode(text, add_special_tokens=False).ids:
                raise RotrainError(f"llama.cpp's token ids differ from ours for {text!r}", place=file)
        tokens = random_tokens(length, trained.tokenizer.vocab_size, trained.eos_id)
        found = theirs.logits(tokens)
        version = theirs.library.version
    reference = emulate_llama_cpp(trained.model, kind)
    with torch.inference_mode():
        expected = reference.logits(reference(torch.tensor([tokens])))[0].numpy()
    difference, kl = compare(expected, found)
    if not (difference < TOLERANCE if kind == "f32" else kl < KL_TOLERANCE):
        raise RotrainError(
            f"llama.cpp's logits differ from ours by {difference:.2e} (mean KL divergence {kl:.1e} nats)",
            place=file,
        )
    return {
        "engine": version,
        "tokens": length,
        "max_logit_difference": difference,
        "mean_kl": kl,
        "tolerance": {"max_logit_difference": TOLERANCE} if kind == "f32" else {"mean_kl": KL_TOLERANCE},
    }


def text_encoder(file: Path) -> Any:
    """Load a tokenizer.json with `tokenizers`. The text of a special token is encoded as text, as in a document."""
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_str(read_file(file).decode())
    encoder.encode_special_tokens = True
    return encoder


def random_tokens(count: int, vocab_size: int, eos_id: int) -> list[int]:
    """Draw token ids with a fixed seed. The end of a document is excluded: a model with a document mask does not see across it.

    Args:
        count: Number of ids.
        vocab_size: Entries of the vocabulary.
        eos_id: Id of the end of a document.
    """
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(vocab_size - 1, (count,), generator=generator)
    drawn: list[int] = (tokens + (tokens >= eos_id)).tolist()
    return drawn


def emulate_llama_cpp(model: Decoder, kind: str) -> Decoder:
    """Return a model that computes what llama.cpp computes: matrices rounded to `kind`, and Falcon's GELU in its tanh form.

    The two forms of GELU differ by at most 5e-4. In a trained model this became a difference of 2e-2 in a logit, which is
    larger than the errors that the check must find.
    """
    if kind == "f32" and not model.config.parallel:
        return model
    copied = copy.deepcopy(model)
    for module in copied.modules():
        if isinstance(module, ParallelMixer):
            module.approximate = "tanh"
    if kind != "f32":
        with torch.no_grad():
            for name in {piece.ours for piece in pieces(model.config) if piece.matrix}:
                weight = copied.get_parameter(name)
                weight.copy_(weight.to(DTYPES[kind]).float())
    return copied


def compare(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> tuple[float, float]:
    """Return the largest difference of two logits (T, V), and the mean KL divergence of their softmax in nats."""
    a, b = torch.from_numpy(ours).double(), torch.from_numpy(theirs).double()
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    return float((a - b).abs().max()), float((p.exp() * (p - q)).sum(-1).mean())
