"""Kill a verb, at a call or at a moment, as often as it takes, then let it end: what is wrong with the outcome."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass

from fault_layer import CALLS, COUNT, Fault
from lab import Case, message_is_good

SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}
STOPPED = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL, 128 + signal.SIGTERM, 128 + signal.SIGINT)


@dataclass(frozen=True)
class Kill:
    """A signal before a call of a kind, or after some seconds."""

    how: str
    call: str = ""
    at: int = 0
    after: float = 0.0

    def __str__(self) -> str:
        return f"{self.how} " + (
            f"before {self.call} {self.at}" if self.call else f"after {self.after:.4f} s"
        )


def kills(case: Case, number: int, rng: random.Random) -> list[Kill]:
    """Half of them before calls that change something, each kind as often as it is called; half at random moments. Three in
    four are SIGKILL."""
    changing = ("write", "fsync", "rename", "create", "truncate", "unlink", "mkdir", "close")
    places = [
        (call, at) for call in CALLS if call in changing for at in range(1, case.ended.counts[call] + 1)
    ]
    chosen = rng.sample(places, min(number // 2, len(places)))
    hows = ("kill", "kill", "kill", "kill", "kill", "kill", "term", "int")
    made = [Kill(rng.choice(hows), call, at) for call, at in chosen]
    while len(made) < number:
        made.append(Kill(rng.choice(hows), after=rng.uniform(0, case.ended.seconds)))
    return made


def try_kill(case: Case, kill: Kill, more: list[float]) -> tuple[int, list[str]]:
    """Kill the verb, its continuation after each of the seconds in `more`, then let it end; returns the kills, and what is
    wrong."""
    case.reset()
    fault = Fault(kill.call, kill.at, kill.how) if kill.call else COUNT
    after = None if kill.call else kill.after
    ended = case.lab.run(case.verb.words, case.folder, fault, after, SIGNALS[kill.how])
    killed, wrong = int(ended.code != 0), _state(case, "")
    # A study goes on when the signal ends one of its steps, and names the step.
    if ended.code not in (0, *STOPPED) and "steps failed" not in ended.error:
        wrong.append(f"it ended with {ended.code}: {ended.error.strip()[-600:]}")
    elif ended.code > 0:
        wrong += [line for line in message_is_good(ended) if not line.startswith(("no hint", "no place"))]
        if case.left() and not case.verb.keeps:
            wrong.append(f"left behind: {case.left()}")
    if ended.left:
        wrong.append("a process of it went on")
    if ended.code == 0:
        return killed, wrong + ([] if case.verb.refuses else case.finish())
    for moment in more:
        ended = case.lab.run(case.verb.again or case.verb.words, case.folder, COUNT, moment, signal.SIGKILL)
        killed += ended.code != 0
        wrong += _state(case, "killed again: ")
        if ended.code > 0 and not case.is_whole():
            wrong.append(f"killed again: it ended with {ended.code}: {ended.error.strip()[-600:]}")
    if not (case.verb.refuses and case.is_whole()):
        wrong += case.finish()
    return killed, wrong


def _state(case: Case, when: str) -> list[str]:
    return [f"{when}half written: {name}" for name in case.half()]
