"""The models of a report: one variant of one architecture, with all its seeds."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rotrain.report.results import NO_ENGINE, Cell, Json, Run
from rotrain.report.seeds import Comparison, Group, compare_groups, key_of

Scored = tuple[Run, Cell, Json]
"""A seed, and its scores of one domain."""


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
    def counts(self) -> bool:
        """Whether it is a baseline without a network."""
        return self.cells[0][0].counts

    @property
    def label(self) -> str:
        """`llama-mha-nano q4_k_m`."""
        return f"{self.name} {self.variant}"

    def scores(self, domain: str) -> tuple[Json, ...]:
        """Return the scores of the seeds that were evaluated on a domain."""
        return tuple(score for _, _, score in self.scored(domain))

    def scored(self, domain: str) -> list[Scored]:
        """Return the seeds that were evaluated on a domain, with their scores."""
        return [
            (run, cell, cell.evaluation["text"][domain])
            for run, cell in self.cells
            if cell.evaluation and domain in cell.evaluation["text"]
        ]

    def median(self, value: Callable[[Run, Cell], float | None]) -> float | None:
        """Return the median over the seeds of a figure; None where no seed has it."""
        values = [found for run, cell in self.cells if (found := value(run, cell)) is not None]
        return statistics.median(values) if values else None


def models_of(cells: Sequence[tuple[Run, Cell]]) -> list[Model]:
    """Return the models of a report, in the order of their first cells. A seed that is there twice counts once."""
    groups: dict[tuple[str, str], dict[object, tuple[Run, Cell]]] = {}
    for run, cell in cells:
        # A model of somebody else has no configuration and no seed.
        key = key_of(run.config, run.data["manifest_sha256"]) if run.config else str(run.path)
        groups.setdefault((key, cell.variant), {}).setdefault(run.config.get("seed", 0), (run, cell))
    return [
        Model(_name(list(seeds.values())), variant, key, tuple(seeds.values()))
        for (key, variant), seeds in groups.items()
    ]


def engines_of(models: Sequence[Model], domain: str) -> list[str]:
    """Return the engines that scored a domain, in the order of the models. Baselines without a network have none."""
    found = [cell.engine for model in models for _, cell, _ in model.scored(domain)]
    return [engine for engine in dict.fromkeys(found) if engine != NO_ENGINE] or found[:1]


def compare_models(models: Sequence[Model], domain: str, engine: str) -> Comparison:
    """Compare the models that one engine scored on a domain. Runs that `left_out` names take no part.

    Two engines round differently, and their variants are made from different files, so a difference between engines would not be one of the
    models. Baselines without a network are added to the models of every engine.
    """
    groups = []
    for model in models:
        if model.cells[0][1].engine not in (engine, NO_ENGINE):
            continue
        kept, _ = _by_texts(model.scored(domain))
        if kept:
            seeds = tuple(run.config.get("seed", 0) for run, _, _ in kept)
            scores = tuple(score for _, _, score in kept)
            groups.append(Group(model.name, model.variant, model.key, scores, seeds))
    return compare_groups(groups)


def left_out(models: Sequence[Model], domain: str) -> list[str]:
    """Return the names of the runs whose texts differ from those of most seeds of their model.

    A mean over seeds is of the same documents. `evaluate --max-bytes` with another number scores others.
    """
    return [cell.name for model in models for _, cell, _ in _by_texts(model.scored(domain))[1]]


def _by_texts(scored: Sequence[Scored]) -> tuple[list[Scored], list[Scored]]:
    """Return the seeds with the commonest ids of documents (of equally many, those of the first), and the others."""
    texts = [tuple(score["by_unit"]["id"]) for _, _, score in scored]
    commonest = max(dict.fromkeys(texts), key=texts.count, default=())
    kept = [one for one, ids in zip(scored, texts, strict=True) if ids == commonest]
    return kept, [one for one, ids in zip(scored, texts, strict=True) if ids != commonest]


def _name(cells: Sequence[tuple[Run, Cell]]) -> str:
    run = cells[0][0]
    return re.sub(r"-s\d+$", "", run.name) if len(cells) > 1 else run.name
