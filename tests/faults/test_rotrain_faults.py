"""Faults of the system and kills, at every call of every verb of rotrain: whole results or none, and one good sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from campaign import fail_everywhere, kill_often
from effort import ALL
from lab import Case, Lab, Verb
from rotrain_verbs import VERBS

# Loading PyTorch takes seconds. `make test` has test_kill.py.
pytestmark = pytest.mark.skipif(not ALL, reason="part of make test-faults")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab("rotrain", tmp_path_factory.mktemp("rotrain"))
    yield lab
    lab.close()


@pytest.fixture(scope="module", params=VERBS, ids=lambda verb: verb.name.replace(" ", "-"))
def case(request: pytest.FixtureRequest, lab: Lab) -> Case:
    verb: Verb = request.param
    return Case(lab, verb)


def test_every_call_may_fail(case: Case) -> None:
    fail_everywhere(case, most=4)


def test_killed_it_goes_on_to_the_same_bytes(case: Case) -> None:
    kill_often(case, number=20)
