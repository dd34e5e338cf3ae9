"""A page from a template: autoescaped, in one file, with a Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from rotools.errors import printable
from rotools.pages.chart import Chart


def render(
    package: str, template: str, *, own: Sequence[str] = (), connect: bool = False, **values: Any
) -> str:
    """Render `template` of a package; it extends `page.html.j2` of this one.

    Args:
        package: The Python package whose folder contains the template.
        template: Its file name.
        own: Names of stylesheets (`.css`) and scripts (`.js`) of the package that the page contains.
        connect: The page talks to the server that it came from.
        values: What the template shows. A `Chart` is drawn by the macro `chart`.

    Returns:
        The whole page. The same values give the same bytes.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    folder, _, name = package.rpartition(".")
    loaders = [PackageLoader(folder, name), PackageLoader("rotools", "pages")]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters["codes"] = _codes
    environment.tests["chart"] = lambda value: isinstance(value, Chart)
    scripts = [_read(package, name) for name in own if name.endswith(".js")]
    if _has_chart(values):
        scripts += [_plotly(), _read("rotools.pages", "charts.js")]
    styles = [
        _read("rotools.pages", "style.css"),
        *(_read(package, name) for name in own if name.endswith(".css")),
    ]
    return environment.get_template(template).render(
        style="".join(styles), scripts=scripts, policy=policy(scripts, connect=connect), **values
    )


def _codes(sentence: str) -> Markup:
    """Show what a sentence has in backticks as code. An odd number of backticks is text."""
    parts = printable(sentence).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    shown = (
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
    return Markup("").join(shown)


def _finalize(value: Any) -> Any:
    """Escape what turns the direction of a line; text that a template made, and data for a script, stay as they are."""
    return printable(value) if type(value) is str else value


def policy(scripts: Sequence[str], *, connect: bool = False) -> str:
    """The Content-Security-Policy of a page that executes exactly these scripts.

    Styles may be inline, because Plotly sets them; images may be data. Nothing is loaded from a network.

    Args:
        scripts: The inline scripts of the page.
        connect: The page talks to the server that it came from, and shows its pictures (the review).

    Examples:
        >>> policy(())
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    """
    rules = ["default-src 'none'"]
    if scripts:
        rules.append("script-src " + " ".join(_hash(script) for script in scripts))
    rules += ["style-src 'unsafe-inline'", "img-src data: 'self'" if connect else "img-src data:"]
    if connect:
        rules.append("connect-src 'self'")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _has_chart(value: Any) -> bool:
    if isinstance(value, Chart):
        return True
    if isinstance(value, dict):
        return any(_has_chart(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_chart(inner) for inner in value)
    return False


@cache
def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@cache
def _read(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")
