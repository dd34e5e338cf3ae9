"""The values that the page of a pack shows. The template is `pack.html.j2`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rotools import __version__
from rotools.ledger import explain
from rotools.normalize import RULES
from rotools.pages import Chart, flow, histogram, render
from rotools.report.gather import Gathered, Json
from rotools.report.side_by_side import side_by_side

EXCERPT = 400
"""Characters of an example."""
_DONE = {"drop": "dropped", "edit": "changed", "flag": "flagged", "keep": "kept"}


def page(found: Gathered, title: str) -> str:
    """Write the page.

    Args:
        found: What `gather` read.
        title: The heading.

    Returns:
        One HTML file. The same pack gives the same bytes.
    """
    return render(
        "rotools.report",
        "pack.html.j2",
        title=title,
        missing=found.missing,
        phases=[_phase(found, phase) for phase in found.report["phases"]],
        rules=[_rule(found, rule) for rule in sorted(found.ledger["rules"], key=lambda rule: -rule["count"])],
        clusters=[_cluster(found, cluster) for cluster in found.ledger["clusters"]],
        repairs=list(_repairs(found)),
        lengths=[
            histogram(
                lengths.astype(np.float64),
                "tokens of a document",
                f"{name}: training documents by length",
                log=True,
            )
            for name, lengths in found.lengths.items()
        ],
        methods=list(_methods(found)),
    )


@dataclass(frozen=True)
class Stages:
    """Documents that enter each stage of a phase, and what each stage removes."""

    names: list[str]
    counts: list[int]
    removed: list[str]


def stages(phase: Json, packed: Json) -> Stages:
    """Count the documents of a phase by stage.

    Args:
        phase: The phase in report.json.
        packed: The phase in manifest.json.
    """
    read = phase["read"]
    rejected: dict[str, int] = dict(read["rejected"])
    filtered = rejected.pop("filtered", 0)
    duplicates = sum(rejected.pop(name, 0) for name in ("duplicate", "near-duplicate", "contaminated"))
    readable = read["records"] - sum(rejected.values())
    return Stages(
        ["records", "readable", "after the filter", "distinct", "training"],
        [
            read["records"],
            readable,
            readable - filtered,
            readable - filtered - duplicates,
            packed["train"]["documents"],
        ],
        ["unreadable or empty", "filter", "duplicates", "held out for validation"],
    )


def human(size: float) -> str:
    """A number of bytes in decimal units.

    Examples:
        >>> human(4_900_000)
        '4.9 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.3g} {unit}"
        size /= 1_000
    return f"{size:.3g} TB"


def _phase(found: Gathered, phase: Json) -> Json:
    packed = next(one for one in found.manifest["phases"] if one["name"] == phase["name"])
    counted = stages(phase, packed)
    reasons = sorted(((n, c) for n, c in phase["read"]["rejected"].items() if c), key=lambda item: -item[1])
    return {
        "name": phase["name"],
        "records": f"{phase['read']['records']:,}",
        "kept": f"{phase['read']['documents']:,}",
        "tokens": f"{packed['train']['tokens'] + packed['valid']['tokens']:,}",
        "size": human(phase["read"]["bytes"]),
        "most": ", ".join(f"{name} ({count:,})" for name, count in reasons[:2]),
        "flow": flow(
            counted.names,
            counted.counts,
            counted.removed,
            "Blue: documents that stay. Orange: documents that a stage removes.",
        ),
        "reasons": [(name, f"{count:,}") for name, count in reasons],
    }


def _rule(found: Gathered, rule: Json) -> Json:
    limits = {row["threshold"] for row in rule["examples"]}
    limit = next(iter(limits)) if len(limits) == 1 else None
    chart: Chart | None = None
    if len(set(rule["values"])) > 1:
        values = np.asarray(rule["values"], dtype=np.float64)
        chart = histogram(
            values,
            f"value of {rule['rule']}",
            f"Documents by the measured value of {rule['rule']}.",
            limit=limit,
        )
    return {
        "stage": rule["stage"],
        "name": rule["rule"],
        "count": f"{rule['count']:,}",
        "done": _DONE[rule["action"]],
        "chart": chart,
        "examples": [_example(row, found.texts) for row in rule["examples"]],
    }


def _example(row: Json, texts: dict[str, str]) -> Json:
    text = texts.get(row["document"])
    return {
        "head": f"{row['document']} ({row['source']}:{row['line']}): {explain(row)}",
        "text": None if text is None else _around(text, row["byte"]),
    }


def _around(text: str, byte: int | None) -> str:
    """An excerpt: the beginning, or the text around a byte."""
    if byte is not None and byte > EXCERPT // 2:
        cut = text.encode()[byte - EXCERPT // 2 : byte + EXCERPT // 2].decode("utf-8", "ignore")
        return f"… {cut} …"
    return text if len(text) <= EXCERPT else text[:EXCERPT] + " …"


def _cluster(found: Gathered, cluster: Json) -> Json:
    kept = found.texts.get(cluster["document"])
    return {
        "head": f"{cluster['document']} is kept for {cluster['count']:,}",
        "pairs": [_pair(kept, row, found.texts) for row in cluster["members"]],
    }


def _pair(kept: str | None, row: Json, texts: dict[str, str]) -> Json:
    removed = texts.get(row["document"])
    left, right = (None, None) if kept is None or removed is None else side_by_side(kept, removed)
    return {"head": f"{row['document']}: {explain(row)}", "left": left, "right": right}


def _repairs(found: Gathered) -> Iterator[tuple[str, list[str]]]:
    for rule in RULES:
        counts = [
            (phase["read"].get("normalize") or {}).get("rules", {}).get(rule.id, 0)
            for phase in found.report["phases"]
        ]
        if any(counts):
            yield f"{rule.id}: {rule.title}", [f"{count:,}" for count in counts]


def _methods(found: Gathered) -> Iterator[tuple[str, str]]:
    manifest = found.manifest
    yield "pack", f"{found.pack}, format {manifest['format']} {manifest['version']}"
    yield "program", f"rotools {__version__}"
    yield "tokenizer", f"{manifest['vocab_size']:,} entries, SHA-256 {manifest['tokenizer']['sha256']}"
    yield "examples", "chosen by the hash of their id; repaired and redacted as in the pack"
    for source in manifest["provenance"]["sources"]:
        yield f"source {source['name']}", f"{source['documents']:,} documents are kept"
    for key, value in _flat(manifest["config"]):
        yield key, str(value)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value
