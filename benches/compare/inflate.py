"""Makes a large JSONL corpus out of a small one: documents again and again, each time with seeded edits.

A copy has its sentences in a new order, other digits in its numbers, and some of its names exchanged for new
ones (the first half of one name, the second half of another). So no copy is an exact duplicate, lines are
as long as real ones, and the vocabulary keeps growing, though less than that of as much real text: say so
beside a figure measured on it.

    python benches/compare/inflate.py --mb 512 --out big.jsonl [--corpus ../shared/corpus] [--seed 0]
"""

import argparse
import io
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=[A-ZĂÂÎȘȚŞŢ„«–-])")
# A capitalized word after a lower-case one: a name, not the first word of a sentence.
NAME = re.compile(r"(?<=[a-zăâîșțşţ,] )[A-ZĂÂÎȘȚŞŢ][a-zăâîșțşţ]{3,}")
NAMES_CHANGED = 0.5


def documents(folder: Path, *names: str) -> Iterator[dict[str, str]]:
    """The records of the named parts of the corpus, in order: NAME.jsonl or NAME.jsonl.zst."""
    for name in names:
        paths = [path for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.zst") if path.exists()]
        if not paths:
            sys.exit(f"error: {folder} has no {name}.jsonl (nor .zst)\nhint: name the folder with --corpus")
        path = paths[0]
        if path.suffix == ".zst":
            import pyarrow as pa

            raw = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
            lines: io.TextIOBase = io.TextIOWrapper(raw, encoding="utf-8", newline="\n")
        else:
            lines = path.open(encoding="utf-8", newline="\n")
        with lines:
            yield from map(json.loads, lines)


class Editor:
    """Edits one document after another; the same seed gives the same copies."""

    def __init__(self, seed: int, names: list[str]) -> None:
        self.rng = random.Random(seed)
        self.names = names

    def _name(self, match: re.Match[str]) -> str:
        name = match.group()
        if self.rng.random() >= NAMES_CHANGED:
            return name
        other = self.names[int(self.rng.random() * len(self.names))]
        return name[: len(name) // 2] + other[len(other) // 2 :]

    def edit(self, text: str) -> str:
        """A copy of `text` that says something else in the same words."""
        digits = "".join(self.rng.sample("0123456789", 10))
        paragraphs = text.translate(str.maketrans("0123456789", digits)).split("\n")
        for number, paragraph in enumerate(paragraphs):
            sentences = SENTENCE.split(NAME.sub(self._name, paragraph))
            self.rng.shuffle(sentences)
            paragraphs[number] = " ".join(sentences)
        return "\n".join(paragraphs)


def main() -> None:
    """Writes the copies, the unedited corpus first, until the file has `--mb` megabytes (10^6 bytes)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mb", type=float, required=True, help="size of the file to write, in 10^6 bytes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    originals = list(documents(arguments.corpus, "web", "books"))
    names = sorted({name for record in originals for name in NAME.findall(record["text"])})
    editor = Editor(arguments.seed, names)
    size, copy, goal = 0, 0, arguments.mb * 1e6
    with arguments.out.open("wb") as out:
        while size < goal:
            for record in originals:
                text = editor.edit(record["text"]) if copy else record["text"]
                copied = {**record, "id": f"{record['id']}~{copy}", "text": text}
                size += out.write((json.dumps(copied, ensure_ascii=False) + "\n").encode())
                if size >= goal:
                    break
            copy += 1
    print(
        f"{arguments.out}: {size / 1e6:.0f} MB, {copy} passes over {len(originals)} documents, seed {arguments.seed}"
    )


if __name__ == "__main__":
    main()
