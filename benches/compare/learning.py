"""Training loss of runs by tokens read, as a picture for the docs.

python benches/compare/learning.py runs/llama-gqa-nano runs/mamba2-nano --out docs/log/learning.svg
"""

import argparse
from pathlib import Path

from rotrain.report.chart import Line, line_chart

from rotrain.report.charts import smoothed
from rotrain.report.results import read_runs

# A picture of its own has no page around it: it brings its colours, on white in any theme.
STYLE = (
    "<style>svg{font:11px system-ui,sans-serif;background:#fff}.mid{text-anchor:middle}.end{text-anchor:end}"
    ".grid{stroke:#ddd}</style>"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    words = parser.parse_args()
    lines = []
    for colour, run in enumerate(read_runs(words.runs)):
        points = [(m["tokens"], m["loss"]) for m in run.metrics if m.get("loss") is not None]
        losses = smoothed([loss for _, loss in points])
        lines.append(Line(run.name, [tokens for tokens, _ in points], losses, colour))
    drawn = line_chart(lines, "tokens", "training loss, nats a token (smoothed)")
    head, body = drawn.split(">", 1)
    words.out.write_text(f'{head} xmlns="http://www.w3.org/2000/svg">{STYLE}{body}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
