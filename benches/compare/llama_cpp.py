"""Does llama.cpp cut text into the same ids? It knows patterns by name, so this is the proof that it knows ours.

Exports a model with the tokenizer and random weights (llama.cpp loads no vocabulary alone), cuts documents with both,
and compares with `tokenizers`. Needs the extras `gguf` and `dev`.

    python benches/compare/llama_cpp.py corpus.jsonl --tokenizer tokenizer.json [--mb 1]
"""

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

from rotrain.data.tokenizer import Tokenizer
from rotrain.exporters.gguf.export import export_gguf, text_encoder
from rotrain.llamacpp import LlamaCpp
from rotrain.models.decoder import Decoder
from rotrain.models.presets import model_config
from rotrain.run.directory import RunDirectory
from rotrain.run.load import TrainedModel


def main() -> None:
    """Compares document by document; the exit code is 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file, plain, .gz or .zst")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--mb", type=float, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "tokenizer.json").write_bytes(arguments.tokenizer.read_bytes())
        tokenizer = Tokenizer(folder / "tokenizer.json")
        model = Decoder(model_config("llama-mha", "nano", vocab_size=tokenizer.vocab_size))
        model.init_weights(0)
        export_gguf(
            TrainedModel(RunDirectory(folder), 0, model.eval(), tokenizer, 0, [], ""), folder / "model.gguf"
        )
        oracle = text_encoder(folder / "tokenizer.json")
        documents = differ = ids = size = 0
        raw = pa.input_stream(str(arguments.text), compression="detect")
        with LlamaCpp(folder / "model.gguf", context=16) as theirs:
            for record in map(json.loads, io.TextIOWrapper(raw, encoding="utf-8")):
                expected = oracle.encode(record["text"], add_special_tokens=False).ids
                documents, ids, size = documents + 1, ids + len(expected), size + len(record["text"].encode())
                if theirs.tokenize(record["text"]) != expected:
                    differ += 1
                    print(f"{record.get('id')}: llama.cpp differs", file=sys.stderr)
                if size > arguments.mb * 1e6:
                    break
    print(f"{documents} documents, {size:,} bytes, {ids:,} ids, {differ} documents differ")
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
