"""BPE training, whole process: JSONL in, tokenizer.json out; rotools beside gigabpe and `tokenizers`.

All cut words by the pattern of GPT-2, the only byte-level one gigabpe has. gigabpe reads plain text, so it gets
the texts alone, made beforehand: it has no JSON to parse. `tokenizers` trains from an iterator over the JSONL.
Nobody normalizes.

    python benches/compare/train.py big.jsonl --peers PYTHON_WITH_PEERS [--hf-mb 64] [--check]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from encode import head
from measure import Contender, measure

GIGABPE = """
import sys, gigabpe
text, out, size = sys.argv[1:]
gigabpe.train_tokenizer([text], vocab_size=int(size), output=out, pretokenizer="bytelevel",
                        special_tokens=["<|endoftext|>"], threads=2)
"""
TOKENIZERS = """
import json, sys
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
text, out, size = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trainer = trainers.BpeTrainer(vocab_size=int(size), special_tokens=["<|endoftext|>"], show_progress=False,
                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
with open(text, encoding="utf-8") as lines:
    tokenizer.train_from_iterator((json.loads(line)["text"] for line in lines), trainer)
tokenizer.save(out)
"""


def main() -> None:
    """Measures, and with --check compares every merge with those of `tokenizers`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file")
    parser.add_argument("--vocab-size", type=int, default=40_000)
    parser.add_argument("--peers", default=sys.executable, help="a python that has gigabpe and tokenizers")
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--hf-mb", type=float, default=64, help="what tokenizers gets of the file; 0: nothing"
    )
    parser.add_argument(
        "--check", action="store_true", help="only compare the merges, on --hf-mb of the file"
    )
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=arguments.text.parent) as scratch:
        out, part, plain = Path(scratch, "t.json"), Path(scratch, "part.jsonl"), Path(scratch, "text.txt")
        part_mb = head(arguments.text, arguments.hf_mb * 1e6, part)
        size = str(arguments.vocab_size)

        def ours(text: Path) -> list[str]:
            options = ["--vocab-size", size, "--pattern", "gpt-2", "--no-normalize", "--out", str(out)]
            return [arguments.rotools, "tokenizer", "train", str(text), *options, "--threads", "2", "--quiet"]

        theirs = [arguments.peers, "-c", TOKENIZERS, str(part), str(out), size]
        if arguments.check:
            models = []
            for command in (ours(part), theirs):
                Contender("", command, part_mb).run()
                models.append(json.loads(out.read_text(encoding="utf-8"))["model"])
            for table in ("merges", "vocab"):
                assert models[0][table] == models[1][table], f"the {table} differ"
            print(f"{part_mb:.0f} MB: {len(models[0]['merges']):,} merges and the vocabulary are equal")
            return
        with arguments.text.open(encoding="utf-8") as lines, plain.open("w", encoding="utf-8") as texts:
            texts.writelines(json.loads(line)["text"] + "\n" for line in lines)
        whole = arguments.text.stat().st_size / 1e6
        gigabpe = [arguments.peers, "-c", GIGABPE, str(plain), str(out), size]
        contenders = [
            Contender("rotools", ours(arguments.text), whole),
            Contender("gigabpe", gigabpe, whole),
        ]
        if arguments.hf_mb:
            contenders.append(Contender("tokenizers", theirs, part_mb))
        measure(contenders, arguments.runs, rounds={"tokenizers": 1})


if __name__ == "__main__":
    main()
