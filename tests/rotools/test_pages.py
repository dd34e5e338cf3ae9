"""The design of the pages: charts of any values, a policy that names the scripts, and text that never runs."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import PROGRAM, Browser
from hypothesis import example, given
from hypothesis import strategies as st

from rotools.pages import Chart, Series, flow, histogram, lines, points, render
from rotools.pages.chart import LABEL_PIXELS

HOSTILE = (
    "</script><script>window.hit=1</script>",
    '<img src=x onerror="window.hit=1">',
    '"><svg onload=window.hit=1>',
    "<!--<script>",
    "{{ 7*7 }}",
    "javascript:window.hit=1",
    "\u202e\u2028\x00",
)


class _Scripts(HTMLParser):
    """Collects the policy and the scripts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = ""
        self.run: list[str] = []
        self.data: list[str] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        if tag == "script":
            assert "src" not in values
            self._into = self.data if values.get("type") == "application/json" else self.run
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data


def parsed(html: str) -> _Scripts:
    found = _Scripts()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A package with one template that shows text and a chart."""
    folder = tmp_path_factory.mktemp("templates")
    package = folder / "shown" / "inner"
    package.mkdir(parents=True)
    for place in (package.parent, package):
        (place / "__init__.py").write_text("")
    (package / "one.html.j2").write_text(
        '{% extends "page.html.j2" %}{% from "chart.html.j2" import chart %}'
        '{% block body %}{% for text in texts %}<p title="{{ text }}">{{ text }}</p>{% endfor %}{{ chart(one) }}{% endblock %}'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield lambda **values: render("shown.inner", "one.html.j2", **values)


def some_chart(name: str) -> Chart:
    found = lines([Series(name, [1.0, 2.0], [2.0, 1.0], 0)], name, name, name)
    assert found is not None
    return found


def test_the_policy_names_exactly_the_scripts_of_the_page(template: Any) -> None:
    html = template(title="t", texts=[], one=some_chart("run"))
    found = parsed(html)
    assert len(found.run) == 2
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in found.run
    }
    (listed,) = re.findall(r"script-src ([^;]*)", found.policy)
    assert set(listed.split()) == hashes
    assert found.policy.startswith("default-src 'none'") and "unsafe-eval" not in found.policy
    without = parsed(template(title="t", texts=[], one=None))
    assert not without.run and "script-src" not in without.policy


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(template: Any, text: str) -> None:
    html = template(title=text, texts=[text], one=some_chart(text))
    found = parsed(html)
    assert len(found.run) == 2, "no script of the text"
    assert unescape(json.loads(found.data[0])["data"][0]["name"]) == text
    assert "<script>window" not in html and "<img src=x" not in html and "<svg onload" not in html


@pytest.mark.skipif(PROGRAM is None, reason="install it: apt install chromium")
def test_a_browser_draws_charts_and_runs_nothing_else(template: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(template(title="t", texts=list(HOSTILE), one=some_chart("run <b>")), encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        browser.open(page.as_uri())
        browser.until("document.querySelectorAll('.main-svg').length > 0")
        assert browser.run("window.hit === undefined")
        assert not browser.errors
        for dark in ("dark", "light"):
            feature = {"name": "prefers-color-scheme", "value": dark}
            browser.ask("Emulation.setEmulatedMedia", features=[feature])
            browser.until("document.querySelectorAll('.main-svg').length > 0")
        browser.ask(
            "Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=True
        )
        browser.until("document.documentElement.scrollWidth <= 400")  # nothing is cut off on a phone


finite = st.floats(-1e12, 1e12)


@given(st.lists(finite | st.just(math.nan) | st.just(math.inf), max_size=30), st.booleans(), st.booleans())
def test_lines_show_the_values_that_their_axes_can_show(
    values: list[float], log_x: bool, log_y: bool
) -> None:
    xs = [float(place) for place in range(len(values))]
    chart = lines([Series("a", xs, values, 0)], "x", "y", "caption", log_x=log_x, log_y=log_y)
    shown = [
        (x, y)
        for x, y in zip(xs, values, strict=True)
        if math.isfinite(y) and (x > 0 or not log_x) and (y > 0 or not log_y)
    ]
    if chart is None:
        assert not shown
        return
    json.loads(chart.to_json())  # no NaN
    (trace,) = chart.figure["data"]
    assert list(zip(trace["x"], trace["y"], strict=True)) == shown


def test_a_long_line_keeps_its_ends() -> None:
    chart = lines([Series("a", list(range(5000)), list(range(5000)), 0)], "x", "y", "caption")
    assert chart is not None
    xs = chart.figure["data"][0]["x"]
    assert len(xs) < 1000 and (xs[0], xs[-1]) == (0, 4999)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_names_at_the_ends_of_lines_do_not_overlap(ends: list[float]) -> None:
    chart = lines([Series(str(i), [1, 2], [50.0, end], i) for i, end in enumerate(ends)], "x", "y", "caption")
    assert chart is not None
    values = [50.0, *ends]
    low, high = min(values), max(values)
    places = sorted(
        (360 - 72) * (label["y"] - low) / ((high - low) or 1.0) + label["yshift"]
        for label in chart.figure["layout"]["annotations"]
    )
    assert all(b - a >= LABEL_PIXELS - 0.3 for a, b in itertools.pairwise(places))


@example([2.2250738585e-313], True, 1.0)
@given(st.lists(st.floats(-1e9, 1e9), max_size=50), st.booleans(), st.none() | st.floats(-1e6, 1e6))
def test_a_histogram_counts_every_value(values: list[float], log: bool, limit: float | None) -> None:
    chart = histogram(np.array(values), "x", "caption", log=log, limit=limit)
    kept = [value for value in values if value > 0] if log else values
    if chart is None:
        assert not kept
        return
    json.loads(chart.to_json())
    assert sum(chart.figure["data"][0]["y"]) == len(kept)


def test_points_have_their_intervals() -> None:
    chart = points([Series("a", [3.0], [2.0], 0, 1, [1.5], [2.25])], "x", "y", "caption", front=[(3.0, 2.0)])
    assert chart is not None
    (trace,) = chart.figure["data"]
    assert (trace["error_y"]["array"], trace["error_y"]["arrayminus"]) == ([0.25], [0.5])


def test_the_flow_loses_no_document() -> None:
    chart = flow(["records", "readable", "kept"], [10, 10, 7], ["unreadable", "filter"], "caption")
    assert chart is not None
    link = chart.figure["data"][0]["link"]
    assert list(zip(link["source"], link["target"], link["value"], strict=True)) == [
        (0, 1, 10),
        (1, 2, 7),
        (1, 3, 3),
    ]
    assert chart.figure["data"][0]["node"]["label"][3] == "filter: 3"
    assert flow(["a", "b"], [0, 0], ["x"], "caption") is None
