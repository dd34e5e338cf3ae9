"""`rotools pack`, all stages, whole process, with a given tokenizer: MB/s and peak memory as the input grows.

There is no peer that does the whole road; the question is whether memory stays where it is.

    python benches/compare/inflate.py --mb 1000 --out big.jsonl
    python benches/compare/pack.py big.jsonl --tokenizer tokenizer.json --times 1 2 4
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from measure import Contender, measure


def main() -> None:
    """Measures `pack` by default, and without filter and duplicates on the file 1, 2, 4 ... times over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path, help="a JSONL file, best of 1 GB")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rotools", default=str(Path(sys.executable).with_name("rotools")))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()

    megabytes = arguments.text.stat().st_size / 1e6
    with tempfile.TemporaryDirectory(dir=arguments.text.parent) as folder:
        shared = [arguments.rotools, "pack", "--quiet", "--force", "--tokenizer", str(arguments.tokenizer)]
        shared += ["--out", f"{folder}/pack"]
        # The first is the whole of the default road. Inflated text is made of near copies, so their loss is accepted.
        contenders = [Contender("1x, default", [*shared, "--accept-loss", str(arguments.text)], megabytes)]
        for times in arguments.times:
            inputs = [str(arguments.text)] * times
            contenders.append(
                Contender(f"{times}x", [*shared, "--no-filter", "--no-dedup", *inputs], megabytes * times)
            )
        measure(contenders, arguments.runs)
        shutil.rmtree(f"{folder}/pack", ignore_errors=True)


if __name__ == "__main__":
    main()
