"""Many faults or kills of one verb, with all findings in one failure, and the counts printed."""

from __future__ import annotations

from collections import Counter

from effort import rng, told
from injected import faults_of, try_fault
from killed import kills, try_kill
from lab import Case


def fail_everywhere(case: Case, most: int | None, sample: int | None = None) -> None:
    """Let each call fail; of each kind and way at most `most`, and of all `sample` by chance."""
    done, wrong = Counter[str](), list[str]()
    faults = list(faults_of(case, most))
    if sample is not None:
        faults = rng(case.verb.name).sample(faults, min(sample, len(faults)))
    for fault in faults:
        done[fault.call] += 1
        wrong += try_fault(case, fault)
    print(f"{case.verb.name}: {done.total()} faults {dict(done)}")
    assert not wrong, "\n".join(wrong)


def kill_often(case: Case, number: int) -> None:
    """Kill the verb in `number` runs; some are killed again while they continue."""
    random = rng(case.verb.name)
    killed, wrong = 0, list[str]()
    for kill in kills(case, number, random):
        more = [random.uniform(0, case.ended.seconds) for _ in range(random.choice((0, 0, 1, 3)))]
        times, found = try_kill(case, kill, more)
        killed += times
        wrong += [f"{case.verb.name}: {kill}, then after {more}: {what}" for what in found]
    print(f"{case.verb.name}: {killed} kills")
    assert not wrong, "\n".join([*wrong, told(case.verb.name)])
