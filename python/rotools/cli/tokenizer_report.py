"""`rotools tokenizer report` for people: tokenizers side by side, on a terminal in tables."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]


def _share(key: str) -> Callable[[Figures], str]:
    return lambda figures: f"{100 * figures[key]:.1f} %"


ROWS: list[tuple[str, Callable[[Figures], str]]] = [
    ("tokens per word (fertility)", lambda figures: f"{figures['fertility']:.3f}"),
    ("bytes per token", lambda figures: f"{figures['bytes_per_token']:.3f}"),
    ("vocabulary used", _share("vocabulary_used")),
    ("tokens of one byte", _share("single_byte_share")),
    ("words kept whole", _share("whole_word_share")),
    ("words with ă â î ș ț kept whole", _share("whole_diacritic_word_share")),
    ("clitic forms cut cleanly", _share("clean_clitic_share")),
    ("  hyphen with what follows: s|-a", lambda figures: f"{figures['hyphen_right']:,}"),
    ("  hyphen with what precedes: s-|a", lambda figures: f"{figures['hyphen_left']:,}"),
    ("  hyphen alone: s|-|a", lambda figures: f"{figures['hyphen_alone']:,}"),
]


def show(reports: list[Figures], examples: int) -> None:
    """Print the totals, one line for each source if there are several, and the most frequent cuts."""
    console = Console(highlight=False)
    table = Table(title="what the tokenizers do")
    table.add_column("")
    for report in reports:
        table.add_column(
            f"{report['tokenizer']}\n{report['vocab_size']:,} ({report['pattern']})", justify="right"
        )
    for name, value in ROWS:
        table.add_row(name, *(value(report) for report in reports))
    console.print(table)

    if len(reports[0]["sources"]) > 1:
        sources = Table(title="tokens per word | bytes per token | words with ă â î ș ț kept whole")
        sources.add_column("source")
        for report in reports:
            sources.add_column(report["tokenizer"], justify="right")
        for index, (name, _) in enumerate(reports[0]["sources"]):
            cells = (report["sources"][index][1] for report in reports)
            sources.add_row(
                name, *(" | ".join(ROWS[row][1](figures) for row in (0, 1, 5)) for figures in cells)
            )
        console.print(sources)

    for title, key in [("split most often", "split_words"), ("clitic forms", "clitic_forms")]:
        cuts = Table(title=f"{title} (times)")
        for report in reports:
            cuts.add_column(report["tokenizer"])
        for row in range(min(examples, max(len(report[key]) for report in reports))):
            cells = ([*report[key], *[["", 0]] * examples][row] for report in reports)
            cuts.add_row(*(f"{cut}  ({count:,})" if cut else "" for cut, count in cells))
        if cuts.row_count:
            console.print(cuts)
