"""Estimate what `pack` needs: pack a sample with the default options, time it here, and scale the figures up.

Time and disk of a step grow with the text, so they are multiplied by (all text / text of the sample). The size of all text
follows from the sizes of the files and from the bytes of text that a byte on disk gave in the sample. Training the merges of
the tokenizer is the exception: its time depends on the number of different words, which grows with about the square root of
the text (Heaps' law).
"""

import tempfile
import time
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.options import MAX_RAM, VALID_SHARE, VOCAB_SIZE, Paths, Preset, size_bytes
from rotools.phases import CorePhase, PhasesLike, resolve
from rotools.progress import Callback, Status, run

__all__ = ["SAMPLE", "Plan", "Step", "plan"]

SAMPLE = "32M"

POLL_SECONDS = 0.01
"""Between two looks at the running step. Steps of the sample take tenths of a second."""


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

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `rotools plan --json` prints them."""
        return asdict(self)


def plan(
    inputs: Paths | None = None,
    *,
    phases: PhasesLike | None = None,
    config: str | PathLike[str] | None = None,
    tokenizer: str | PathLike[str] | None = None,
    vocab_size: int = VOCAB_SIZE,
    preset: Preset = "default",
    max_ram: int | str = MAX_RAM,
    sample: int | str = SAMPLE,
    text_field: str = "text",
    id_field: str | None = None,
    threads: int = 0,
    progress: Callback | None = None,
) -> Plan:
    """Estimate the memory, disk and time that `pack` needs. A sample is packed and timed on this machine.

    The command writes only a temporary folder. A busy machine gives a longer estimate.

    Args:
        inputs: Files of one phase, `web`: files, folders or globs.
        phases: In place of `inputs`: inputs by the names of their phases, or a list of `Phase`, in the order of training.
        config: In place of `inputs`: a corpus file in TOML.
        tokenizer: A tokenizer.json. None: train one on the corpus.
        vocab_size: Size of a tokenizer that is trained.
        preset: `default`, `strict` or `exact`, as for `pack`.
        max_ram: Memory of the whole run, in bytes or as `4G`.
        sample: Text to measure on, in bytes or as `32M`.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the sample's run (see `rotools.progress`).

    Returns:
        The estimate.

    Raises:
        RotoolsError: An input cannot be read, is standard input, or nothing in the sample passes the filter.

    Examples:
        >>> import json
        >>> folder = Path(tempfile.mkdtemp())
        >>> words = "Ana are mere și pere, iar fratele ei a mers la școală ca să învețe o poezie despre toamnă. "
        >>> lines = [json.dumps({"text": f"{words * 3}{i}. {i * i} de copii au citit."}) for i in range(60)]
        >>> _ = (folder / "web.jsonl").write_text("\\n".join(lines))
        >>> estimate = plan(folder / "web.jsonl", vocab_size=300, preset="exact")
        >>> estimate.documents, estimate.whole
        (60, True)
    """
    return _measure(
        resolve(inputs, phases, config),
        sample=size_bytes(sample),
        max_ram=size_bytes(max_ram),
        preset=preset,
        watch=progress,
        tokenizer=tokenizer,
        vocab_size=vocab_size,
        valid_share=VALID_SHARE,
        text_field=text_field,
        id_field=id_field,
        accept_loss=True,
        threads=threads,
    )


def _measure(
    phases: list[CorePhase],
    *,
    sample: int,
    max_ram: int,
    preset: str,
    watch: Callback | None,
    **options: Any,
) -> Plan:
    """Pack a sample of about `sample` bytes of text with the options of `_rotext.pack`, and scale the figures up."""
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
        seconds, journal = _timed(taken, out, options, watch)
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
    """Return how much longer a step takes on all of the input than on the sample."""
    verb, _, phase = step.partition(" ")
    if verb == "look":
        # For the first document that is held out.
        return 1.0
    if verb in {"sign", "count", "encode"}:
        return phases.get(phase, scale)
    return float(scale**0.5) if verb in {"merge", "train"} else scale


def _timed(
    phases: list[CorePhase], out: Path, options: dict[str, Any], watch: Callback | None
) -> tuple[list[tuple[str, float]], int]:
    """Run the sample.

    Returns:
        (step, seconds) in order, and the largest size of the journal on the disk. A step that ends between two looks is
        counted with the one before it.
    """
    began = time.perf_counter()
    marks: list[tuple[int, str, float]] = []
    journal = 0

    def look(status: Status) -> None:
        nonlocal journal
        if status.step and (not marks or marks[-1][0] != status.number):
            marks.append((status.number, status.step, time.perf_counter()))
            journal = max(journal, _size(out.with_name("pack.partial") / "journal"))
        if watch is not None:
            watch(status)

    run(lambda counters: _rotext.pack(phases, out, progress=counters, **options), look, POLL_SECONDS)
    ends = [mark[2] for mark in marks[1:]] + [time.perf_counter()]
    starts = [began] + [mark[2] for mark in marks[1:]]
    return [
        (name, end - start) for (_, name, _), start, end in zip(marks, starts, ends, strict=True)
    ], journal


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.exists() else 0
