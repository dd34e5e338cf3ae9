"""Faults of the system and kills, at every call of every verb of rotools: whole results or none, and one good sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from campaign import fail_everywhere, kill_often
from effort import ALL
from fault_layer import Fault
from lab import Case, Lab, Verb
from rotools_verbs import VERBS

# A few verbs show the kinds: files beside a work folder, a replaced folder, workers, and the steps that other machines continue.
SOME = ("dedup", "pack over", "books")
CHOSEN = [verb for verb in VERBS if ALL or verb.name in SOME or verb.name.startswith("step ")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab("rotools", tmp_path_factory.mktemp("rotools"))
    yield lab
    lab.close()


@pytest.fixture(scope="module", params=CHOSEN, ids=lambda verb: verb.name.replace(" ", "-"))
def case(request: pytest.FixtureRequest, lab: Lab) -> Case:
    verb: Verb = request.param
    return Case(lab, verb)


def test_every_call_may_fail(case: Case) -> None:
    fail_everywhere(case, most=None, sample=None if ALL else 12)


def test_killed_it_goes_on_to_the_same_bytes(case: Case) -> None:
    kill_often(case, number=40 if ALL else 3)


@pytest.mark.parametrize("how", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_locks(how: str, lab: Lab, tmp_path: Path) -> None:
    """It is said in one sentence, and the user may take the place of the lock."""
    for name, file in (
        ("normalize", "out/a.jsonl.zst"),
        ("pack exact", "out/pack"),
        ("books", "out/b.jsonl"),
    ):
        verb = next(verb for verb in VERBS if verb.name == name)
        folder = tmp_path / name
        (folder / "out").mkdir(parents=True)
        verb.prepare(folder, lab)
        fault = Fault("flock", 1, how, count=0)
        ended = lab.run(verb.words, folder, fault)
        assert ended.code == 1 and "ROTEXT_NO_LOCKS=1" in ended.error, ended.error
        assert "lock" in ended.error.splitlines()[0] and not (folder / file).exists()
        ended = lab.run(verb.words, folder, fault, variables={"ROTEXT_NO_LOCKS": "1"})
        assert ended.code == 0 and (folder / file).exists(), ended.error
