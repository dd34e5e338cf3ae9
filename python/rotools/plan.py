"""What a run of `rotools pack` will take: the default road on a sample of the input, timed here, and scaled up.

Time and disk of every step grow with the text, so they are multiplied by (all text / text of the sample); the size of
all text follows from the sizes of the files and how many bytes of text a byte on disk gave in the sample. Training the
tokenizer's merges is the exception: it hangs on the number of different words, which grows as about the square root of the
text (Heaps' law), and is multiplied by that.
"""

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools._rotext import Progress
from rotools.background import Background

POLL_SECONDS = 0.01
"""Between two looks at the running step; steps of the sample take tenths of seconds."""


@dataclass(frozen=True)
class Step:
    """One step: its name in the progress, seconds on the sample, and seconds expected of all."""

    name: str
    sample_seconds: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """The figures; bytes and seconds."""

    text_bytes: int
    documents: int
    sample_text_bytes: int
    whole: bool
    """The sample was all there is, so nothing was scaled."""
    steps: list[Step]
    seconds: float
    memory: int
    """The most that the run will hold."""
    memory_needed: int
    """The least `max_ram` that it can do with."""
    scratch: int
    """On the disk of the output, until the run ends."""
    output: int

    def as_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def plan(
    phases: list[tuple[str, list[str], int, str]], *, sample: int, max_ram: int, preset: str, **options: Any
) -> Plan:
    """Packs a sample of about `sample` bytes of text with the options of `_rotext.pack` and scales the figures up.

    Raises:
        RotoolsError: an input cannot be read, is standard input, or nothing in the sample passes the filter.
    """
    with tempfile.TemporaryDirectory(prefix="rotools-plan-") as folder:
        heads = []
        for name, inputs, _, _ in phases:
            heads.append(
                _rotext.head(
                    inputs,
                    Path(folder) / f"{name}.jsonl",
                    size=sample // len(phases),
                    text_field=options["text_field"],
                    id_field=options["id_field"],
                    progress=Progress(),
                )
            )
        scales = [
            head["total_disk"] / head["disk"] if head["disk"] and not head["whole"] else 1.0 for head in heads
        ]
        taken = [
            (name, [str(Path(folder) / f"{name}.jsonl")], epochs, kind) for name, _, epochs, kind in phases
        ]
        out = Path(folder) / "pack"
        options |= {"text_field": "text", "id_field": "id", "dedup": preset, "max_ram": max_ram}
        seconds, journal = _timed(taken, out, options)
        produced = sum(path.stat().st_size for path in out.iterdir() if path.name != "tokenizer.json")
    texts = [head["bytes"] for head in heads]
    text = sum(size * scale for size, scale in zip(texts, scales, strict=True))
    documents = round(sum(head["documents"] * scale for head, scale in zip(heads, scales, strict=True)))
    scale = text / max(sum(texts), 1)
    by_phase = dict(zip((phase[0] for phase in phases), scales, strict=True))
    steps = [Step(name, spent, spent * _growth(name, scale, by_phase)) for name, spent in seconds]
    dedup = _rotext.dedup_estimate(documents, preset=preset, max_ram=max_ram, threads=options["threads"])
    return Plan(
        text_bytes=round(text),
        documents=documents,
        sample_text_bytes=sum(texts),
        whole=all(head["whole"] for head in heads),
        steps=steps,
        seconds=sum(step.seconds for step in steps),
        memory=dedup["memory"],
        memory_needed=dedup["memory_needed"],
        scratch=round(journal * scale) + dedup["scratch"],
        output=round(produced * scale),
    )


def _growth(step: str, scale: float, phases: dict[str, float]) -> float:
    """How much longer a step takes on all of the input than on the sample."""
    verb, _, phase = step.partition(" ")
    if verb == "look":
        # For the first document that is held out.
        return 1.0
    if verb in {"sign", "count", "encode"}:
        return phases.get(phase, scale)
    return float(scale**0.5) if verb in {"merge", "train"} else scale


def _timed(
    phases: list[tuple[str, list[str], int, str]], out: Path, options: dict[str, Any]
) -> tuple[list[tuple[str, float]], int]:
    """Runs the sample; seconds of each step in order, and the most bytes of the journal that lay on the disk.

    A step that is over between two looks is counted with the one before it.
    """
    progress, began = Progress(), time.perf_counter()
    marks: list[tuple[int, str, float]] = []
    journal = 0

    def look(running: Background[dict[str, Any]]) -> None:
        nonlocal journal
        while running.runs(POLL_SECONDS):
            name, number, *_ = progress.snapshot()
            if name and (not marks or marks[-1][0] != number):
                marks.append((number, name, time.perf_counter()))
                journal = max(journal, _size(out.with_name("pack.partial") / "journal"))

    Background(lambda: _rotext.pack(phases, out, progress=progress, **options), progress.cancel).result(look)
    ends = [mark[2] for mark in marks[1:]] + [time.perf_counter()]
    starts = [began] + [mark[2] for mark in marks[1:]]
    return [
        (name, end - start) for (_, name, _), start, end in zip(marks, starts, ends, strict=True)
    ], journal


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.exists() else 0
