"""List the steps of a study, and run the steps that are not done.

Each step is a `rotrain` command in its own process. A step is done if its outputs exist and the key in its record is still
the same. The key is a hash of the version, the arguments, the content of the files that the step reads (the pack, a task, a
run from the table [take]) and the keys of the steps that it needs. So a change repeats the step and the steps that need it.

A step starts with the removal of its outputs, so a failed step leaves no old result. Only a run stays, because `fit`
continues it. If a step fails, the steps that do not need it still run. The next run of the study tries the step again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotrain import __version__
from rotrain.compare.study import Study, is_folder, quantize_args
from rotrain.evaluation.baselines.models import KINDS, PREFIX
from rotrain.evaluation.known_contamination import FOLDER
from rotrain.files import read_record, sha256_file, write_record

FORMAT, VERSION = "rotrain-step", 1
FLOAT = "f16"
WAIT_MINUTES, QUICK_WAIT_MINUTES = 10, 0
"""How long each benchmark of a study waits for a quiet machine. Then its figures are marked, and the next call measures again."""


@dataclass(frozen=True)
class Step:
    """A command of `rotrain`.

    Attributes:
        name: Name of the step, such as `fit mamba2-nano`.
        args: Arguments of the command.
        outputs: Files and folders that the step writes.
        reads: Files whose content decides whether the step is done.
        needs: Names of the steps that must be done before.
    """

    name: str
    args: tuple[str, ...]
    outputs: tuple[Path, ...]
    reads: tuple[Path, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the step: sweep, fit, export, quantize, evaluate or bench."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

    Attributes:
        step: The step.
        state: `done`, `kept` (it was done before), `failed`, or `left` (skipped, because a step that it needs failed).
        message: Why the step failed or was skipped. Empty for the other states.
    """

    step: Step
    state: str
    message: str = ""


def runs_of(study: Study) -> dict[str, Path]:
    """Return the runs of a study by name: the existing runs of the table [take], then the runs that the study trains."""
    return {**study.take, **{name: study.out / name for name in _trained(study)}}


def steps_of(study: Study) -> list[Step]:
    """Return all steps of a study. Each step comes after the steps that it needs."""
    trained = _trained(study)
    steps = [_sweep(study, arch) for arch in study.archs] if study.sweep_lr else []
    steps += [_fit(study, name, arch, seed) for name, (arch, seed) in trained.items()]
    for name, path in runs_of(study).items():
        run = _RunSteps(study, name, path, trained=name in trained)
        steps.append(run.evaluate(name, path, path))
        targets = []
        floats = path / "variants" / FLOAT / "model.gguf"
        for variant in variants_of(study):
            folder = path / "variants" / variant
            target = folder / ("weights" if is_folder(variant) else "model.gguf")
            made = run.export(target) if variant == FLOAT else run.quantize(variant, target)
            # A GGUF type is compared with the floats of its own engine: two engines round differently.
            against = None if variant == FLOAT else path if is_folder(variant) else floats
            steps += [made, run.evaluate(f"{name} {variant}", target, folder, after=made, against=against)]
            targets.append((made, target))
        if study.bench is not None:
            steps.append(run.bench(targets, quick=study.bench.quick))
    models = {**{kind: f"{PREFIX}{kind}" for kind in KINDS}, **study.baselines}
    for name, file in baselines_of(study).items():
        asked = _evaluate_args(study) if name in study.baselines else _text_args(study)
        args = ["evaluate", models[name], *asked, "--out", str(file)]
        reads = (_pack(study), *study.evaluate.outside, *_files_of(models[name]))
        # A baseline can have the name of a run.
        steps.append(Step(f"evaluate baseline {name}", tuple(args), (file,), reads))
    return steps


def baselines_of(study: Study) -> dict[str, Path]:
    """Return the result files of the baselines by name: those without a network, then the models of others."""
    return {name: study.out / "baselines" / name / "evaluation.json" for name in (*KINDS, *study.baselines)}


def variants_of(study: Study) -> list[str]:
    """Return the variants of each run. With a GGUF type comes the f16 GGUF: what llama.cpp computes without quantization."""
    of_llama = [variant for variant in study.variants if not is_folder(variant)]
    return [*([FLOAT] if of_llama and FLOAT not in of_llama else []), *study.variants]


def run_matrix(
    study: Study,
    steps: Sequence[Step],
    on_start: Callable[[str, float | None], None] = lambda _name, _remaining_s: None,
    on_line: Callable[[str], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Run the steps that are not done, and yield how each step ended.

    Args:
        study: The study.
        steps: The steps of the study, see `steps_of`.
        on_start: Called when a step starts, with its name and the estimated seconds to the end of the study (None if not
            known).
        on_line: Called with each line that a step prints.
    """
    keys: dict[str, str] = {}
    durations: dict[str, list[float]] = {}
    for step in steps:
        if "seconds" in (done := _record_of(study, step)):
            durations.setdefault(step.kind, []).append(done["seconds"])
    for number, step in enumerate(steps, 1):
        missing = [need for need in step.needs if need not in keys]
        if missing:
            yield Outcome(step, "left", f"{missing[0]} failed")
            continue
        key = _step_key(step, keys)
        record = _record_file(study, step)
        made = all(path.exists() for path in step.outputs)
        if made and _record_of(study, step).get("key") == key and not _is_disturbed(step):
            keys[step.name] = key
            yield Outcome(step, "kept")
            continue
        on_start(f"[{number}/{len(steps)}] {step.name}", _remaining_s(study, steps[number - 1 :], durations))
        _remove_outputs(step)
        started_at = time.monotonic()
        message = _run_step(step, on_line)
        if message is not None:
            yield Outcome(step, "failed", message)
            continue
        keys[step.name] = key
        seconds = round(time.monotonic() - started_at, 1)
        durations.setdefault(step.kind, []).append(seconds)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_record(
            record,
            {
                "format": FORMAT,
                "version": VERSION,
                "step": step.name,
                "key": key,
                "words": step.args,
                "seconds": seconds,
            },
        )
        yield Outcome(step, "done")


def _remaining_s(study: Study, steps: Sequence[Step], durations: Mapping[str, list[float]]) -> float | None:
    """Estimate the seconds that these steps take, from the mean time of earlier steps of the same kind.

    The result is None if there is a kind without an earlier step. The first step is about to start. A later step that has a
    record counts as zero, because it is probably kept.
    """
    first, *others = steps
    kinds = [first.kind, *(step.kind for step in others if not _record_of(study, step))]
    if any(kind not in durations for kind in kinds):
        return None
    return sum(statistics.mean(durations[kind]) for kind in kinds)


def _trained(study: Study) -> dict[str, tuple[str, int]]:
    """Return the architecture and the seed of each run that the study trains, by the name of the run."""
    several = len(study.seeds) > 1
    return {
        f"{arch}-{study.size}" + (f"-s{seed}" if several else ""): (arch, seed)
        for arch in study.archs
        for seed in study.seeds
    }


def _pack(study: Study) -> Path:
    """Return the manifest of the pack. It has the hashes of all files of the pack."""
    return study.data / "manifest.json"


def sweep_of(study: Study, arch: str) -> Path:
    """Return the folder of the learning rate sweep of an architecture.

    The sweep uses the first seed and the full number of steps, because the best rate for fewer steps may be another one.
    """
    return study.out / "sweeps" / f"{arch}-{study.size}"


def rates_at_edge(study: Study) -> dict[str, float]:
    """Return the best learning rate of each architecture whose best rate is the highest or lowest of its sweep."""
    found = {}
    for arch in study.archs if study.sweep_lr else ():
        try:
            result = read_record(sweep_of(study, arch) / "sweep.json")
        except OSError:  # the sweep failed, and its outcome was reported
            continue
        if result["at_edge"]:
            found[arch] = result["best_lr"]
    return found


def _sweep(study: Study, arch: str) -> Step:
    out = sweep_of(study, arch)
    args = [*_fit_args(study, arch, study.seeds[0], out), "--sweep-lr", ",".join(map(str, study.sweep_lr))]
    return Step(f"sweep {out.name}", tuple(args), (out / "sweep.json",), (_pack(study),))


def _fit(study: Study, name: str, arch: str, seed: int) -> Step:
    out = study.out / name
    args, needs = _fit_args(study, arch, seed, out), list[str]()
    if study.sweep_lr:
        sweep = sweep_of(study, arch)
        args, needs = [*args, "--lr-of", str(sweep)], [f"sweep {sweep.name}"]
    return Step(f"fit {name}", tuple(args), (out / "summary.json",), (_pack(study),), tuple(needs))


def _text_args(study: Study) -> list[str]:
    """Return what text is scored: the same for all models, and all that a baseline without a network is asked."""
    args = ["--data", str(study.data), "--max-bytes", str(study.evaluate.max_bytes)]
    for file in study.evaluate.outside:
        args += ["--outside", str(file)]
    # The training text is read once for the study, and not for each of its models.
    return args + (["--outside-cache", str(study.out / FOLDER)] if study.evaluate.outside else [])


def _evaluate_args(study: Study) -> list[str]:
    """Return what all evaluations of models have in common: other text or windows would be other figures."""
    options = study.evaluate
    args = [*_text_args(study), "--probes", options.probes]
    return args + ([] if options.context is None else ["--context", str(options.context)])


def _files_of(baseline: str) -> tuple[Path, ...]:
    """Return the files of a model of others on this disk; none for a model of the hub."""
    if baseline.startswith(PREFIX):
        return ()
    path = Path(baseline.removeprefix("hf:"))
    if path.is_dir():
        return tuple(sorted({*(file for file in path.iterdir() if file.is_file()), *_weights_of(path)}))
    return (path,) if path.is_file() or not baseline.startswith("hf:") else ()


def _fit_args(study: Study, arch: str, seed: int, out: Path) -> list[str]:
    args = ["fit", "--arch", arch, "--size", study.size, "--data", str(study.data), "--out", str(out)]
    args += ["--seed", str(seed)]
    args += [] if study.steps is None else ["--steps", str(study.steps)]
    for assignment in study.set:
        args += ["--set", assignment]
    return args


class _RunSteps:
    """Makes the steps that work on one run. They all read the same files and need the same training."""

    def __init__(self, study: Study, name: str, path: Path, *, trained: bool) -> None:
        self.study, self.name, self.path = study, name, path
        self.needs = (f"fit {name}",) if trained else ()
        self.reads = (_pack(study), *(() if trained else _weights_of(path)))

    def export(self, target: Path) -> Step:
        """Return the step that writes the f16 GGUF."""
        args = ("export", str(self.path), "--to", "gguf", "--type", FLOAT, "--out", str(target))
        return Step(f"export {self.name} {FLOAT}", args, (target,), self.reads, self.needs)

    def quantize(self, variant: str, target: Path) -> Step:
        args = ["quantize", str(self.path), *quantize_args(variant), "--calibrate", str(self.study.data)]
        args += ["--out", str(target)]
        return Step(f"quantize {self.name} {variant}", tuple(args), (target,), self.reads, self.needs)

    def evaluate(
        self, name: str, model: Path, folder: Path, *, after: Step | None = None, against: Path | None = None
    ) -> Step:
        """Return the step that evaluates the run itself, or the variant that the step `after` makes from it, against a reference."""
        options, out = self.study.evaluate, folder / "evaluation.json"
        args = ["evaluate", str(model), *_evaluate_args(self.study), "--out", str(out)]
        args += ["--tasks", ",".join(options.tasks)] if options.tasks else []
        needs = self.needs
        if after is not None:
            needs = (after.name,)
        if against is not None:
            args += ["--against", str(against), "--against-tokens", str(options.against_tokens)]
            if against != self.path:
                needs = (*needs, f"export {self.name} {FLOAT}")
        tasks = tuple(Path(task) for task in options.tasks if task.endswith(".jsonl"))
        return Step(f"evaluate {name}", tuple(args), (out,), (*self.reads, *options.outside, *tasks), needs)

    def bench(self, targets: Sequence[tuple[Step, Path]], *, quick: bool) -> Step:
        out = self.path / "bench.json"
        args = ["bench", str(self.path), *(str(target) for _, target in targets)]
        args += ["--quick"] if quick else []
        args += ["--wait", str(QUICK_WAIT_MINUTES if quick else WAIT_MINUTES)]
        needs = (*self.needs, *(step.name for step, _ in targets))
        return Step(f"bench {self.name}", (*args, "--out", str(out)), (out,), self.reads, needs)


def _weights_of(run: Path) -> tuple[Path, ...]:
    """Return the files that change when the weights of an existing run or folder change."""
    states = sorted(run.glob("checkpoints/step-*/state.json"))
    return tuple(states[-1:] or sorted(run.glob("*.safetensors")))


def _remove_outputs(step: Step) -> None:
    for path in () if step.args[0] == "fit" else step.outputs:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in step.outputs:
        path.parent.mkdir(parents=True, exist_ok=True)


def _is_disturbed(step: Step) -> bool:
    """Return whether a benchmark holds figures that other programs disturbed: it is unfinished work."""
    if step.kind != "bench":
        return False
    try:
        return any(row["contended"] for row in read_record(step.outputs[0])["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _run_step(step: Step, on_line: Callable[[str], None]) -> str | None:
    """Run a step and call `on_line` with each line that it prints. Return the error line if it fails, else None."""
    last_line = ""
    command = [sys.executable, "-m", "rotrain", *step.args]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in map(str.rstrip, process.stderr):
            if line.startswith("error:") or (line and not last_line.startswith("error:")):
                last_line = line
            on_line(line)
    return None if process.returncode == 0 else last_line or f"it ended with exit code {process.returncode}"


def _step_key(step: Step, keys: dict[str, str]) -> str:
    # A missing file is no error here: the command of the step reports it.
    digests = [sha256_file(path) if path.is_file() else None for path in step.reads]
    content = json.dumps([__version__, step.args, digests, [keys[need] for need in step.needs]])
    return hashlib.sha256(content.encode()).hexdigest()


def _record_file(study: Study, step: Step) -> Path:
    # A name of a run or variant may hold `_`, `-` and `.`, and no `+`: no two steps share a file.
    return study.out / "steps" / f"{step.name.replace(' ', '+')}.json"


def _record_of(study: Study, step: Step) -> dict[str, Any]:
    """Return the record of a step, or an empty dictionary if there is no record of this version.

    Older versions joined the words by `_`, so the steps of run `a` with variant `b` and of run `a_b` shared a file. Such a record counts for
    the step that it names.
    """
    file = _record_file(study, step)
    for place in (file, file.with_name(f"{step.name.replace(' ', '_')}.json")):
        try:
            found = read_record(place)
        except (OSError, ValueError):
            continue
        if found.get("version") == VERSION and found.get("step") == step.name:
            return found
    return {}
