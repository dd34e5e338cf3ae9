"""Every call of a verb fails once, in every way that its kind can: what is wrong with the outcomes."""

from __future__ import annotations

from collections.abc import Iterator

from fault_layer import CALLS, HOW, Fault
from lab import Case, message_is_good

HARMLESS = ("EINTR", "short")
"""What a program must handle so that its result is the same."""


def faults_of(case: Case, most: int | None) -> Iterator[Fault]:
    """All faults of a verb; of each kind of call and way, at most `most`, evenly over its calls. Once the disk refuses it may
    go on to do so: for writes and removals that is tried too."""
    for call in CALLS:
        number = case.ended.counts[call]
        for how in HOW[call]:
            places = range(1, number + 1)
            if most is not None and number > most:
                places = sorted({1 + i * number // most for i in range(most)})  # type: ignore[assignment]
            for at in places:
                yield Fault(call, at, how)
                if call in ("write", "fsync") and how in ("ENOSPC", "EIO"):
                    yield Fault(call, at, how, count=0)


def try_fault(case: Case, fault: Fault) -> list[str]:
    """Do the verb with a fault, then without; returns what is wrong."""
    case.reset()
    ended = case.lab.run(case.verb.words, case.folder, fault)
    forgiven = case.verb.forgives and fault.call in ("read", "open", "close") and ended.code == 0
    wrong = [] if forgiven else [f"half written: {name}" for name in case.half()]
    wrong += ["a process of it went on"] if ended.left else []
    if ended.code == 0:
        # A success may leave a temporary file when the system does not let it be removed; the next run does.
        litter = fault.call in ("unlink", "open")
        differing = [name for name in case.differs() if not (litter and case.is_own(name))]
        if differing and not forgiven:
            wrong.append(f"it ended with 0, and these differ: {differing}; {ended.error.strip()[-300:]}")
    else:
        if fault.how in HARMLESS:
            wrong.append(f"it gave up: {ended.error.strip()[-600:]}")
        wrong += message_is_good(ended)
        # A finished folder that cannot get its name stays, and the hint names it.
        if fault.call != "unlink" and not (
            fault.call == "rename" and ".partial: rename that directory" in ended.error
        ):
            wrong += [f"left behind: {name}" for name in case.left()]
    # A command that fails after its output has its name (a folder that cannot be synced) leaves it whole.
    if not (case.verb.refuses and case.is_whole()):
        # A run that is at its end already removes nothing.
        wrong += case.finish(litter=fault.call == "unlink")
    return [
        f"{case.verb.name}: {fault.call} {fault.at} {fault.how}{' on' * (not fault.count)}: {what}"
        for what in wrong
    ]
