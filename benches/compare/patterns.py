"""Which pre-tokenizer pattern suits Romanian: one tokenizer for each, measured on documents it has not seen.

Of web and books each, every document whose id hashes to one in ten is held out. Prints a Markdown table.

    python benches/compare/patterns.py [--corpus ../shared/corpus] [--vocab-size 40000]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from inflate import documents

PARTS = ("web", "books")
PATTERNS = ("gpt-2", "llama-bpe", "qwen2")
ROWS = (
    ("tokens a word", "fertility", "{:.4f}"),
    ("bytes a token", "bytes_per_token", "{:.4f}"),
    ("vocabulary used", "vocabulary_used", "{:.1%}"),
    ("words kept whole", "whole_word_share", "{:.2%}"),
    ("words with ă â î ș ț kept whole", "whole_diacritic_word_share", "{:.2%}"),
    ("clitic forms cut cleanly", "clean_clitic_share", "{:.2%}"),
    ("hyphen a token of its own", "hyphen_alone", "{:,}"),
)


def main() -> None:
    """Splits, trains, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--vocab-size", type=int, default=40_000)
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        train, held_out = Path(scratch, "train.jsonl"), [Path(scratch, f"{name}.jsonl") for name in PARTS]
        with train.open("w", encoding="utf-8") as rest:
            for name, path in zip(PARTS, held_out, strict=True):
                with path.open("w", encoding="utf-8") as held:
                    for record in documents(arguments.corpus, name):
                        out = held if zlib.crc32(record["id"].encode()) % 10 == 0 else rest
                        out.write(json.dumps(record, ensure_ascii=False) + "\n")
        tokenizers = [Path(scratch, f"{pattern}.json") for pattern in PATTERNS]
        for pattern, tokenizer in zip(PATTERNS, tokenizers, strict=True):
            size = str(arguments.vocab_size)
            options = ["--pattern", pattern, "--vocab-size", size, "--out", str(tokenizer), "--quiet"]
            subprocess.run([arguments.rotools, "tokenizer", "train", str(train), *options], check=True)
        against = [word for tokenizer in tokenizers[1:] for word in ("--against", str(tokenizer))]
        command = [arguments.rotools, "tokenizer", "report", *map(str, held_out), "--json", "--quiet"]
        command += ["--tokenizer", str(tokenizers[0]), *against]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    reports = json.loads(done.stdout)["reports"]
    for index, name in enumerate(PARTS):
        figures = [report["sources"][index][1] for report in reports]
        print(f"\n| held-out {name}, {figures[0]['bytes'] / 1e6:.1f} MB | {' | '.join(PATTERNS)} |")
        print("|---|" + "---|" * len(PATTERNS))
        for title, key, form in ROWS:
            print(f"| {title} | {' | '.join(form.format(figure[key]) for figure in figures)} |")


if __name__ == "__main__":
    main()
