"""Encoding, whole process: JSONL in, u16 file out, cold, two threads; rotools beside gigatoken and tokenizers.

Everybody reads the same file and writes the same ids. gigatoken gets the road its manual calls the fastest
(`JsonlFileSource` and `encode_files`) and need not write `<|endoftext|>` between documents, as rotools does;
`tokenizers` gets its fast batches and, being slow, the first `--hf-mb` of the file. `--check` compares the ids.

    python benches/compare/inflate.py --mb 512 --out big.jsonl
    python benches/compare/encode.py big.jsonl --tokenizer tokenizer.json --peers PYTHON_WITH_PEERS
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import Contender, measure

GIGATOKEN = """
import sys, numpy as np, awkward as ak, gigatoken as gt
text, tokenizer, out = sys.argv[1:]
ids = gt.Tokenizer(tokenizer).encode_files(gt.JsonlFileSource([text]))
np.asarray(ak.flatten(ids)).astype(np.uint16).tofile(out)
"""
TOKENIZERS = """
import json, sys, numpy as np
from itertools import islice
from tokenizers import Tokenizer
text, tokenizer, out = sys.argv[1:]
tokenizer = Tokenizer.from_file(tokenizer)
tokenizer.encode_special_tokens = True
eos = np.array([tokenizer.token_to_id("<|endoftext|>")], np.uint16)
with open(text, encoding="utf-8") as lines, open(out, "wb") as ids:
    while batch := [json.loads(line)["text"] for line in islice(lines, 2000)]:
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            ids.write(np.array(encoding.ids, np.uint16).tobytes() + eos.tobytes())
"""


def head(path: Path, size: float, out: Path) -> float:
    """The first whole lines of `path`, at most `size` bytes; how many megabytes they are."""
    with path.open("rb") as lines, out.open("wb") as part:
        for line in lines:
            if part.tell() + len(line) > size:
                break
            part.write(line)
        return part.tell() / 1e6


def main() -> None:
    """Measures, and with --check compares every id first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file, best of 500 MB or more")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--peers", default=sys.executable, help="a python that has gigatoken and tokenizers")
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--hf-mb", type=float, default=32, help="what tokenizers gets of the file; 0: nothing"
    )
    parser.add_argument(
        "--check", action="store_true", help="only compare the ids of all three, all of --hf-mb"
    )
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=arguments.text.parent) as scratch:
        out, part = Path(scratch, "tokens.bin"), Path(scratch, "part.jsonl")
        part_mb = head(arguments.text, arguments.hf_mb * 1e6, part)
        files = [str(arguments.tokenizer), str(out)]

        def ours(text: Path) -> list[str]:
            options = ["--tokenizer", files[0], "--out", files[1], "--threads", "2", "--quiet"]
            return [arguments.rotools, "tokenizer", "encode", str(text), *options]

        def peer(code: str, text: Path) -> list[str]:
            return [arguments.peers, "-c", code, str(text), *files]

        if arguments.check:
            ids = {}
            for name, command in [
                ("rotools", ours(part)),
                ("tokenizers", peer(TOKENIZERS, part)),
                ("gigatoken", peer(GIGATOKEN, part)),
            ]:
                Contender(name, command, part_mb).run()
                ids[name] = np.fromfile(out, np.uint16)
            assert np.array_equal(ids["rotools"], ids["tokenizers"]), "rotools and tokenizers differ"
            without_ends = ids["rotools"][ids["rotools"] != 0]
            assert np.array_equal(without_ends, ids["gigatoken"]), "rotools and gigatoken differ"
            print(f"{part_mb:.0f} MB: {len(ids['rotools']):,} ids, equal in all three")
            return
        size = arguments.text.stat().st_size / 1e6
        contenders = [
            Contender("rotools", ours(arguments.text), size),
            Contender("gigatoken", peer(GIGATOKEN, arguments.text), size),
        ]
        if arguments.hf_mb:
            contenders.append(Contender("tokenizers", peer(TOKENIZERS, part), part_mb))
        measure(contenders, arguments.runs, rounds={"tokenizers": 1})


if __name__ == "__main__":
    main()
