"""The models of a report: one variant of one architecture, with all its seeds."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rotrain.report.results import Cell, Json, Run
from rotrain.report.seeds import Comparison, Group, compare_groups, key_of


@dataclass(frozen=True)
class Model:
    """One variant of one architecture.

    Attributes:
        name: Name of the run without its seed.
        variant: `fp32` or the name of the quantization.
        key: What its runs have in common.
        cells: The runs and cells of its seeds, one for each seed.
    """

    name: str
    variant: str
    key: str
    cells: tuple[tuple[Run, Cell], ...]

    @property
    def label(self) -> str:
        """`llama-mha-nano q4_k_m`."""
        return f"{self.name} {self.variant}"

    def scores(self, domain: str) -> tuple[Json, ...]:
        """Return the scores of the seeds that were evaluated on a domain."""
        found = (cell.evaluation["text"].get(domain) for _, cell in self.cells if cell.evaluation)
        return tuple(score for score in found if score is not None)

    def middle(self, value: Callable[[Run, Cell], float | None]) -> float | None:
        """Return the median over the seeds of a figure; None where no seed has it."""
        values = [found for run, cell in self.cells if (found := value(run, cell)) is not None]
        return statistics.median(values) if values else None


def models_of(cells: Sequence[tuple[Run, Cell]]) -> list[Model]:
    """Return the models of a report, in the order of their first cells. A seed that is there twice counts once."""
    groups: dict[tuple[str, str], dict[object, tuple[Run, Cell]]] = {}
    for run, cell in cells:
        # A model of somebody else has no configuration and no seed.
        key = key_of(run.config) if run.config else run.name
        groups.setdefault((key, cell.variant), {}).setdefault(run.config.get("seed"), (run, cell))
    return [
        Model(_name(list(seeds.values())), variant, key, tuple(seeds.values()))
        for (key, variant), seeds in groups.items()
    ]


def compare_models(models: Sequence[Model], domain: str) -> Comparison:
    """Compare the models that were scored on a domain. A seed whose texts differ from the others' is left out."""
    groups = []
    for model in models:
        scores = model.scores(domain)
        alike = tuple(score for score in scores if score["by_unit"]["id"] == scores[0]["by_unit"]["id"])
        if alike:
            groups.append(Group(model.name, model.variant, model.key, alike))
    return compare_groups(groups)


def _name(cells: Sequence[tuple[Run, Cell]]) -> str:
    run = cells[0][0]
    return re.sub(r"-s\d+$", "", run.name) if len(cells) > 1 else run.name
