"""Our GGUF in few bits beside stock llama.cpp's, on trained models, with the same importance matrix.

For every run: the fp32 GGUF of the run is quantized by llama.cpp's own `llama_model_quantize` to q4_k_m, and by us to the
same method (the tensors have to be the same to the byte), to as many bits a weight as stock took by measured
sensitivity, and to the further variants of `--also`. All are read by llama.cpp on held-out text and compared with the
fp32 run: mean KL divergence in nats a token with its interval, and the rise of the perplexity.

The wheel xllamacpp has no quantizer. What is needed is a whole libllama: the package llama-cpp-python (its build takes
minutes), or `--library libllama.so`.

    python benches/compare/quantize.py runs/* --data pack [--tokens 20000] [--also q8_0,bpw-4.8,gptq-4-polish200] [--json]
    python benches/compare/quantize.py runs/* --data pack --also all        # every method at every width
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from rotrain.compare.study import is_folder, quantize_args
from rotrain.data.pack import open_pack
from rotrain.evaluation.divergence import measure_divergence
from rotrain.evaluation.domains import held_out
from rotrain.evaluation.model import LanguageModel
from rotrain.evaluation.open import open_model
from rotrain.evaluation.text import Document
from rotrain.evaluation.torch_model import TorchModel
from rotrain.exporters.gguf.export import export_gguf
from rotrain.exporters.gguf.write import read_gguf
from rotrain.models.count import param_count
from rotrain.quantization.calibration import Calibration, calibration_tokens, mean_squares
from rotrain.quantization.gguf import quantize_gguf, source_of_run, target_types
from rotrain.quantization.imatrix import Importance, importance_of
from rotrain.quantization.recipes import METHODS
from rotrain.quantization.torch import quantize_torch
from rotrain.run.load import TrainedModel, load_run

Q4_K_M = 15
EVERY = (
    *METHODS,
    "bpw-5.05",
    *(f"{method}-{bits}" for method in ("rtn", "hqq", "gptq") for bits in (8, 6, 5, 4, 3)),
)


class _Importance(ctypes.Structure):
    """`llama_model_imatrix_data` (llama.h, October 2026)."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("data", ctypes.POINTER(ctypes.c_float)),
        ("size", ctypes.c_size_t),
    ]


class _Params(ctypes.Structure):
    """`llama_model_quantize_params` of the same."""

    _fields_ = [
        ("threads", ctypes.c_int32),
        ("ftype", ctypes.c_int),
        ("output_type", ctypes.c_int),
        ("embedding_type", ctypes.c_int),
        ("allow_requantize", ctypes.c_bool),
        ("quantize_output", ctypes.c_bool),
        ("only_copy", ctypes.c_bool),
        ("pure", ctypes.c_bool),
        ("keep_split", ctypes.c_bool),
        ("dry_run", ctypes.c_bool),
        ("imatrix", ctypes.POINTER(_Importance)),
        ("kv_overrides", ctypes.c_void_p),
        ("tensor_overrides", ctypes.c_void_p),
        ("prune_layers", ctypes.c_void_p),
        ("most_bytes", ctypes.c_size_t),
    ]


class Stock:
    """llama.cpp's own quantizer."""

    def __init__(self, file: Path) -> None:
        self.c = ctypes.CDLL(str(file))
        self.c.llama_model_quantize_default_params.restype = _Params
        self.c.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_Params)]
        self.c.llama_model_quantize.restype = ctypes.c_uint32
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.c.llama_log_set(self.quiet, None)
        self.c.llama_backend_init()

    def quantize(self, source: Path, out: Path, importance: Importance) -> None:
        """Write `out` in q4_k_m."""
        params = self.c.llama_model_quantize_default_params()
        if not params.quantize_output or params.pure or params.imatrix:
            sys.exit("the parameters of this llama.cpp lie elsewhere than this script knows")
        rows = (_Importance * (len(importance) + 1))()  # the last, without a name, ends the list
        for row, (name, values) in zip(rows, importance.items(), strict=False):
            pointer = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            row.name, row.data, row.size = name.encode(), pointer, values.size
        params.threads, params.ftype, params.imatrix = 1, Q4_K_M, rows
        if self.c.llama_model_quantize(os.fsencode(source), os.fsencode(out), ctypes.byref(params)):
            sys.exit(f"llama.cpp could not quantize {source}")


def find_stock(named: Path | None) -> Path:
    """The library with a quantizer."""
    if named is not None:
        return named
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        sys.exit("llama.cpp's quantizer is not here: pip install llama-cpp-python, or give --library")
    return next(Path(spec.origin).parent.glob("lib/libllama.*"))


def bits_of(path: Path, parameters: int) -> float:
    """Bits a weight of all tensors of a GGUF."""
    return 8 * sum(int(tensor.n_bytes) for tensor in read_gguf(path).tensors) / parameters


def same_tensors(a: Path, b: Path) -> bool:
    """Whether two files hold the same tensors to the byte."""
    left, right = ({t.name: (t.tensor_type, t.data.tobytes()) for t in read_gguf(p).tensors} for p in (a, b))
    return left == right


def variants(
    trained: TrainedModel, words: argparse.Namespace, stock: Stock, folder: Path
) -> Iterator[tuple[str, Path, float]]:
    """Name, place and bits a weight of each."""
    parameters = param_count(trained.model.config)
    tokenizer = trained.run.tokenizer
    text: Calibration = calibration_tokens(words.data, trained.model, tokenizer, words.calibration_tokens)
    importance = importance_of(trained.model.config, mean_squares(trained.model, text.tokens))
    source = source_of_run(trained)
    record: dict[str, Any] = {"calibration": text.origin, "imatrix": None, "target_bpw": None}

    def ours(name: str, bits: float | None = None) -> Path:
        out = folder / f"{name}{bits or ''}.gguf"
        types = None if bits is None else target_types(trained, source, text.tokens, importance, bits)
        quantize_gguf(source, out, "target" if bits else name, importance, types=types, record=record)
        return out

    export_gguf(trained, folder / "f32.gguf")
    stock.quantize(folder / "f32.gguf", folder / "stock.gguf", importance)
    bits = bits_of(folder / "stock.gguf", parameters)
    yield "stock q4_k_m", folder / "stock.gguf", bits
    same = same_tensors(folder / "stock.gguf", ours("q4_k_m"))
    yield f"q4_k_m ({'the same bytes' if same else 'OTHER BYTES'})", folder / "q4_k_m.gguf", bits
    yield "--target-bpw", (found := ours("target", bits)), bits_of(found, parameters)
    for name in EVERY if words.also == "all" else filter(None, words.also.split(",")):
        asked = quantize_args(name)
        options = dict(zip(asked[::2], asked[1::2], strict=True))
        if is_folder(name):
            result = quantize_torch(
                trained,
                folder / name,
                options["--method"],
                bits=int(options["--bits"]),
                group=int(options.get("--group", 64)),
                calibrate=words.data,
                calibration_tokens=words.calibration_tokens,
                polish=int(options.get("--polish", 0)),
                target_bpw=None,
            )
            yield name, folder / name, result["bits_per_weight"]
        elif "--target-bpw" in options:
            found = ours("target", float(options["--target-bpw"]))
            yield name, found, bits_of(found, parameters)
        elif name != "q4_k_m":  # above already
            found = ours(name)
            yield name, found, bits_of(found, parameters)


def measure(reference: LanguageModel, path: Path, text: list[Document], tokens: int) -> dict[str, Any]:
    """KL divergence and rise of perplexity of a variant."""
    variant = open_model(path)
    variant.context = min(variant.context, reference.context)
    return measure_divergence(reference, variant, text, tokens).as_json()


def main() -> None:
    """One line a variant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True, help="the pack: calibration and held-out text")
    parser.add_argument("--library", type=Path, help="libllama.so with llama_model_quantize")
    parser.add_argument("--tokens", type=int, default=20_000, help="held-out tokens compared")
    parser.add_argument("--calibration-tokens", type=int, default=65_536)
    parser.add_argument(
        "--also", default="", help="further variants as a study names them, with commas; or all"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    stock = Stock(find_stock(words.library))
    documents = held_out(open_pack(words.data), 20 * words.tokens)
    # The domains in turn, so that each has its part of the tokens.
    text = [document for group in documents.values() for document in _first(group, words, len(documents))]
    rows: list[dict[str, Any]] = []
    for path in words.runs:
        trained = load_run(path)
        reference = TorchModel(trained, str(path))
        with tempfile.TemporaryDirectory() as folder:
            for name, file, bits in variants(trained, words, stock, Path(folder)):
                found = measure(reference, file, text, 2 * words.tokens)
                kl = found["mean_kl"]
                if name == "stock q4_k_m":
                    base = kl["value"]
                row = {
                    "run": path.name,
                    "variant": name,
                    "bits": bits,
                    "against_stock": kl["value"] / base - 1,
                }
                rows.append(row | found)
                if not words.json:
                    print(
                        f"{path.name:<16}{name:<34}{bits:7.3f} bits  KL {kl['value']:.6f} [{kl['low']:.6f}, "
                        f"{kl['high']:.6f}] ({100 * row['against_stock']:+.0f} %)  perplexity "
                        f"{100 * (found['perplexity_ratio']['value'] - 1):+.2f} %  ({found['tokens']:,} tokens)",
                        flush=True,
                    )
    if words.json:
        print(json.dumps(rows, indent=2))


def _first(group: list[Document], words: argparse.Namespace, domains: int) -> list[Document]:
    """Documents of a domain up to its share of the tokens, by four bytes a token; a long one is cut."""
    left, taken = 4 * words.tokens // domains, []
    for document in group:
        if left <= 0:
            break
        taken.append(Document(document.id, document.text[:left]))
        left -= len(document.text)
    return taken


if __name__ == "__main__":
    main()
