"""The page itself: one HTML file without script or network."""

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from rotools import __version__
from rotools.ledger import explain
from rotools.normalize import RULES
from rotools.report.draw import Stage, flow, histogram, human
from rotools.report.gather import Gathered, Json
from rotools.report.side_by_side import side_by_side

EXCERPT = 400

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#d8d8d8;--soft:#666;--mark:#f2f6fa;--band:#7fb0d6;--drop:#e0a37e}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181b;--line:#3a3d42;--soft:#a0a0a0;--mark:#1f252c;--band:#3f6f96;--drop:#94593a}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:1.2rem 0 .3rem}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right}th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:var(--ink)}svg .name{font-weight:600}
svg .band,svg .bar{fill:var(--band)}svg .drop{fill:var(--drop)}svg .limit{stroke:#c0392b;stroke-width:2;stroke-dasharray:4 3}
svg .mid{text-anchor:middle}svg .end{text-anchor:end}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(320px,100%),1fr));gap:1rem}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}.pair div,.text{background:var(--mark);padding:.5rem .7rem;border-radius:6px;font-size:13px;overflow-wrap:anywhere;white-space:pre-wrap}
del{background:#f5c6b8;color:#5b1a0a;text-decoration:none}ins{background:#bfe3c3;color:#0f3d16;text-decoration:none}
.soft{color:var(--soft);font-size:13px}summary{cursor:pointer}
""".strip()


def page(found: Gathered, title: str) -> str:
    """The whole page."""
    sections: tuple[tuple[str, str], ...] = (
        ("The way of the documents", _flows(found)),
        ("What went, by rule", _rules(found)),
        ("Duplicates beside what stays for them", _clusters(found)),
        ("Repairs", _repairs(found)),
        ("Lengths", _lengths(found)),
        ("What this is", _methods(found)),
    )
    body = "\n".join(f"<section><h2>{name}</h2>{content}</section>" for name, content in sections if content)
    return (
        '<!doctype html>\n<html lang="ro"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def stages(phase: Json, packed: Json) -> list[Stage]:
    """The stages of a phase: what came in, and what each dropped."""
    read = phase["read"]
    rejected: dict[str, int] = dict(read["rejected"])
    filtered = rejected.pop("filtered", 0)
    duplicates = sum(rejected.pop(name, 0) for name in ("duplicate", "near-duplicate", "contaminated"))
    broken = sum(rejected.values())
    records = read["records"]
    repaired = read.get("normalize") or {}
    valid, train = packed["valid"]["documents"], packed["train"]["documents"]
    return [
        Stage("records", records, None, broken),
        Stage("documents", records - broken, repaired.get("bytes_in"), filtered),
        Stage("after the filter", records - broken - filtered, None, duplicates),
        Stage("without duplicates", read["documents"], read["bytes"], 0),
        Stage(f"training, {valid:,} held out", train, packed["train"]["bytes"], 0),
    ]


def _flows(found: Gathered) -> str:
    packed = {phase["name"]: phase for phase in found.manifest["phases"]}
    parts = []
    for phase in found.report["phases"]:
        mine = packed[phase["name"]]
        tokens = mine["train"]["tokens"] + mine["valid"]["tokens"]
        parts.append(
            f"<h3>{escape(phase['name'])}: {tokens:,} tokens, {human(phase['read']['bytes'])} of text</h3>"
            + flow(stages(phase, mine))
            + _reasons(phase["read"])
        )
    return "".join(parts)


def _reasons(read: Json) -> str:
    rows = [
        (name, count) for name, count in sorted(read["rejected"].items(), key=lambda item: -item[1]) if count
    ]
    return (
        _table(("left out because", "records"), [(name, f"{count:,}") for name, count in rows])
        if rows
        else ""
    )


def _rules(found: Gathered) -> str:
    note = f'<p class="soft">Texts are missing: {escape(found.missing)}.</p>' if found.missing else ""
    parts = []
    for rule in sorted(found.ledger["rules"], key=lambda rule: -rule["count"]):
        values = np.asarray(rule["values"], dtype=np.float64)
        limits = {row["threshold"] for row in rule["examples"]}
        limit = next(iter(limits)) if len(limits) == 1 else None
        drawn = (
            histogram(values, f"value of {rule['rule']}", limit=limit) if len(set(rule["values"])) > 1 else ""
        )
        examples = "".join(_example(row, found.texts) for row in rule["examples"])
        parts.append(
            f"<div><h3>{escape(rule['stage'])}: {escape(rule['rule'])}, {rule['count']:,} {_DONE[rule['action']]}</h3>"
            f"{drawn}<details><summary>examples</summary>{examples}</details></div>"
        )
    return note + f'<div class="grid">{"".join(parts)}</div>' if parts else note


_DONE = {"drop": "dropped", "edit": "changed", "flag": "flagged", "keep": "kept"}


def _example(row: Json, texts: dict[str, str]) -> str:
    text = texts.get(row["document"])
    head = f"{row['document']} ({row['source']}:{row['line']}): {explain(row)}"
    shown = "" if text is None else f'<div class="text">{escape(_around(text, row["byte"]))}</div>'
    return f'<p class="soft">{escape(head)}</p>{shown}'


def _around(text: str, byte: int | None) -> str:
    """An excerpt: the beginning, or what stands around a byte."""
    if byte is not None and byte > EXCERPT // 2:
        cut = text.encode()[byte - EXCERPT // 2 : byte + EXCERPT // 2].decode("utf-8", "ignore")
        return f"… {cut} …"
    return text if len(text) <= EXCERPT else text[:EXCERPT] + " …"


def _clusters(found: Gathered) -> str:
    parts = []
    for cluster in found.ledger["clusters"]:
        kept = found.texts.get(cluster["document"])
        head = f"{cluster['document']} stays for {cluster['count']:,}"
        pairs = "".join(_pair(kept, row, found.texts) for row in cluster["members"])
        parts.append(f"<details><summary>{escape(head)}</summary>{pairs}</details>")
    return "".join(parts)


def _pair(kept: str | None, row: Json, texts: dict[str, str]) -> str:
    gone = texts.get(row["document"])
    line = f'<p class="soft">{escape(row["document"])}: {escape(explain(row))}</p>'
    if kept is None or gone is None:
        return line
    left, right = side_by_side(kept, gone)
    return f'{line}<div class="pair"><div>{left}</div><div>{right}</div></div>'


def _repairs(found: Gathered) -> str:
    titles = {rule.id: rule.title for rule in RULES}
    rows = []
    for rule in RULES:
        counts = [
            (phase["read"].get("normalize") or {}).get("rules", {}).get(rule.id, 0)
            for phase in found.report["phases"]
        ]
        if any(counts):
            rows.append((f"{rule.id}: {titles[rule.id]}", *(f"{count:,}" for count in counts)))
    heads = ("rule", *(phase["name"] for phase in found.report["phases"]))
    return _table(heads, rows) if rows else "<p>Nothing had to be repaired.</p>"


def _lengths(found: Gathered) -> str:
    drawn = [
        histogram(lengths.astype(np.float64), f"{name}: tokens a training document", log=True)
        for name, lengths in found.lengths.items()
    ]
    return f'<div class="grid">{"".join(f"<div>{one}</div>" for one in drawn)}</div>'


def _methods(found: Gathered) -> str:
    manifest = found.manifest
    items = [
        f"pack: {found.pack}, format {manifest['format']} {manifest['version']}, rotools {__version__}",
        f"tokenizer: {manifest['vocab_size']:,} entries, SHA-256 {manifest['tokenizer']['sha256']}",
        "bands are as high as documents are many; examples are drawn by the hash of their id",
        *(
            f"source {s['name']}: {s['documents']:,} documents stay"
            for s in manifest["provenance"]["sources"]
        ),
        *(f"{key}: {value}" for key, value in _flat(manifest["config"])),
    ]
    return "<ul>" + "".join(f'<li class="soft">{escape(item)}</li>' for item in items) + "</ul>"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
