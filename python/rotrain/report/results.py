"""What there is of every model, read from its files.

A run has its own: config.json, metrics.jsonl, samples.jsonl, evaluation.json, bench.json. What was made
of it lies in `variants/NAME/`, each with the record of how it was made, and again evaluation and bench. A file says
what it is by its `format`; one of a version this program does not know is refused, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotrain.config import ModelConfig
from rotrain.errors import RotrainError, reason, system_hint
from rotrain.evaluation.baselines.models import KINDS
from rotrain.files import SEAL, open_line, open_record, parse_json
from rotrain.models import count
from rotrain.run.directory import RunDirectory
from rotrain.run.metrics import read_metrics

Json = dict[str, Any]
KNOWN = {"rotrain-evaluation": 1, "rotrain-quantized": 1, "rotrain-bench": 1}
OURS = {
    "evaluation.json": "an evaluation",
    "bench.json": "a benchmark",
    "quantization.json": "a quantized model",
    "model.gguf.json": "a quantized model",
}
"""The names that we choose for results, and what each is."""
BASELINE = "baseline"  # the variant of a model of somebody else
NO_ENGINE = "none"
TRAINED = "fp32"  # the variant that is the run's own weights


@dataclass(frozen=True)
class Cell:
    """One row: a variant of a run, and what is known of it. `bench`: its rows of `rotrain bench`."""

    run: str
    variant: str
    evaluation: Json | None
    artifact: Json | None
    bench: Sequence[Json]

    @property
    def name(self) -> str:
        """`llama-mha-nano q4_k_m`."""
        return f"{self.run} {self.variant}"

    @property
    def engine(self) -> str:
        """What computed its scores: `llama.cpp`, `PyTorch`, or `none` for a baseline without a network. '' without scores."""
        if self.evaluation is None:
            return ""
        model = self.evaluation["model"]
        if model["arch"] in KINDS:
            return NO_ENGINE
        return "llama.cpp" if "llamacpp" in str(model.get("engine")) else "PyTorch"


@dataclass(frozen=True)
class Run:
    """A trained model and its variants; or a model of somebody else, of which there is only an evaluation (`model` is None)."""

    name: str
    path: Path
    model: ModelConfig | None
    config: Json
    data: Json
    machine: Json
    metrics: list[Json]
    samples: list[Json]
    summary: Json | None
    started: Json = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    @property
    def arch(self) -> str:
        """Its architecture."""
        return str(self._described["arch"]) if self.model is None else self.model.arch

    @property
    def counts(self) -> bool:
        """Whether it is a baseline without a network: n-grams or a file compressor."""
        return self.model is None and self.arch in KINDS

    @property
    def parameters(self) -> int:
        """Parameters, the tied matrix once."""
        return int(self._described["parameters"]) if self.model is None else count.param_count(self.model)

    @property
    def _described(self) -> Json:
        evaluation = self.cells[0].evaluation
        assert evaluation is not None
        described: Json = evaluation["model"]
        return described


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Runs with their variants, in the order given. Runs and files of one name are told apart by their folders.

    A file is the evaluation of a model of somebody else (`rotrain evaluate hf:NAME --out FILE`): one row, a baseline.
    """
    paths = [Path(path) for path in paths]
    names = [_name(path) for path in paths]
    return [
        (_baseline if path.suffix == ".json" else _run)(path, name if names.count(name) == 1 else str(path))
        for path, name in zip(paths, names, strict=True)
    ]


def _name(path: Path) -> str:
    if path.suffix != ".json":
        return path.name
    return path.parent.name if path.name == "evaluation.json" else path.stem


def _baseline(file: Path, name: str) -> Run:
    try:
        evaluation = _read(file)
    except FileNotFoundError:
        evaluation = None
    if evaluation is None or evaluation["format"] != "rotrain-evaluation":
        raise RotrainError(
            "this is not the result of `rotrain evaluate`", place=file, hint="make it with --out FILE"
        )
    cell = Cell(name, BASELINE, evaluation, None, [])
    return Run(name, file, None, {}, {}, {}, [], [], None, cells=[cell])


def _run(path: Path, name: str) -> Run:
    files = RunDirectory(path)
    record = files.read_config()
    if record is None:
        raise RotrainError("there is no run here", place=path, hint="train one with `rotrain fit`")
    metrics = read_metrics(files.metrics) if files.metrics.exists() else []
    run = Run(
        name=name,
        path=path,
        model=ModelConfig.model_validate(record["model"]),
        config=record["config"],
        data=record["data"],
        machine=record["machine"],
        metrics=metrics,
        samples=list(_samples(files.samples)),
        summary=files.read_summary(),
        started=record.get("started", {}),  # runs of older versions do not say when and where they started
    )
    _check_samples(run, files.samples)
    timed = _timed(path)
    run.cells.append(_cell(name, TRAINED, path, [row for row in timed if _is_trained(row, path)]))
    variants = path / "variants"
    if variants.is_dir():
        for folder in sorted(folder for folder in variants.iterdir() if folder.is_dir()):
            inside = [
                row for row in timed if any(folder.resolve() in place.parents for place in _places(row, path))
            ]
            run.cells.append(_cell(name, folder.name, folder, inside))
    return run


def _cell(run: str, variant: str, folder: Path, timed: Sequence[Json]) -> Cell:
    # A variant in our own format is a folder, `weights/`.
    files = [*sorted(folder.glob("*.json")), *sorted(folder.glob("weights/*.json"))]
    found = {value["format"]: value for value in map(_read, files) if value is not None}
    artifact = found.get("rotrain-quantized")
    file = folder / "model.gguf"
    if artifact is None and variant != TRAINED and file.is_file():
        # An export has no record: what is known of it is its size, and what `bench` read from it.
        bits = timed[0]["bits_per_weight"] if timed else None
        artifact = {"file_bytes": file.stat().st_size, "bits_per_weight": bits}
    return Cell(run, variant, found.get("rotrain-evaluation"), artifact, timed)


def _timed(path: Path) -> list[Json]:
    """The rows of every `rotrain bench` in a run directory; it times a run and its variants side by side."""
    found = [value for value in map(_read, sorted(path.glob("*.json"))) if value is not None]
    return [
        {**row, "call": value.get("call")}
        for value in found
        if value["format"] == "rotrain-bench"
        for row in value["rows"]
    ]


def _is_trained(row: Json, path: Path) -> bool:
    return path.resolve() in _places(row, path) and row["variant"] == TRAINED


def _places(row: Json, path: Path) -> list[Path]:
    """Return where the model of a row may be: a relative path was meant from the folder where `bench` ran, which is above the run."""
    return [(base / row["model"]).resolve() for base in (Path(), *path.resolve().parents)]


def _read(file: Path) -> Json | None:
    """A result file, or None for another."""
    try:
        value = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(file, reason(error)) from None
    if not isinstance(value, dict) or value.get("format") not in KNOWN:
        if file.name in OURS or _has_seal(value):
            # No other program writes a file of this name, or with a seal: its format is damaged, or it is a record of another kind.
            _open(file, value)
        if file.name in OURS:
            raise _damaged(file, f"its format is not that of {OURS[file.name]}")
        return None
    if value.get("version") != KNOWN[value["format"]]:
        raise RotrainError(
            f"{value['format']} has version {value.get('version')}, and this program reads {KNOWN[value['format']]}",
            place=file,
            hint="remove it and measure again",
        )
    found = _open(file, value)
    try:
        _check_parts(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, reason(error)) from None
    return found


def _open(file: Path, value: object) -> Json:
    """Return the fields of a record, whose seal must be right."""
    try:
        return open_record(json.dumps(value).encode())
    except ValueError as error:
        raise _damaged(file, reason(error)) from None


def _has_seal(value: object) -> bool:
    return isinstance(value, dict) and re.fullmatch(r"[0-9a-f]{32}", str(value.get(SEAL))) is not None


def _damaged(file: Path, why: str) -> RotrainError:
    return RotrainError(f"the file is damaged: {why}", place=file, hint="remove it and measure again")


def _check_parts(value: Json) -> None:
    """Check that a file has the parts that a page reads."""
    if value["format"] == "rotrain-bench":
        for row in value["rows"]:
            Path(row["model"]), row["variant"]
    if value["format"] == "rotrain-evaluation":
        for part in ("text", "probes", "tasks"):
            value[part].items()
        value.get("outside", {}).items()  # older versions had none


def _check_samples(run: Run, file: Path) -> None:
    """Compare the number of samples with that of the summary: a file that was cut between two lines looks whole."""
    expected = (run.summary or {}).get("samples")
    if isinstance(expected, list) and file.exists() and len(run.samples) != len(expected):
        raise RotrainError(
            f"the file has {len(run.samples)} samples, and the summary {len(expected)}",
            place=file,
            hint="remove the file; a report works without samples",
        )


def _samples(file: Path) -> Iterator[Json]:
    if not file.exists():
        return
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise RotrainError(f"cannot be read: {reason(error)}", place=file, hint=system_hint(error)) from None
    for number, line in enumerate(lines, 1):
        try:
            found = open_line(line)
            if not all(isinstance(found[key], str) for key in ("temperature", "prompt", "text")):
                raise ValueError("temperature, prompt or text is no text")
        except (ValueError, KeyError) as error:
            raise RotrainError(
                f"the line is damaged: {reason(error)}",
                place=f"{file}:{number}",
                hint="remove the file; a report works without samples",
            ) from None
        yield found
