"""The report as one HTML file: no script, no network, printable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from rotrain import __version__
from rotrain.config import ModelConfig
from rotrain.evaluation.text import CONVENTIONS
from rotrain.models import count
from rotrain.report.advice import advice
from rotrain.report.chart import Line, Point, line_chart, scatter
from rotrain.report.results import Run
from rotrain.report.table import MIB, Column, Row, columns, domains, rows_of

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#d8d8d8;--soft:#666;--mark:#f2f6fa}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181b;--line:#3a3d42;--soft:#a0a0a0;--mark:#1f252c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .45rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{white-space:normal;vertical-align:bottom}th:first-child,td:first-child{position:sticky;left:0;background:var(--paper)}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
tr.best td,tr.best td:first-child{background:var(--mark);font-weight:600}.wide{overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(520px,1fr));gap:1rem}
figure{margin:0;max-width:680px}figcaption{color:var(--soft);font-size:13px}svg{width:100%;height:auto;font:11px system-ui,sans-serif}
svg text{fill:var(--ink)}svg .mid{text-anchor:middle}svg .end{text-anchor:end}svg .grid{stroke:var(--line)}
svg .front{fill:none;stroke:var(--soft);stroke-dasharray:4 3}
.samples{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:1rem}
.samples div{background:var(--mark);padding:.6rem .8rem;border-radius:6px}.samples h3{margin:0 0 .3rem;font-size:.95rem}
pre,.text{white-space:pre-wrap;overflow-wrap:anywhere}p.soft,li.soft{color:var(--soft)}
""".strip()


def page(runs: Sequence[Run], title: str) -> str:
    """The whole report."""
    rows, heads = rows_of(runs), columns(runs)
    sections = [
        ("What to use", _advice(rows, domains(runs))),
        ("All variants", _table(heads, rows)),
        ("Quality against cost", _quality(runs, rows)),
        ("Learning", _learning(runs)),
        ("Speed over the context", _speed(runs, rows)),
        ("Memory over the context", _cache(runs)),
        ("Grammar", _grammar(rows)),
        ("Samples", _samples(runs)),
        ("Methods", _methods(runs)),
    ]
    body = "\n".join(f"<section><h2>{name}</h2>{content}</section>" for name, content in sections if content)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _advice(rows: Sequence[Row], names: Sequence[str]) -> str:
    said = [" ".join(advice(rows, domain)) for domain in names]
    if not any(said):
        return "<p>Nothing is evaluated yet: run <code>rotrain evaluate</code> on these models.</p>"
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in said if sentence) + "</ul>"


def _table(heads: Sequence[Column], rows: Sequence[Row]) -> str:
    head = "".join(f'<th title="{escape(c.title)}">{escape(c.name)}</th>' for c in heads)
    body = ""
    for row in rows:
        best = ' class="best"' if row.ranks and set(row.ranks.values()) == {1} else ""
        body += f"<tr{best}>" + "".join(f"<td>{escape(c.text(row))}</td>" for c in heads) + "</tr>\n"
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _quality(runs: Sequence[Run], rows: Sequence[Row]) -> str:
    archs, variants = _looks(runs, rows)
    axes: tuple[tuple[str, Callable[[Row], float | None], float], ...] = (
        ("file, MiB", lambda row: row.file_bytes, MIB),
        ("decode, tokens/s", lambda row: row.speed, 1),
        ("peak memory, MiB", lambda row: row.peak_bytes, MIB),
    )
    charts = []
    for domain in domains(runs):
        for label, value, unit in axes:
            points = [
                Point(
                    x / unit,
                    row.text[domain]["bits_per_byte"]["value"],
                    row.cell.name,
                    archs.index(row.run.arch),
                    variants.index(row.cell.variant),
                    row.text[domain]["bits_per_byte"]["low"],
                    row.text[domain]["bits_per_byte"]["high"],
                )
                for row in rows
                if domain in row.text and (x := value(row))
            ]
            drawn = scatter(points, label, f"{domain}, bits/byte", archs, variants)
            charts.append(_figure(drawn, f"{domain} against {label}; dashed: no other is better in both"))
    return _grid(charts)


def _looks(runs: Sequence[Run], rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Architectures in the order of their colours, variants in that of their shapes: the same in every chart."""
    archs = dict.fromkeys(run.arch for run in runs)
    return list(archs), list(dict.fromkeys(row.cell.variant for row in rows))


def _learning(runs: Sequence[Run]) -> str:
    charts = []
    for label, key in (("tokens", "tokens"), ("operations", "flops"), ("seconds", "seconds")):
        lines = []
        for colour, run in enumerate(runs):
            kept = [(m[key], m["loss"]) for m in run.metrics if m.get(key) and m.get("loss") is not None]
            smooth = smoothed([loss for _, loss in kept])
            lines.append(Line(run.name, [x for x, _ in kept], smooth, colour))
        charts.append(
            _figure(line_chart(lines, label, "training loss, nats a token"), f"loss by {label}, smoothed")
        )
    names = {name for run in runs for m in run.metrics if m.get("eval") for name in m["eval"]}
    for domain in sorted(names):
        lines = []
        for colour, run in enumerate(runs):
            evals = [m for m in run.metrics if m.get("eval") and domain in m["eval"]]
            lines.append(
                Line(
                    run.name, [m["tokens"] for m in evals], [m["eval"][domain]["bpb"] for m in evals], colour
                )
            )
        if any(len(line.xs) > 1 for line in lines):
            charts.append(
                _figure(
                    line_chart(lines, "tokens", f"{domain}, bits/byte"), f"held-out {domain} while training"
                )
            )
    return _grid(charts)


def _speed(runs: Sequence[Run], rows: Sequence[Row]) -> str:
    archs, variants = _looks(runs, rows)
    lines = [
        Line(
            row.cell.name,
            sorted(row.speeds),
            [row.speeds[depth] for depth in sorted(row.speeds)],
            archs.index(row.run.arch),
            variants.index(row.cell.variant),
        )
        for row in rows
        if len(row.speeds) > 1
    ]
    drawn = line_chart(lines, "tokens in the context", "decode, tokens/s", archs, variants)
    disturbed = [row.cell.name for row in rows if any(bench["contended"] for bench in row.cell.bench)]
    note = f"; left out, for the machine was not quiet: {', '.join(disturbed)}" if disturbed else ""
    return _grid([_figure(drawn, f"measured{note}")]) or (f"<p>Nothing to show{note}.</p>" if note else "")


def _cache(runs: Sequence[Run]) -> str:
    """Bytes of keys and values, or of the recurrent state, which does not grow: where the lines cross."""
    shapes = {run.arch: run.model for run in runs}
    lengths = [2**power for power in range(4, 15)]
    lines = [
        Line(arch, lengths, [_cache_bytes(model, length) / MIB for length in lengths], colour)
        for colour, (arch, model) in enumerate(shapes.items())
    ]
    drawn = line_chart(lines, "tokens in the context", "cache, MiB (16 bits a value)", log_x=True, log_y=True)
    return _grid([_figure(drawn, "computed from the shapes; a window or a state stops growing")])


def _cache_bytes(model: ModelConfig, length: int) -> int:
    """As if the model had been made for that many tokens."""
    return count.cache_bytes(model.model_copy(update={"context": length}), length)


def _grammar(rows: Sequence[Row]) -> str:
    scored = [(row.cell.name, row.grammar["phenomena"]) for row in rows if row.grammar]
    if not scored:
        return ""
    head = "<th>phenomenon</th>" + "".join(f"<th>{escape(name)}</th>" for name, _ in scored)
    body = ""
    for phenomenon in scored[0][1]:
        cells = ""
        for _, phenomena in scored:
            found = phenomena.get(phenomenon)
            text = "" if found is None else f"{100 * found['accuracy']['value']:.0f} %"
            title = "" if found is None else _range(found["accuracy"])
            cells += f'<td title="{title}">{text}</td>'
        body += f"<tr><td>{escape(phenomenon)}</td>{cells}</tr>\n"
    return (
        '<p class="soft">Share of minimal pairs whose right sentence is the likelier one; chance is 50 %. '
        "Intervals under the pointer.</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'
    )


def _samples(runs: Sequence[Run]) -> str:
    parts = []
    for run in runs:
        for sample in run.samples[-2:]:
            parts.append(
                f"<div><h3>{escape(run.name)}, temperature {escape(str(sample['temperature']))}</h3>"
                f'<div class="text"><b>{escape(sample["prompt"])}</b>{escape(sample["text"])}</div></div>'
            )
    return f'<div class="samples">{"".join(parts)}</div>' if parts else ""


def _methods(runs: Sequence[Run]) -> str:
    items = [f"{name}: {text}" for name, text in CONVENTIONS.items()]
    items.append(
        "speed and memory: each variant in its own engine and process; across engines they compare engines"
    )
    items.append("ranks: equal where the 95 % interval of the paired difference holds zero")
    items.append(f"program: rotrain {__version__}")
    packs = {run.data["manifest_sha256"] for run in runs}
    if len(packs) > 1:
        items.append("these models were not trained on the same pack: compare them with care")
    for run in runs:
        steps = run.summary["steps"] if run.summary else "unfinished"
        items.append(
            f"{run.name}: {run.arch}, {run.parameters:,} parameters, {steps} steps, "
            f"learning rate {run.config['optim']['lr']:g}, seed {run.config['seed']}, "
            f"pack {run.data['manifest_sha256'][:12]}, "
            + ", ".join(f"{k} {v}" for k, v in run.machine.items())
        )
    return "<ul>" + "".join(f'<li class="soft">{escape(item)}</li>' for item in items) + "</ul>"


def _figure(drawn: str, caption: str) -> str:
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>" if drawn else ""


def _grid(charts: Sequence[str]) -> str:
    drawn = "".join(charts)
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def smoothed(values: Sequence[float], keep: float = 0.9) -> list[float]:
    """A running mean (exponential, without its bias at the beginning)."""
    out, mean, weight = [], 0.0, 0.0
    for value in values:
        mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
        out.append(mean / weight)
    return out


def _range(value: dict[str, float]) -> str:
    return f"{100 * value['low']:.1f} to {100 * value['high']:.1f} %"
