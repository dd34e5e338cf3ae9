"""What is needed to repeat the figures of a report: machine, date, versions, sizes, commit and command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rotrain.report.results import NO_ENGINE, Json, Run
from rotrain.report.section import Section


def conditions_section(runs: Sequence[Run]) -> Section | None:
    """Return the table of the conditions. What all runs have in common is said once. None without a trained run."""
    trained = [run for run in runs if run.model is not None]
    if not trained:
        return None
    rows = [
        *_rows({run.name: _facts(run) for run in trained}),
        *_rows({run.name: _scoring(run) for run in runs}),
        *_rows({run.name: _timing(run) for run in trained}),
    ]
    return Section(
        "reproducibility",
        "Reproducibility",
        "What the models were trained, scored and timed with. The commands of the scoring and of the timing are in `calls` of each evaluation.json and in `call` of each "
        "bench.json. “not recorded”: the run is of a version that did not write it down.",
        ("condition", "run", "value"),
        tuple(rows),
        left=3,
    )


def _rows(facts: dict[str, dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield one row for a condition that its runs share, and else one for each run that has it."""
    for key in dict.fromkeys(key for found in facts.values() for key in found):
        values = {name: found[key] for name, found in facts.items() if key in found}
        every = len(values) == len(facts)
        if len(set(values.values())) == 1 and (every or len(values) > 1):
            # Baselines have no engine, and not every run is timed: a row for each run would say the same again.
            who = "all" if every else f"{len(values)} of {len(facts)} runs"
            yield key, who, next(iter(values.values()))
        else:
            yield from ((key, name, value) for name, value in values.items())


def _scoring(run: Run) -> dict[str, str]:
    """Return the program and the engine that scored a run and its variants, by engine: variants may be scored by another version."""
    found: dict[str, dict[str, None]] = {}
    for cell in run.cells:
        if cell.evaluation:
            key = "scoring without a network" if cell.engine == NO_ENGINE else f"scoring in {cell.engine}"
            program, engine = (
                f"rotrain {_said(cell.evaluation.get('program'))}",
                cell.evaluation["model"].get("engine"),
            )
            # rotrain counts n-grams itself.
            version = program if engine == program else f"{program}, {_said(engine)}"
            found.setdefault(key, {})[version] = None
    calls = [call for cell in run.cells if cell.evaluation for call in cell.evaluation.get("calls", [None])]
    return {key: "; ".join(versions) for key, versions in found.items()} | _calls("scored", calls)


def _timing(run: Run) -> dict[str, str]:
    """Return the versions that timed a run and its variants, by engine."""
    found: dict[str, dict[str, None]] = {}
    for row in (row for cell in run.cells for row in cell.bench):
        version = f"{_said(row.get('engine_version'))} on {_said(row.get('device'))}"
        found.setdefault(f"timing in {row['engine']}", {})[version] = None
    calls = [row.get("call") for cell in run.cells for row in cell.bench]
    said = {key: "; ".join(versions) for key, versions in found.items()} | _calls("timed", calls)
    return said or {"timing": "not timed"}


def _calls(done: str, calls: Sequence[Json | None]) -> dict[str, str]:
    """Return the days, the processors and the commits of the calls of a command. Empty without a call."""
    known = [call or {} for call in calls]
    days = sorted({call["date"].partition(" ")[0] for call in known if "date" in call})
    parts = {
        f"{done} on": " to ".join(dict.fromkeys((days[0], days[-1]))) if days else None,
        f"{done} with the processor": "; ".join(_distinct(known, "processor")),
        f"{done} with the commit": "; ".join(_distinct(known, "commit")),
    }
    missing = "; others not recorded" if days and any("date" not in call for call in known) else ""
    return {key: _said(value or None) + missing for key, value in parts.items()} if known else {}


def _distinct(calls: Sequence[Json], key: str) -> list[str]:
    return list(dict.fromkeys(str(call[key]) for call in calls if call.get(key) is not None))


def _facts(run: Run) -> dict[str, str]:
    config, machine, started = run.config, run.machine, run.started
    batch, context = (
        config["batch"]["sequences"],
        config["context"] or (run.model.context if run.model else 0),
    )
    text = run.cells[0].evaluation["text"] if run.cells[0].evaluation else {}
    summary = run.summary or {}
    return {
        "training started": _said(started.get("date")),
        "processor": _said(started.get("processor")),
        "device": f"{machine.get('device')}, {machine.get('threads')} threads, {machine.get('processes', 1)} processes",
        "precision": f"{machine.get('precision')}{', compiled' if machine.get('compiled') else ''}",
        "system": _said(started.get("system")),
        "versions of the training": f"rotrain {_said(started.get('rotrain'))}, Python {_said(started.get('python'))}, PyTorch {machine.get('torch')}",
        "batch": f"{batch} sequences of {context:,} tokens, {batch * context:,} tokens per step",
        "training": (
            f"{summary['steps']:,} steps, {summary.get('tokens', 0):,} tokens, {summary.get('seconds', 0):,.0f} s"
            if summary
            else "unfinished"
        ),
        "held-out text": "; ".join(
            f"{name} {score['bytes']:,} bytes in {score['documents']:,} documents"
            for name, score in text.items()
        )
        or "not scored",
        "pack": str(run.data["manifest_sha256"])[:12],
        "commit of the training": _said(started.get("commit")),
        "command of the training": _said(started.get("command")),
    }


def _said(value: object) -> str:
    return "not recorded" if value is None else str(value)
