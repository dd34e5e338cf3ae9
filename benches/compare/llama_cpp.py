"""Does llama.cpp cut text into the same ids? It reads the pattern by name, so this is the proof that it knows ours.

Writes a GGUF with the vocabulary, the rules, the name of the pattern, and a model of one layer with random weights
(llama.cpp serves no vocabulary alone), asks its server to tokenize documents, and compares with `tokenizers`.
Needs the packages gguf, xllamacpp and tokenizers.

    python benches/compare/llama_cpp.py corpus.jsonl --tokenizer tokenizer.json [--pattern llama-bpe] [--documents 2000]
"""

import argparse
import json
import sys
import tempfile
import urllib.request
from itertools import islice
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import xllamacpp
from tokenizers import Tokenizer

WIDTH, FFN, HEADS = 64, 64, 2


def write_gguf(tokenizer: dict[str, Any], pattern: str, path: Path) -> None:
    """The tokenizer, and the smallest model there is."""
    vocab = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].__getitem__)
    special = {token["content"] for token in tokenizer["added_tokens"]}
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(4096)
    out.add_embedding_length(WIDTH)
    out.add_block_count(1)
    out.add_feed_forward_length(FFN)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(vocab))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(pattern)
    out.add_token_list(vocab)
    kinds = gguf.TokenType
    out.add_token_types([kinds.CONTROL if token in special else kinds.NORMAL for token in vocab])
    out.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    out.add_eos_token_id(tokenizer["model"]["vocab"]["<|endoftext|>"])
    out.add_add_bos_token(False)
    rng = np.random.default_rng(0)
    shapes = {"token_embd": (len(vocab), WIDTH), "output_norm": (WIDTH,), "blk.0.attn_norm": (WIDTH,)}
    shapes |= {"blk.0.ffn_norm": (WIDTH,), "blk.0.ffn_gate": (FFN, WIDTH), "blk.0.ffn_up": (FFN, WIDTH)}
    shapes |= {"blk.0.ffn_down": (WIDTH, FFN)}
    shapes |= {f"blk.0.attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
    for name, shape in shapes.items():
        out.add_tensor(f"{name}.weight", rng.standard_normal(shape, np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main() -> None:
    """Compares document by document; the exit code is 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--pattern", default="llama-bpe")
    parser.add_argument("--documents", type=int, default=2000)
    arguments = parser.parse_args()
    oracle = Tokenizer.from_file(str(arguments.tokenizer))
    oracle.encode_special_tokens = True
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model.gguf")
        write_gguf(json.loads(arguments.tokenizer.read_text(encoding="utf-8")), arguments.pattern, path)
        params = xllamacpp.CommonParams()
        params.model.path, params.n_ctx, params.port, params.verbosity = str(path), 512, 0, -1
        server = xllamacpp.Server(params)
        documents = differ = compared = 0
        with arguments.text.open(encoding="utf-8") as lines:
            for record in map(json.loads, islice(lines, arguments.documents)):
                body = {"content": record["text"], "add_special": False, "parse_special": False}
                request = urllib.request.Request(
                    f"{server.listening_address}/tokenize",
                    json.dumps(body).encode(),
                    {"Content-Type": "application/json"},
                )
                with urllib.request.urlopen(request) as answer:
                    theirs = json.load(answer)["tokens"]
                documents += 1
                compared += len(theirs)
                if theirs != oracle.encode(record["text"]).ids:
                    differ += 1
                    print(f"{record['id']}: llama.cpp differs", file=sys.stderr)
    print(f"{documents} documents, {compared:,} ids from llama.cpp, {differ} documents differ")
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
