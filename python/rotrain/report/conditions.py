"""What is needed to repeat the figures of a report: machine, date, versions, sizes, commit and command."""

from __future__ import annotations

from collections.abc import Sequence

from rotrain.report.results import Run
from rotrain.report.section import Section


def conditions_section(runs: Sequence[Run]) -> Section | None:
    """Return the table of the conditions. What all runs have in common is said once. None without a trained run."""
    facts = {run.name: _facts(run) for run in runs if run.model is not None}
    if not facts:
        return None
    rows = []
    for key in next(iter(facts.values())):
        values = {name: found[key] for name, found in facts.items()}
        if len(set(values.values())) == 1:
            rows.append((key, "all", next(iter(values.values()))))
        else:
            rows += [(key, name, value) for name, value in values.items()]
    return Section(
        "reproducibility",
        "Reproducibility",
        "What the models were trained and scored with. “not recorded”: the run is of a version that did not write it down.",
        ("condition", "run", "value"),
        tuple(rows),
        left=3,
    )


def _facts(run: Run) -> dict[str, str]:
    config, machine, started = run.config, run.machine, run.started
    batch, context = (
        config["batch"]["sequences"],
        config["context"] or (run.model.context if run.model else 0),
    )
    text = run.cells[0].evaluation["text"] if run.cells[0].evaluation else {}
    summary = run.summary or {}
    bench = run.cells[0].bench
    return {
        "started": _said(started.get("date")),
        "processor": _said(started.get("processor")),
        "device": f"{machine.get('device')}, {machine.get('threads')} threads, {machine.get('processes', 1)} processes",
        "precision": f"{machine.get('precision')}{', compiled' if machine.get('compiled') else ''}",
        "system": _said(started.get("system")),
        "versions": f"rotrain {_said(started.get('rotrain'))}, Python {_said(started.get('python'))}, PyTorch {machine.get('torch')}",
        "engine of the timing": _said(bench[0].get("engine_version")) if bench else "not timed",
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
        "commit": _said(started.get("commit")),
        "command": _said(started.get("command")),
    }


def _said(value: object) -> str:
    return "not recorded" if value is None else str(value)
