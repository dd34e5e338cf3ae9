"""The report of a pack: where every document and byte went, as one offline page."""

from rotools.report.gather import Gathered, gather
from rotools.report.page import page

__all__ = ["Gathered", "gather", "page"]
