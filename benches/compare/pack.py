"""`rotools pack`, all stages, whole process, with a given tokenizer: MB/s and peak memory as the input grows.

There is no peer that does the whole road; the question is whether memory stays where it is.

    python benches/compare/inflate.py --mb 4000 --out big.jsonl
    python benches/compare/pack.py big.jsonl --tokenizer tokenizer.json --mb 1000 2000 4000
"""

import argparse
import sys
import tempfile
from pathlib import Path

from measure import Contender, head, measure


def main() -> None:
    """Measures `pack` by default on the smallest size, and without filter and near-duplicates on all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--mb", type=float, nargs="+", default=[1000, 2000, 4000], help="of its beginning")
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=arguments.text.parent) as folder:
        shared = [arguments.rotools, "pack", "--quiet", "--force", "--tokenizer", str(arguments.tokenizer)]
        shared += ["--out", f"{folder}/pack"]
        sizes = sorted(arguments.mb)
        texts = [str(head(arguments.text, megabytes, Path(folder))) for megabytes in sizes]
        # The first is the whole of the default road. Inflated text is made of near copies, so their loss is accepted.
        name, command = f"{sizes[0]:.0f}, default", [*shared, "--accept-loss", texts[0]]
        contenders = [Contender(name, command, sizes[0])]
        for megabytes, text in zip(sizes, texts, strict=True):
            command = [*shared, "--no-filter", "--preset", "exact", text]
            contenders.append(Contender(f"{megabytes:.0f}", command, megabytes))
        measure(contenders, arguments.runs)


if __name__ == "__main__":
    main()
