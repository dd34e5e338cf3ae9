"""Score a GGUF file on a text in bits per byte, with stock llama.cpp.

    python examples/score_gguf.py [model.gguf] [text.txt] [--out FOLDER]

Bits per byte do not depend on the tokenizer, so any two models can be compared. Without a model, a tiny one is trained as in
pack_and_train.py and exported. Without a text, a few sentences are scored.
"""

import argparse
import sys
from pathlib import Path

from pack_and_train import SENTENCES, train, write_corpus

import rotrain


def make_model(out: Path) -> Path:
    """Train and export a tiny model."""
    model = out / "model.gguf"
    if not model.exists():
        result = train(write_corpus(out / "corpus.jsonl"), out, steps=5, filter=False, dedup=False)
        rotrain.export(result.run, "gguf", model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("text", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path("example"))
    arguments = parser.parse_args()
    try:
        model = arguments.model or make_model(arguments.out)
        text = arguments.text
        if text is None:
            text = arguments.out / "sentences.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text("\n".join(SENTENCES), encoding="utf-8")
        result = rotrain.evaluate(model, text=[text], probes=[])
    except rotrain.RotrainError as error:  # for example: llama.cpp is not installed
        sys.exit(f"error: {error}\nhint: {error.hint}")
    for name, score in result.text.items():
        bits = score["bits_per_byte"]
        print(f"{name}: {bits['value']:.3f} bits per byte")
        if bits["low"] is not None:  # one window of text has no interval
            print(f"95 % interval: {bits['low']:.3f} to {bits['high']:.3f}")
    print(f"engine: {result.model['engine']}")


if __name__ == "__main__":
    main()
