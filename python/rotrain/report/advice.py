"""The answer of a report in plain words: which model to use, why, and what the data cannot tell."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from rotrain.evaluation.text import HEAVY
from rotrain.report.groups import Model, compare_models, engines_of, left_out
from rotrain.report.results import Cell, Run
from rotrain.report.seeds import MIN_DIFFERENCE, MIN_SEEDS, TARGET_DIFFERENCE, Comparison, Group
from rotrain.report.table import MIB, Row

NEAR = 0.02
"""Relative difference in bits per byte that a user accepts for a smaller or faster model."""
FEW_DOCUMENTS = 30
MOST_NAMES = 4


@dataclass(frozen=True)
class Answer:
    """The answer for one domain.

    Args:
        headline: The recommendation, one sentence.
        reasons: Sentences with the figures behind it.
        cautions: Sentences that say what the data cannot tell.
    """

    headline: str
    reasons: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """All of it, in order."""
        return [self.headline, *self.reasons, *self.cautions]


def advice(rows: Sequence[Row], models: Sequence[Model], domain: str) -> Answer | None:
    """Answer "which model should I use?" for the text of one domain.

    The recommendation is the fastest timed model within 2 % of the best bits per byte; without timings it is the smallest file
    within 2 %, and without files the best model. A model is one variant of one architecture, with all its seeds.

    Args:
        rows: All runs and variants.
        models: The same, grouped.
        domain: The name of the text, for example `web`.

    Returns:
        The answer, or None if no model was evaluated on this domain.
    """
    baselines = [model for model in models if model.counts and model.scores(domain)]
    rows = [row for row in rows if not row.run.counts]
    models = [model for model in models if not model.counts]
    # Bits per byte of two engines are not compared: the engine that timed most of the models is asked.
    engine = _engine_of(models, domain)
    found = compare_models(models, domain, engine)
    if not found.groups:
        return None
    by_key = {(model.key, model.variant): model for model in models}
    scored = [by_key[group.key, group.variant] for group in found.groups]
    best, lowest = scored[0], found.groups[0].mean
    near = [
        model for model, group in zip(scored, found.groups, strict=True) if group.mean <= lowest * (1 + NEAR)
    ]
    # Speeds of two engines compare the engines: only one engine is asked, the one that timed most.
    timed_in = _engine(near)
    timed = [model for model in near if _speed(model, timed_in) is not None]
    sized = [model for model in near if model.median(_size) is not None]
    if timed:
        use = max(timed, key=lambda model: _speed(model, timed_in) or 0)
        because = (
            f"it is the fastest within 2 % of the best ({_speed(use, timed_in):.0f} tokens/s in {timed_in})"
        )
    elif sized:
        use = min(sized, key=lambda model: model.median(_size) or 0)
        because = f"it is the smallest file within 2 % of the best ({(use.median(_size) or 0) / MIB:.1f} MiB)"
    else:
        use, because = best, "it has the lowest bits per byte"
    seeds = len(found.groups[0].scores)
    of_seeds = f", the mean of {seeds} seeds" if seeds > 1 else ""
    reasons = [
        f"Lowest bits per byte on {domain}: {best.label} with {lowest:.3f}{of_seeds}.",
        *_equals(found),
        *_smallest(near),
    ]
    headline = f"On this machine, for text like {domain}, use {use.label}, because {because}."
    cautions = [
        *_baselines(baselines, models, found, domain, engine),
        *_cautions(rows, models, found, domain),
    ]
    return Answer(headline, reasons, cautions)


def _engine_of(models: Sequence[Model], domain: str) -> str:
    scored = [model for model in models if model.scores(domain)]
    timed = [model.cells[0][1].engine for model in scored if any(cell.bench for _, cell in model.cells)]
    engines = timed or [model.cells[0][1].engine for model in scored]
    # Of engines with equally many models, the one with the smallest file.
    sizes = {
        engine: min(
            (model.median(_size) or math.inf for model in scored if model.cells[0][1].engine == engine),
            default=math.inf,
        )
        for engine in engines
    }
    return max(dict.fromkeys(engines), key=lambda engine: (engines.count(engine), -sizes[engine]), default="")


def _baselines(
    baselines: Sequence[Model], models: Sequence[Model], found: Comparison, domain: str, engine: str
) -> list[str]:
    """What counting needs for the same text: a model that needs more has learned less than that.

    `found` is of one engine. Models that another engine scored are not in it, so the sentence names the engine where there are such models.
    """
    if not baselines:
        return []
    bits = {model.name: model.scores(domain)[0]["bits_per_byte"]["value"] for model in baselines}
    said = _joined([f"{name} needs {value:.3f}" for name, value in bits.items()])
    least = min(bits.values())
    worse = [_label(group) for group in found.groups if group.mean > least]
    everyone = (
        f"every model scored in {engine}" if len(engines_of(models, domain)) > 1 else "every model here"
    )
    if not worse:
        return [f"Without a network, {said} bits per byte of {domain}: {everyone} needs fewer."]
    who = (
        f"{everyone} needs"
        if len(worse) == len(found.groups)
        else f"{_some(worse)} {'needs' if len(worse) == 1 else 'need'}"
    )
    return [
        f"Without a network, {said} bits per byte of {domain}: {who} more, so counting the training text is better. Train longer, or on more text."
    ]


def heaviest(groups: Sequence[Group], domain: str) -> str:
    """Say which document has over a tenth of a domain's bytes, and what the best model needs without it; '' where none has."""
    if not groups or groups[0].scores[0].get("unit", "document") != "document":
        return ""
    units = groups[0].scores[0]["by_unit"]
    total, most = sum(units["bytes"]), max(units["bytes"])
    if len(units["bytes"]) < 2 or most <= HEAVY * total:
        return ""
    place = units["bytes"].index(most)
    nats = [sum(score["by_unit"]["nats"]) - score["by_unit"]["nats"][place] for score in groups[0].scores]
    others = sum(nats) / len(nats) / (total - most) / math.log(2)
    return (
        f"One document ({units['id'][place]}) has {100 * most / total:.0f} % of the bytes of {domain}. Without it, {_label(groups[0])} needs {others:.3f} bits per "
        f"byte; with it {groups[0].mean:.3f}. The median document is beside the mean in the tables."
    )


def _equals(found: Comparison) -> list[str]:
    first = [_label(group) for group, rank in zip(found.groups, found.ranks, strict=True) if rank == 1]
    if len(first) < 2:
        return []
    return [f"The data cannot tell these apart: {_joined(first)}."]


def _smallest(near: Sequence[Model]) -> list[str]:
    sized = [model for model in near if model.median(_size) is not None]
    if not sized:
        return []
    least = min(sized, key=lambda model: model.median(_size) or 0)
    return [f"The smallest file within 2 %: {least.label} ({(least.median(_size) or 0) / MIB:.1f} MiB)."]


def _cautions(rows: Sequence[Row], models: Sequence[Model], found: Comparison, domain: str) -> list[str]:
    said = []
    documents = found.groups[0].scores[0].get("documents")
    if documents is not None and documents < FEW_DOCUMENTS:
        said.append(
            f"Only {documents} held-out documents were scored: the intervals are wide, and speak of these texts more than of all "
            "texts like them."
        )
    if heavy := heaviest(found.groups, domain):
        said.append(heavy)
    said += [*_few_seeds(models, found), *_power(found)]
    said += _windows(rows, domain)
    dropped = left_out(models, domain)
    if dropped:
        said.append(
            f"Other documents of {domain} than those of the other seeds were scored for {_joined(dropped)}: left out of the means. Evaluate "
            "all seeds with the same options."
        )
    if disturbed := [row for row in rows if row.disturbed]:
        names = _joined([row.cell.name for row in disturbed])
        said.append(
            f"Other programs disturbed the timing of {names}, marked by ~. {repeat_sentence(disturbed)}"
        )
    missing = [row.cell.name for row in rows if domain not in row.text]
    if missing:
        said.append(f"Not evaluated on {domain}: {_joined(missing)}.")
    timed = sum(row.speed is not None for row in rows)
    if 0 < timed < len(rows):
        how = "have a time that no other program disturbed" if disturbed else "were timed"
        said.append(
            f"{timed} of {len(rows)} rows {how}: a model without {'one' if disturbed else 'a time'} cannot be called the fastest."
        )
    return said


def repeat_sentence(rows: Sequence[Row]) -> str:
    """Say which commands measure the speed of disturbed rows again."""
    runs = dict.fromkeys(row.run.path for row in rows)
    models = {run: [str(row.cell.bench[0]["model"]) for row in rows if row.run.path == run] for run in runs}
    commands = [
        f"`rotrain bench {shlex.join(found)} --wait 60 --out {shlex.quote(str(run / 'bench-again.json'))}`"
        for run, found in models.items()
    ]
    return f"On a quiet machine {'this command measures' if len(commands) == 1 else 'these commands measure'} them again: {', '.join(commands)}."


def _few_seeds(models: Sequence[Model], found: Comparison) -> list[str]:
    # A model of somebody else has no configuration: nobody can train it again.
    own = {model.key for model in models if model.cells[0][0].config}
    groups = [group for group in found.groups if group.key in own]
    few = [group for group in groups if len(group.scores) < MIN_SEEDS]
    if len({group.key for group in groups}) < 2 or not few:
        return []
    least = min(len(group.scores) for group in few)
    counts = f"there is {least}" if least == 1 else f"there are {least}"
    if len(few) == len(groups):
        return [
            f"There are no ranks between architectures: a rank needs {MIN_SEEDS} seeds of each, and {counts}. A difference can be "
            "an effect of the seed alone. Three seeds are the default of a study."
        ]
    names = _joined([_label(group) for group in few])
    verb, each = ("has", "") if len(few) == 1 else ("have", " of each")
    return [f"{names} {verb} no rank: a rank needs {MIN_SEEDS} seeds{each}, and {counts}."]


def _windows(rows: Sequence[Row], domain: str) -> list[str]:
    """A longer window has more text before each token, so it needs fewer bits."""
    names: dict[int, list[str]] = {}
    for row in rows:
        if domain in row.text and (context := row.context) is not None:
            names.setdefault(context, []).append(row.cell.name)
    if len(names) < 2:
        return []
    windows = "; ".join(f"{context:,} tokens: {_some(names[context])}" for context in sorted(names))
    return [
        f"The models read {domain} in windows of different lengths ({windows}), and a longer one needs fewer bits. `evaluate --context {min(names)}`, or "
        f"`context = {min(names)}` in the table [evaluate] of a study, gives all the same."
    ]


def _power(found: Comparison) -> list[str]:
    """What the differences mean, and how many seeds would tell more."""
    said = []
    if found.sd is not None:
        said.append(
            f"The same architecture with another seed differs by a standard deviation of {found.sd:.3f} bits per byte."
        )
    least = MIN_DIFFERENCE * found.groups[0].mean
    if found.sd is not None and found.ranked_pairs and least < TARGET_DIFFERENCE:
        needed = (
            "needs more held-out documents: more seeds alone do not tell it"
            if found.needed is None
            else f"needs {found.needed} seeds of each architecture"
        )
        said.append(
            f"To tell {TARGET_DIFFERENCE} bits per byte apart in 8 of 10 studies, this one {needed} (an estimate)."
        )
    if found.differences:
        what = (
            "Two variants of the same run differ"
            if all(rank is None for rank in found.ranks)
            else "A rank differs"
        )
        count = len(found.differences)
        said.append(
            f"{what} where the difference is significant at 5 % after Holm's correction over {count} {'pair' if count == 1 else 'pairs'}, and at "
            f"least {100 * MIN_DIFFERENCE:g} % of the bits."
        )
    return said


def _label(group: Group) -> str:
    return f"{group.name} {group.variant}"


def _engine(models: Sequence[Model]) -> str:
    engines = [cell.bench[0]["engine"] for model in models for _, cell in model.cells if cell.bench]
    return max(sorted(set(engines)), key=engines.count, default="")


def _speed(model: Model, engine: str) -> float | None:
    def speed(run: Run, cell: Cell) -> float | None:
        row = Row(run, cell, {})
        return row.speed if row.engine == engine else None

    return model.median(speed)


def _size(run: Run, cell: Cell) -> float | None:
    return Row(run, cell, {}).file_bytes


def _some(names: Sequence[str]) -> str:
    """A study has dozens of rows: all names would hide the sentence."""
    return _joined(names) if len(names) <= MOST_NAMES else f"{names[0]} and {len(names) - 1} other rows"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
