"""The examples in the docstrings of rotools run as they are written."""

import doctest
import importlib
import pkgutil
import sys

import pytest

import rotools

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(rotools.__path__, "rotools.")
    if not module.ispkg or module.name in ("rotools.books", "rotools.report")
    if module.name not in ("rotools.__main__", "rotools._rotext")
)


@pytest.mark.parametrize("name", ["rotools", *MODULES])
def test_examples(name: str) -> None:
    importlib.import_module(name)
    # Some functions hide the module of their name.
    result = doctest.testmod(sys.modules[name], optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
