"""Compare three tokenizers on one Romanian text: tokens per word, bytes per token, and how words with diacritics are cut.

    python examples/compare_tokenizers.py [corpus.jsonl] [--with gpt2/tokenizer.json]

Without `--with`, three vocabularies of different sizes are trained on the corpus. Without a corpus, a few sentences are used.
"""

import argparse
import json
import tempfile
from pathlib import Path

import rotools

SENTENCES = [
    "Într-o dimineață de toamnă, copiii s-au dus la școală pe drumul de lângă pădure.",
    "Bunica le-a dat mere, pere și câteva felii de pâine cu miere.",
    "Învățătoarea i-a întrebat ce au văzut și ce au auzit pe drum.",
    "Țăranii strângeau fânul, iar câinii alergau după căruțe.",
    "N-am știut niciodată de ce râul acela își schimbă culoarea seara.",
    "Dintr-un sat de munte se văd orașul, câmpia și șoseaua cea nouă.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--with", dest="others", action="append", default=[], help="another tokenizer.json")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        corpus = arguments.corpus
        if corpus is None:
            corpus = Path(folder) / "sentences.jsonl"
            lines = [json.dumps({"text": text}, ensure_ascii=False) for text in SENTENCES]
            corpus.write_text("\n".join(lines), encoding="utf-8")
        sizes = [320] if arguments.others else [280, 320, 400]
        tokenizers = [rotools.Tokenizer.train(corpus, vocab_size=size) for size in sizes]
        tokenizers += [rotools.Tokenizer.load(path) for path in arguments.others]
        result = rotools.tokenizer_report(corpus, tokenizers)

    print(
        f"{'vocabulary':>10} {'tokens per word':>15} {'bytes per token':>15} {'whole words with ă â î ș ț':>27}"
    )
    for report in result.reports:
        whole = 100 * report["whole_diacritic_word_share"]
        print(
            f"{report['vocab_size']:>10,} {report['fertility']:>15.3f} {report['bytes_per_token']:>15.3f} {whole:>26.1f}%"
        )
    word = "învățătoarea"
    for tokenizer in tokenizers:
        pieces = [tokenizer.token(id).decode(errors="replace") for id in tokenizer.encode(word)]
        print(f"{len(tokenizer):>10,} {word}: {'|'.join(pieces)}")


if __name__ == "__main__":
    main()
