"""The table of texts from outside of the pack: apart from the held-out text, without ranks."""

from __future__ import annotations

from collections.abc import Sequence

from rotrain.evaluation.contamination import said
from rotrain.report.results import Json, Run
from rotrain.report.section import Section


def outside_section(runs: Sequence[Run]) -> Section | None:
    """Return the bits per byte of each cell on each outside text; None where none was scored."""
    cells = [(run, cell, (cell.evaluation or {}).get("outside", {})) for run in runs for cell in run.cells]
    domains = list(dict.fromkeys(name for _, _, scores in cells for name in scores))
    if not domains:
        return None
    # Models of two packs, or of two tokenizers, have other runs of tokens in common with their training text.
    common = {
        domain: {_common(scores[domain]) for _, _, scores in cells if domain in scores} for domain in domains
    }
    rows = tuple(
        (
            *(run.name, cell.variant, cell.engine),
            *(_cell(scores.get(domain), alone=len(common[domain]) == 1) for domain in domains),
        )
        for run, cell, scores in cells
        if scores
    )
    facts = []
    for domain in domains:
        score = next(scores[domain] for _, _, scores in cells if domain in scores)
        said = (
            next(iter(common[domain]))
            if len(common[domain]) == 1
            else "what the training text has of it differs, and is in the cells"
        )
        facts.append(f"{domain}: {score['documents']:,} documents, {score['bytes']:,} bytes, {said}.")
    explain = (
        "Bits per byte of texts that are not of the pack, with 95 % intervals over documents; lower is better. A text that the training text contains "
        "is easier for every model that read it. " + " ".join(facts)
    )
    return Section(
        "outside", "Text from outside", explain, ("model", "variant", "engine", *domains), rows, left=3
    )


def _common(score: Json) -> str:
    found = score.get("contamination")
    return "not compared with a training text" if found is None else said(found)


def _cell(score: Json | None, *, alone: bool) -> str:
    """Return the bits, and with them the share of tokens that the training text has, where it differs from that of another row."""
    if score is None or alone:
        return _bits(score)
    found = score.get("contamination")
    if found is None or found.get("checked_tokens") == 0:
        return f"{_bits(score)}, not compared"
    return f"{_bits(score)}, {100 * found['share']:.1f} % in common"


def _bits(score: Json | None) -> str:
    if score is None:
        return ""
    found = score["bits_per_byte"]
    if found["low"] is None:
        return f"{found['value']:.3f} (one unit: no interval)"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
