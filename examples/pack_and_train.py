"""Pack a corpus, train a small model on it, and let it write.

    python examples/pack_and_train.py [corpus.jsonl] [--out FOLDER] [--steps 30]

Without a corpus, a few sentences are repeated in a random order. The model then learns these sentences, and no Romanian.
"""

import argparse
import json
import random
from pathlib import Path

import rotools
import rotrain

SENTENCES = [
    "A fost odată ca niciodată un împărat care avea trei fete frumoase.",
    "Fata cea mică și-a luat rămas-bun și a plecat în pădurea deasă.",
    "Moșneagul îi zise: „Țara-i mare, dar drumul e lung!” și tăcu.",
    "Copiii s-au jucat toată ziua în curtea școlii, lângă fântână.",
    "Prețul pâinii a crescut cu cinci la sută față de anul trecut.",
]


def write_corpus(file: Path) -> Path:
    """Write 400 documents of six sentences each."""
    draw = random.Random(0)
    lines = [json.dumps({"text": " ".join(draw.choices(SENTENCES, k=6))}) for _ in range(400)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def train(corpus: Path, out: Path, steps: int, **pack_options: bool) -> rotrain.FitResult:
    """Pack a corpus into OUT/pack, if it is not there, and train OUT/run on it."""
    if not (out / "pack").exists():
        rotools.pack(corpus, out / "pack", vocab_size=400, valid_share=0.2, **pack_options)
    settings = {"context": 128, "batch.sequences": 8, "optim.lr": 0.01, "evaluation.sample_tokens": 40}
    return rotrain.fit(
        arch="llama-gqa", size="nano", data=out / "pack", out=out / "run", steps=steps, settings=settings
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path("example"))
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.corpus is None:  # its documents repeat each other, so nothing is removed
        corpus, options = write_corpus(arguments.out / "corpus.jsonl"), {"filter": False, "dedup": False}
    else:
        corpus, options = arguments.corpus, {}
    result = train(corpus, arguments.out, arguments.steps, **options)
    for phase, score in result.eval.items():
        print(f"{phase}: {score['bpb']:.3f} bits per byte of held-out text after {result.steps} steps")
    print(rotrain.generate(result.run, "A fost odată", max_tokens=40, temperature=0))


if __name__ == "__main__":
    main()
