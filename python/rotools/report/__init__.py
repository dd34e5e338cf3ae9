"""The report of a pack: one offline page about every document and every decision."""

from rotools.report.gather import Gathered, gather
from rotools.report.page import page

__all__ = ["Gathered", "gather", "page"]
