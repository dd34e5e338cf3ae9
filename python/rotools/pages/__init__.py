"""The design of all HTML pages: one template, one stylesheet, one chart library, no network.

A page is one file. It executes the scripts of this package and nothing else: its Content-Security-Policy lists their
hashes, so text of a document can never run.
"""

from rotools.pages.chart import Chart, Series, flow, histogram, lines, points
from rotools.pages.embed import embedded
from rotools.pages.render import render

__all__ = ["Chart", "Series", "embedded", "flow", "histogram", "lines", "points", "render"]
