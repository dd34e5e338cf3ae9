"""Tests of quantized GGUF files: the blocks, the rules, the sizes, and the results in stock llama.cpp."""

from __future__ import annotations

import ctypes
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from program import rotrain
from test_gguf import trained
from test_models import fresh

from conftest import shape
from rotrain.errors import RotrainError, UsageError
from rotrain.exporters.gguf.export import compare, export_gguf, random_tokens
from rotrain.exporters.gguf.layout import pieces
from rotrain.exporters.gguf.metadata import architecture
from rotrain.exporters.gguf.write import StoredTensor, read_gguf
from rotrain.files import read_record
from rotrain.llamacpp import LlamaCpp, find_library, library
from rotrain.models.presets import ARCHS, model_config
from rotrain.quantization.allocate import Choice, allocate
from rotrain.quantization.calibration import matrices, mean_squares, second_moments
from rotrain.quantization.encode import decode, encode
from rotrain.quantization.gguf import (
    quantize_gguf,
    source_of_gguf,
    source_of_run,
    target_types,
)
from rotrain.quantization.imatrix import importance_of, read_imatrix, write_imatrix
from rotrain.quantization.recipes import BLOCKS, METHODS, choose_types, row_bytes
from rotrain.run.load import TrainedModel, load_run

libgguf = pytest.importorskip("libgguf")
pytestmark = pytest.mark.skipif(find_library() is None, reason="llama.cpp is not installed")
NO_RECORD: dict[str, Any] = {"calibration": None, "imatrix": None, "target_bpw": None}
WIDE = {"hidden": 256, "head_dim": 64, "ffn": 256, "layers": 2}


def wide(folder: Path, arch: str, **changes: Any) -> Any:
    """Return a model whose rows have a multiple of 256 inputs, as k-quants need."""
    args: dict[str, Any] = dict(WIDE)
    c = shape(arch)
    args["heads"] = 4 if c.heads else 0
    args["kv_heads"] = min(c.kv_heads, 4 if arch == "llama-mha" else 1) if c.heads else 0
    args["ffn"] = 256 if c.ffn else 0
    if c.ssm:
        args["ssm"] = {"heads": 8, "head_dim": 64, "state": 16, "chunk": 16}
    return trained(folder, arch, **(args | changes))


def restore(model: TrainedModel, path: Path) -> None:
    """Set the matrices of a model to the dequantized matrices of a file, in place. llama.cpp also rounds activations."""
    c, weights = model.model.config, dict(model.model.named_parameters())
    tensors = {tensor.name: tensor for tensor in read_gguf(path).tensors}
    for piece in pieces(c):
        if piece.matrix:
            tensor = tensors[piece.name]
            values = decode(tensor.data, tensor.tensor_type.name, int(tensor.shape[0]))
            piece.insert(weights, torch.from_numpy(np.array(values)), c)


def llama_cpp_encodes(values: Any, kind: str, importance: Any) -> Any:
    """Encode with stock llama.cpp, which has another build of ggml than libgguf."""
    rows, width = values.shape
    out = np.empty((rows, row_bytes(kind, width)), np.uint8)
    encoder = library().handle.ggml_quantize_chunk
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    encoder.restype, encoder.argtypes = (
        ctypes.c_size_t,
        [ctypes.c_int32, pointer, pointer, *[size] * 3, pointer],
    )
    weights = None if importance is None else importance.ctypes.data
    number = int(libgguf.GGMLQuantizationType[kind])
    written = encoder(number, values.ctypes.data, out.ctypes.data, 0, rows, width, weights)
    assert written == out.nbytes
    return out


@pytest.mark.parametrize("kind", [kind for kind in BLOCKS if kind[0] in "QI"])
@pytest.mark.parametrize("weighed", [False, True])
def test_blocks_equal_those_of_ggml_byte_for_byte(kind: str, weighed: bool) -> None:
    generator = np.random.default_rng(3)
    values = generator.standard_normal((520, 512), np.float32) * generator.lognormal(0, 2, (520, 1))
    values = values.astype(np.float32)
    values[7] = 0
    importance = generator.random(512, np.float32) if weighed else None
    data = encode(values, kind, importance)
    assert (data == llama_cpp_encodes(values, kind, importance)).all()
    assert (
        StoredTensor("x", kind, (520, 512), lambda: data).bytes == data.nbytes == 520 * row_bytes(kind, 512)
    )
    back = decode(data, kind, 512)
    assert np.square(back - values).sum() < 0.12 * np.square(values).sum()


def test_sizes_equal_those_of_llama_quantize() -> None:
    # Sizes in MiB of llama-quantize's files for these shapes (docs/log): 180.7, 177.3 and 177.3.
    for arch, changes, mib, bits in (
        ("llama-mha", {"layers": 20}, 180.7, 5.05),
        ("falcon-mqa", {"layers": 22}, 177.3, 5.37),
        ("mamba2", {"layers": 40}, 177.3, 4.84),
    ):
        c = model_config(arch, "300m", vocab_size=40_960).model_copy(update=changes)
        with torch.device("meta"):
            from rotrain.models.decoder import Decoder

            weights = dict(Decoder(c).named_parameters())
        shapes = {p.name: tuple(p.extract(weights, c).shape) for p in pieces(c) if p.matrix}
        types = choose_types("q4_k_m", shapes, architecture(c), 1, False)
        small = sum(4 * p.extract(weights, c).numel() for p in pieces(c) if not p.matrix)
        whole = small + sum(rows * row_bytes(types[name], width) for name, (rows, width) in shapes.items())
        # The file also has the vocabulary, about 1.5 MiB.
        assert mib - 2.5 < whole / 2**20 < mib
        assert abs(8 * whole / sum(w.numel() for w in weights.values()) - bits) < 0.05


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_llama_cpp_reads_every_method(arch: str, tmp_path: Path) -> None:
    model = wide(tmp_path, arch)
    source = source_of_run(model)
    tokens = random_tokens(48, model.tokenizer.vocab_size, 0)
    importance = importance_of(model.model.config, mean_squares(model.model, torch.tensor([tokens])))
    with torch.inference_mode():
        exact = model.model.logits(model.model(torch.tensor([tokens])))[0].numpy()
    kls, sizes = {}, {}
    for name in METHODS if arch == "llama-mha" else ("q8_0", "q4_k_m", "q3_k_m"):
        file = tmp_path / f"{name}.gguf"
        result = quantize_gguf(source, file, name, importance, record=NO_RECORD)
        with LlamaCpp(file, context=48, cache="f32") as theirs:
            kls[name] = compare(exact, theirs.logits(tokens))[1]
        sizes[name] = result["bits_per_weight"]
        assert result == read_record(Path(f"{file}.json"))
        assert result["tensor_bytes"] == sum(t["bytes"] for t in result["tensors"]) < result["file_bytes"]
        # Our modules with the dequantized matrices compute what llama.cpp computes.
        ours = replace(model, model=fresh(model.model.config))
        ours.model.load_state_dict(model.model.state_dict())
        restore(ours, file)
        with torch.inference_mode():
            restored = ours.model.logits(ours.model(torch.tensor([tokens])))[0].numpy()
        assert compare(exact, restored)[1] < 1.5 * kls[name] + 1e-5
    assert kls["q8_0"] < kls["q4_k_m"] < kls["q3_k_m"]
    assert sizes["q8_0"] > sizes["q4_k_m"] > sizes["q3_k_m"]


def test_float_gguf_and_its_run_give_the_same_bytes(tmp_path: Path) -> None:
    model = wide(tmp_path, "mistral-swa")
    export_gguf(model, tmp_path / "f32.gguf")
    a = quantize_gguf(source_of_run(model), tmp_path / "a.gguf", "q4_k_m", None, record=NO_RECORD)
    b = quantize_gguf(
        source_of_gguf(tmp_path / "f32.gguf"), tmp_path / "b.gguf", "q4_k_m", None, record=NO_RECORD
    )
    assert a["types"] == b["types"]
    with LlamaCpp(tmp_path / "a.gguf", context=8) as one, LlamaCpp(tmp_path / "b.gguf", context=8) as other:
        assert (one.logits([1, 2, 3]) == other.logits([1, 2, 3])).all()
        assert one.tokenize("Țara-i mare") == other.tokenize("Țara-i mare")
    with pytest.raises(RotrainError, match="already quantized"):
        source_of_gguf(tmp_path / "a.gguf")


def test_failed_quantization_leaves_no_file(tmp_path: Path) -> None:
    model = wide(tmp_path / "run", "llama-gqa")
    with torch.no_grad():
        model.model.get_parameter("blocks.1.mixer.out_proj.weight")[0, 0] = torch.nan
    with pytest.raises(RotrainError, match=r"blk\.1\.attn_output\.weight holds values that are not finite"):
        quantize_gguf(source_of_run(model), tmp_path / "n.gguf", "q4_k_m", None, record=NO_RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_input_statistics_equal_brute_force(arch: str) -> None:
    model = fresh(shape(arch))
    tokens = torch.tensor([random_tokens(48, 300, 0), random_tokens(49, 300, 0)[1:]])
    seen: dict[str, torch.Tensor] = {}
    for name, module in matrices(model).items():
        if name != "embed.weight":
            module.register_forward_hook(lambda _, x, __, name=name: seen.__setitem__(name, x[0].detach()))
    seen["embed.weight"] = model(tokens).detach()
    squares, moments = mean_squares(model, tokens), second_moments(model, tokens)
    assert squares.keys() == moments.keys() == seen.keys() == matrices(model).keys()
    for name, x in seen.items():
        rows = x.flatten(0, -2).double()
        torch.testing.assert_close(squares[name], rows.square().mean(0), rtol=1e-4, atol=1e-9)
        torch.testing.assert_close(moments[name].double(), rows.T @ rows / len(rows), rtol=1e-3, atol=1e-6)


def test_importance_matrix_round_trips_and_is_checked(tmp_path: Path) -> None:
    model = wide(tmp_path, "falcon-mqa")
    tokens = torch.tensor([random_tokens(48, 300, 0)])
    importance = importance_of(model.model.config, mean_squares(model.model, tokens))
    origin = {"pack": "p", "tokens_sha256": "0", "sequences": 1, "context": 48}
    write_imatrix(tmp_path / "i.gguf", importance, origin)
    back = read_imatrix(tmp_path / "i.gguf")
    assert back.keys() == importance.keys()
    for name, values in importance.items():
        assert (back[name] == values).all()
    other = source_of_run(wide(tmp_path / "b", "llama-mha"))
    with pytest.raises(RotrainError, match=r"has nothing for blk\.0\.attn_q\.weight"):
        quantize_gguf(other, tmp_path / "x.gguf", "q4_k_m", back, record=NO_RECORD)
    (tmp_path / "i.gguf").write_bytes(b"no")
    with pytest.raises(RotrainError, match="not an importance matrix"):
        read_imatrix(tmp_path / "i.gguf")


@pytest.mark.parametrize("bits", [4.0, 5.5])
def test_target_types_meet_the_bits(bits: float, tmp_path: Path) -> None:
    model = wide(tmp_path, "llama-gqa", layers=3)
    source = source_of_run(model)
    tokens = torch.tensor([random_tokens(48, 300, 0)])
    importance = importance_of(model.model.config, mean_squares(model.model, tokens))
    before = {name: p.clone() for name, p in model.model.named_parameters()}
    types = target_types(model, source, tokens, importance, bits)
    for name, parameter in model.model.named_parameters():
        assert (parameter == before[name]).all()  # the measurement restores the model
    result = quantize_gguf(source, tmp_path / "t.gguf", "target", importance, types=types, record=NO_RECORD)
    assert 0.99 * bits <= result["bits_per_weight"] <= bits


def test_allocation_is_nearly_optimal() -> None:
    def options(size: int, harm: float) -> list[Choice]:
        return [Choice(f"{b}", b * size, harm * size * 4.0**-b) for b in (3, 4, 5, 6, 8)]

    generator = np.random.default_rng(0)
    choices = {f"m{i}": options(10, float(generator.lognormal(0, 2))) for i in range(6)}
    budget = 280
    taken = allocate(choices, budget)
    assert 0.99 * budget <= sum(c.bytes for c in taken.values()) <= budget
    from itertools import product

    best = min(
        sum(c.expected_kl for c in row)
        for row in product(*choices.values())
        if sum(c.bytes for c in row) <= budget
    )
    assert sum(c.expected_kl for c in taken.values()) <= 1.001 * best
    with pytest.raises(UsageError, match="but the target is"):
        allocate(choices, 100)


def test_command(tmp_path: Path, pack: Path, tiny_nano: None) -> None:
    run, out = tmp_path / "run", tmp_path / "m.gguf"
    args = ["--arch", "llama-gqa", "--size", "nano", "--data", pack, "--out", run, "--steps", 2, "--quiet"]
    assert rotrain("fit", *args, "--set", "context=32").returncode == 0
    tokens = ["--calibrate", pack, "--calibration-tokens", 1024]
    ended = rotrain("quantize", run, "--method", "q4_k_m", *tokens, "--out", out, "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["calibration"]["tokens"] == 1024 and len(result["calibration"]["tokens_sha256"]) == 64
    # A run that is read matrix by matrix gives the same bytes as a model in memory.
    meta, model = load_run(run, meta=True), load_run(run)
    assert meta.weights_file is not None and meta.model.embed.weight.is_meta
    assert dict(meta.weights()).keys() == dict(model.weights()).keys()
    quantize_gguf(source_of_run(meta), tmp_path / "o.gguf", "q4_k_m", None, record=NO_RECORD)
    quantize_gguf(source_of_run(model), tmp_path / "w.gguf", "q4_k_m", None, record=NO_RECORD)
    assert (tmp_path / "o.gguf").read_bytes() == (tmp_path / "w.gguf").read_bytes()
    scores = ["--data", pack, "--max-bytes", 2000, "--probes", "none", "--against", run, "--json"]
    ended = rotrain("evaluate", out, *scores)
    assert ended.returncode == 0, ended.stderr
    assert 0 < json.loads(ended.stdout)["against"]["mean_kl"]["value"] < 0.05
    for wrong, sentence in (
        (["--method", "q9"], "no method 'q9'"),
        ([], "no method given"),
        (["--method", "q4_k_m", "--target-bpw", "4"], "does not work with q4_k_m"),
        (["--target-bpw", "4"], "needs a run and text"),
        (["--method", "q4_k_m", "--polish", "3"], "--polish works only with"),
    ):
        ended = rotrain("quantize", run, *wrong, "--out", tmp_path / "n.gguf")
        assert ended.returncode == 2 and sentence in ended.stderr, ended.stderr
