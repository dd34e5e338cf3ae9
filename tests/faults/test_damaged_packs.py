"""Every file of a pack, and of an unfinished run, damaged: noticed in one sentence, or without effect on any result."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from damage import amounts, damaged
from effort import ALL, rng, told
from fault_layer import Fault
from lab import Case, Lab, Verb
from rotools_verbs import VERBS

import rotools
from rotools import RotoolsError


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab("rotools", tmp_path_factory.mktemp("damage"))
    yield lab
    lab.close()


def verb(name: str) -> Verb:
    return next(verb for verb in VERBS if verb.name == name)


@pytest.fixture(scope="module")
def case(lab: Lab) -> Case:
    return Case(lab, verb("pack"))


KINDS = {
    "manifest": "manifest.json", "tokenizer": "tokenizer.json", "ledger": "ledger.parquet", "tokens": "train-web-00000.bin",
    "offsets": "train-web-00000.offsets.npy", "index": "train-web-00000.idx", "documents": "train-web-00000.docs.parquet",
    "report": "report.json", "rejects": "rejects.jsonl.zst",
}  # fmt: skip
UNCHECKED = ("report", "rejects", "ledger")
"""Files about the pack, which `verify` leaves alone: nothing trains on them."""


def uses(pack: Path, out: Path) -> dict[str, Callable[[], Any]]:
    """What people do with a pack. Each gives the same value for the same pack."""
    return {
        "verify": lambda: rotools.verify(pack).documents,
        "documents": lambda: [list(document) for document in rotools.open_pack(pack).documents("web")],
        "decode": lambda: (reader := rotools.open_pack(pack)).decode(next(reader.documents("web"))),
        "block": lambda: rotools.open_pack(pack).block_text(0),
        "why": lambda: repr(rotools.why("d3", pack=pack)),
        "inspect": lambda: repr(rotools.inspect(pack)),
        "page": lambda: rotools.report(pack, out, texts=False).rows,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_pack(kind: str, case: Case, tmp_path: Path) -> None:
    copy, out = tmp_path / "pack", tmp_path / "page.html"
    case.reset()
    assert case.lab.run(case.verb.words, case.folder).code == 0
    shutil.copytree(case.folder / "out" / "pack", copy)
    file = copy / KINDS[kind]
    original = file.read_bytes()
    steps = uses(copy, out)
    # A page takes a tenth of a second.
    some = ("verify", "page" if kind in ("manifest", "ledger", "report") else "documents")
    steps = {name: use for name, use in steps.items() if ALL or name in some}
    expected = {name: outcome(use) for name, use in steps.items()}
    random, wrong, noticed, tried = rng(kind), list[str](), 0, 0
    flips, cuts = amounts(len(original), everything=ALL, few=5)
    for what, data in damaged(original, random, flips, cuts):
        file.write_bytes(data)
        tried += 1
        found = {name: outcome(use) for name, use in steps.items()}
        noticed += isinstance(found["verify"], RotoolsError)
        wrong += [f"{what}: {name}: {value!r}" for name, value in found.items() if is_bad(value)]
        if kind not in UNCHECKED and not isinstance(found["verify"], RotoolsError):
            wrong += [f"{what}: {name} changed in silence" for name in found if found[name] != expected[name]]
    file.write_bytes(original)
    print(f"{kind}: {tried} damages, verify noticed {noticed}")
    assert kind in UNCHECKED or noticed > tried / 2
    assert not wrong, "\n".join([*wrong[:40], told(kind)])


def outcome(use: Callable[[], Any]) -> Any:
    try:
        return use()
    except Exception as error:
        return error


def is_bad(value: Any) -> bool:
    """Whether this is another error than a sentence with its place."""
    if isinstance(value, RotoolsError):
        return "\n" in value.what or value.place is None
    return isinstance(value, Exception)


@pytest.mark.parametrize("name", ["pack", "dedup", "filter", "books"])
def test_a_run_continues_from_a_damaged_work_folder(name: str, lab: Lab, tmp_path: Path) -> None:
    """A killed run leaves a journal, tokens, results of books. Whatever happens to them, the next run gives the same bytes."""
    case = Case(lab, verb(name)) if name != "pack" else Case(lab, named(verb(name), "pack again"))
    # The latest kill that leaves the most: before the output gets its name.
    best: dict[Path, bytes] = {}
    for at in range(case.ended.counts["rename"], 0, -1):
        case.reset()
        case.lab.run(case.verb.words, case.folder, Fault("rename", at, "kill"))
        found = {path: path.read_bytes() for path in (case.folder / "out").rglob("*") if path.is_file()}
        if sum(map(len, found.values())) > sum(map(len, best.values())):
            best, kept = found, at
    case.reset()
    case.lab.run(case.verb.words, case.folder, Fault("rename", kept, "kill"))
    state = tmp_path / "state"
    shutil.copytree(case.folder, state)
    files = [path for path in sorted((state / "out").rglob("*")) if path.is_file() and path.stat().st_size]
    random, wrong, tried = rng(name), list[str](), 0
    for file in files if ALL else random.sample(files, min(3, len(files))):
        original = file.read_bytes()
        for what, data in damaged(original, random, *((25, 8) if ALL else (1, 1))):
            shutil.rmtree(case.folder)
            shutil.copytree(state, case.folder)
            (case.folder / file.relative_to(state)).write_bytes(data)
            tried += 1
            wrong += [f"{file.relative_to(state)}: {what}: {found}" for found in case.finish()]
    print(f"{name}: {tried} damages of {len(files)} files")
    assert tried
    assert not wrong, "\n".join([*wrong[:40], told(name)])


def named(verb: Verb, name: str) -> Verb:
    return Verb(name, verb.words, verb.prepare, verb.again, verb.refuses, verb.read, verb.keeps)
