"""The table of all cells, once as rows of figures, and as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rotrain.report.groups import compare_models, engines_of, models_of
from rotrain.report.results import TRAINED, Cell, Json, Run

MIB = 1 << 20
NONE = "–"
"""The sign of a cell without a figure, in every form but CSV."""
WHY_NONE = "not measured, or there is none: a baseline without a network has no weights, and a model before its quantization has no KL"


@dataclass(frozen=True)
class Column:
    """A column: its heading, what it means, and its text in a row ('' where nothing was measured).

    `brief`: it has a place where there are 90 characters a line. `cost`: it is about size, speed or memory, and not about quality; None for the
    names.
    """

    name: str
    title: str
    text: Callable[[Row], str]
    brief: bool = False
    cost: bool | None = False


@dataclass(frozen=True)
class Row:
    """A cell with its run and its rank in each domain."""

    run: Run
    cell: Cell
    ranks: dict[str, int]

    @property
    def text(self) -> Json:
        """Scores by domain."""
        return self.cell.evaluation["text"] if self.cell.evaluation else {}

    @property
    def against(self) -> Json | None:
        """Divergence from the trained model."""
        return self.cell.evaluation["against"] if self.cell.evaluation else None

    @property
    def context(self) -> int | None:
        """Tokens of a window of the evaluation; results of older versions do not have them."""
        found: int | None = (self.cell.evaluation or {}).get("conventions", {}).get("context")
        return found

    @property
    def grammar(self) -> Json | None:
        """Scores of the minimal pairs."""
        found: Json | None = (self.cell.evaluation or {}).get("probes", {}).get("grammar")
        return found

    @property
    def file_bytes(self) -> float | None:
        """Bytes on the disk; of a trained model its fp32 weights."""
        if self.cell.artifact:
            return float(self.cell.artifact["file_bytes"])
        return 4.0 * self.run.parameters if self.cell.variant == TRAINED else None

    @property
    def bits_per_weight(self) -> float | None:
        """Real bits, scales included."""
        if self.cell.artifact:
            bits = self.cell.artifact["bits_per_weight"]
            return None if bits is None else float(bits)
        return 32.0 if self.cell.variant == TRAINED else None

    @property
    def engine(self) -> str:
        """What computed it when it was timed: speeds of two engines tell of the engines."""
        return str(self.cell.bench[0]["engine"]) if self.cell.bench else ""

    @property
    def speeds(self) -> dict[int, float]:
        """Median tokens decoded a second by depth; empty where nothing was timed, or the machine was not quiet."""
        rows = [row for row in self.cell.bench if not row["contended"]]
        return {int(k): v["tokens_per_s"]["median"] for k, v in rows[0]["decode"].items()} if rows else {}

    @property
    def disturbed(self) -> bool:
        """Other programs used the machine while it was timed, so its speed takes part in no comparison."""
        return bool(self.cell.bench) and all(row["contended"] for row in self.cell.bench)

    @property
    def speed(self) -> float | None:
        """The same with an empty context."""
        return self.speeds.get(0)

    @property
    def speed_text(self) -> str:
        """The same for the table. A disturbed figure is marked with ~: it is likely too low, and nothing is concluded from it."""
        if not self.cell.bench:
            return ""
        return f"{self._mark}{self._timed['decode']['0']['tokens_per_s']['median']:.0f}"

    @property
    def first_token_text(self) -> str:
        """Median milliseconds to the first token of a loaded model, and the tokens of the prompt."""
        if not self.cell.bench:
            return ""
        seconds, tokens = self._timed["ttft_warm_s"]["median"], self._timed.get("ttft_prompt_tokens")
        return f"{self._mark}{1000 * seconds:.1f}" + (f" ({tokens} tokens)" if tokens else "")

    @property
    def _timed(self) -> Json:
        return next((row for row in self.cell.bench if not row["contended"]), self.cell.bench[0])

    @property
    def _mark(self) -> str:
        return "~" if self.disturbed else ""

    @property
    def peak_bytes(self) -> float | None:
        """Peak memory of the process."""
        return float(self.cell.bench[0]["memory"]["peak_bytes"]) if self.cell.bench else None


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """All cells in the order of the runs. A row has the rank of its model, over all seeds, in each domain."""
    cells = [(run, cell) for run in runs for cell in run.cells]
    models = models_of(cells)
    ranks: dict[tuple[str, str], dict[str, int]] = {}
    for domain in domains(runs):
        for engine in engines_of(models, domain):
            found = compare_models(models, domain, engine)
            for group, place in zip(found.groups, found.ranks, strict=True):
                if place is not None:
                    ranks.setdefault((group.key, group.variant), {})[domain] = place
    keys = {id(cell): (model.key, model.variant) for model in models for _, cell in model.cells}
    return [Row(run, cell, ranks.get(keys.get(id(cell), ("", "")), {})) for run, cell in cells]


def domains(runs: Sequence[Run]) -> list[str]:
    """Domains any cell was scored on, in their order."""
    names = [
        name for run in runs for cell in run.cells if cell.evaluation for name in cell.evaluation["text"]
    ]
    return list(dict.fromkeys(names))


def columns(runs: Sequence[Run]) -> list[Column]:
    """The columns for which there is a figure."""
    every = [
        Column("model", "name of the run", lambda row: row.run.name, brief=True, cost=None),
        Column("variant", "precision of the weights", lambda row: row.cell.variant, brief=True, cost=None),
        Column(
            "parameters",
            "a tied matrix counts once",
            lambda row: "" if row.run.counts else f"{row.run.parameters / 1e6:.1f} M",
            cost=True,
        ),
        Column(
            "bits", "bits per weight, with scales", lambda row: _number(row.bits_per_weight, 2), cost=True
        ),
        Column("MiB", "size of the file", lambda row: _number(row.file_bytes, 1, MIB), brief=True, cost=True),
    ]
    every.append(
        Column(
            "scored in",
            "engine of the scores; ranks and differences are within one",
            lambda row: "" if row.run.counts else row.cell.engine,
        )
    )
    for domain in domains(runs):
        every += [
            Column(f"{domain} bits/byte", "lower is better; 95 % interval", _bits(domain), brief=True),
            Column(
                f"{domain} rank",
                "over the seeds, within one engine; equal: cannot be told apart; none below three seeds",
                _place(domain),
                brief=True,
            ),
            Column(
                f"{domain} median",
                "bits/byte of the document in the middle: no long document moves it",
                _median(domain),
            ),
        ]
    every += [
        Column(
            "KL",
            "nats per token from the model before quantization, in the same engine; 0 is equal",
            _divergence("mean_kl", 4),
        ),
        Column("same top", "share of equal first choices", _divergence("same_top", 3)),
        Column("grammar", "share of right pairs; chance is 50 %", _grammar),
        Column("timed in", "engine of the next columns", lambda row: row.engine, brief=True, cost=True),
        Column(
            "decode tok/s",
            "median, empty context; ~: disturbed",
            lambda row: row.speed_text,
            brief=True,
            cost=True,
        ),
        Column(
            "first token ms",
            "median, loaded model (tokens of the prompt)",
            lambda row: row.first_token_text,
            cost=True,
        ),
        Column(
            "peak MiB",
            "peak memory of the process",
            lambda row: _number(row.peak_bytes, 0, MIB),
            brief=True,
            cost=True,
        ),
    ]
    rows = rows_of(runs)
    return [column for column in every if any(column.text(row) for row in rows)]


def as_text(heads: Sequence[Column], rows: Sequence[Row]) -> str:
    """For a terminal: the brief columns in line, names to the left and figures to the right."""
    brief = [column for column in heads if column.brief]
    table = [
        [column.name for column in brief],
        *([column.text(row) or NONE for column in brief] for row in rows),
    ]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in table
    )
    return "\n".join(line.rstrip() for line in lines) + "\n"


def as_markdown(heads: Sequence[Column], rows: Sequence[Row]) -> str:
    """For a README."""
    lines = ["| " + " | ".join(column.name for column in heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(column.text(row) or NONE for column in heads) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def as_csv(heads: Sequence[Column], rows: Sequence[Row]) -> str:
    """For a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in heads])
    writer.writerows([[column.text(row) for column in heads] for row in rows])
    return out.getvalue()


def _number(value: float | None, digits: int, unit: float = 1) -> str:
    return "" if value is None else f"{value / unit:.{digits}f}"


def _bits(domain: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        if domain not in row.text:
            return ""
        found = row.text[domain]["bits_per_byte"]
        if found["low"] is None:
            return f"{found['value']:.3f} (one unit: no interval)"
        return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"

    return text


def _median(domain: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        score = row.text.get(domain, {})
        units = score.get("by_unit")
        # The windows of one document are no documents.
        if units is None or len(units["bytes"]) < 2 or score.get("unit", "document") != "document":
            return ""
        bits = [
            nats / size / math.log(2)
            for nats, size in zip(units["nats"], units["bytes"], strict=True)
            if size
        ]
        return f"{statistics.median(bits):.3f}" if bits else ""

    return text


def _place(domain: str) -> Callable[[Row], str]:
    return lambda row: str(row.ranks.get(domain, ""))


def _divergence(key: str, digits: int) -> Callable[[Row], str]:
    return lambda row: "" if row.against is None else _number(row.against[key]["value"], digits)


def _grammar(row: Row) -> str:
    return "" if row.grammar is None else f"{100 * row.grammar['accuracy']['value']:.1f} %"
