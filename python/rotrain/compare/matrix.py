"""The steps of a study, each a command in a process of its own, done once.

A step is done when its outputs are there and its record says the same words and the same state of the
steps it builds on: a changed study does again what changed, and what builds on it. A step that fails is
reported and the others go on; the next run of the study tries it again.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rotrain.compare.study import Study, is_folder, quantize_words
from rotrain.files import write_json

FORMAT, VERSION = "rotrain-step", 1


@dataclass(frozen=True)
class Step:
    """A command of `rotrain`, what it makes, and the steps it needs."""

    name: str
    words: tuple[str, ...]
    outputs: tuple[Path, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a step ended: `done`, `kept` (it was done before), `failed` or `left` (what it needs failed)."""

    step: Step
    state: str
    message: str = ""


def runs_of(study: Study) -> dict[str, Path]:
    """The runs of a study by name: those taken, then those it trains."""
    trained = {
        f"{arch}-{study.size}" + (f"-s{seed}" if len(study.seeds) > 1 else ""): (arch, seed)
        for arch in study.archs
        for seed in study.seeds
    }
    return {**study.take, **{name: study.out / name for name in trained}}


def steps_of(study: Study) -> list[Step]:
    """All steps, in an order in which each comes after what it needs."""
    steps: list[Step] = []
    for arch in study.archs:
        for seed in study.seeds:
            steps.append(_fit(study, arch, seed))
    trained = {step.name.removeprefix("fit "): step.name for step in steps}
    for name, path in runs_of(study).items():
        needs = (trained[name],) if name in trained else ()
        steps.append(_evaluate(study, name, path, path, needs))
        timed = [str(path)]
        made = []
        for variant in study.variants:
            folder = path / "variants" / variant
            quantize = _quantize(study, name, path, variant, needs)
            steps.append(quantize)
            target = _weights(folder, variant)
            steps.append(
                _evaluate(study, f"{name} {variant}", target, folder, (quantize.name,), against=path)
            )
            timed.append(str(target))
            made.append(quantize.name)
        if study.bench is not None:
            words = ("bench", *timed, *(("--quick",) if study.bench.quick else ()))
            out = path / "bench.json"
            steps.append(
                Step(f"bench {name}", (*words, "--out", str(out), "--quiet"), (out,), (*needs, *made))
            )
    return steps


def run_matrix(
    study: Study, steps: Sequence[Step], tell: Callable[[str], None] = lambda _: None
) -> Iterator[Outcome]:
    """Do what is not done. `tell` is called when a step begins."""
    records = study.out / "steps"
    keys: dict[str, str] = {}
    for number, step in enumerate(steps, 1):
        missing = [need for need in step.needs if need not in keys]
        if missing:
            yield Outcome(step, "left", f"{missing[0]} failed")
            continue
        key = _key(step, keys)
        record = records / f"{_file_name(step.name)}.json"
        if _is_done(record, key) and all(path.exists() for path in step.outputs):
            keys[step.name] = key
            yield Outcome(step, "kept")
            continue
        tell(f"[{number}/{len(steps)}] {step.name}")
        message = _run(step)
        if message is None:
            keys[step.name] = key
            records.mkdir(parents=True, exist_ok=True)
            write_json(
                record,
                {"format": FORMAT, "version": VERSION, "step": step.name, "key": key, "words": step.words},
            )
            yield Outcome(step, "done")
        else:
            yield Outcome(step, "failed", message)


def _fit(study: Study, arch: str, seed: int) -> Step:
    name = f"{arch}-{study.size}" + (f"-s{seed}" if len(study.seeds) > 1 else "")
    out = study.out / name
    words = ["fit", "--arch", arch, "--size", study.size, "--data", str(study.data), "--out", str(out)]
    words += ["--seed", str(seed)]
    words += [] if study.steps is None else ["--steps", str(study.steps)]
    for assignment in study.set:
        words += ["--set", assignment]
    return Step(f"fit {name}", tuple(words), (out / "summary.json",))


def _quantize(study: Study, name: str, run: Path, variant: str, needs: tuple[str, ...]) -> Step:
    target = _weights(run / "variants" / variant, variant)
    words = ("quantize", str(run), *quantize_words(variant), "--calibrate", str(study.data))
    return Step(f"quantize {name} {variant}", (*words, "--out", str(target), "--quiet"), (target,), needs)


def _evaluate(
    study: Study, name: str, model: Path, folder: Path, needs: tuple[str, ...], against: Path | None = None
) -> Step:
    asked, out = study.evaluate, folder / "evaluation.json"
    words = ["evaluate", str(model), "--data", str(study.data), "--max-bytes", str(asked.max_bytes)]
    words += ["--probes", asked.probes, "--out", str(out), "--quiet"]
    words += ["--tasks", ",".join(asked.tasks)] if asked.tasks else []
    if against is not None:
        words += ["--against", str(against), "--against-tokens", str(asked.against_tokens)]
    return Step(f"evaluate {name}", tuple(words), (out,), needs)


def _weights(folder: Path, variant: str) -> Path:
    return folder / "weights" if is_folder(variant) else folder / "model.gguf"


def _run(step: Step) -> str | None:
    """Run a step; None, or what it said when it failed. Its bars go where ours would."""
    for path in step.outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [sys.executable, "-m", "rotrain", *step.words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if ended.returncode == 0:
        return None
    said = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    return (said or ended.stderr.splitlines() or [f"it ended with {ended.returncode}"])[-1]


def _key(step: Step, keys: dict[str, str]) -> str:
    content = json.dumps([step.words, [keys[need] for need in step.needs]])
    return hashlib.sha256(content.encode()).hexdigest()


def _is_done(record: Path, key: str) -> bool:
    try:
        found = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("version") == VERSION and found.get("key") == key


def _file_name(name: str) -> str:
    return name.replace(" ", "_").replace("/", "_")
