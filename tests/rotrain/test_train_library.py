"""`import rotrain`: what it loads, what it exports, and that each verb of the command is one function."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from program import rotrain as command

import rotrain
from rotrain import cli
from rotrain.files import read_record

pytestmark = pytest.mark.usefixtures("tiny_nano")

PYTHON = Path(__file__).parents[2] / "python"
# The function of each verb.
FUNCTIONS = {
    "archs": "list_architectures",
    "average": "average",
    "bench": "run_benchmark",
    "bench-train": "run_training_benchmark",
    "chat": "Conversation",
    "compare": "run_study",
    "doctor": "check_machine",
    "evaluate": "evaluate",
    "export": "export",
    "fit": "fit",
    "generate": "generate",
    "plan": "plan",
    "push": "push",
    "quantize": "quantize",
    "report": "write_report",
    "serve": "serve",
}
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "safetensors", "tokenizers"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def python(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(PYTHON)}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_loads_nothing_heavy() -> None:
    done = python(
        "import sys, rotrain\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'rich', 'typer', 'tokenizers', 'safetensors', 'rotools'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert 'fit' in dir(rotrain) and not hasattr(rotrain, 'nothing')\n"
    )
    assert done.returncode == 0, done.stderr


def test_every_exported_name_is_there_and_documented() -> None:
    assert sorted(rotrain.__all__, key=str.lower) == sorted(set(rotrain.__all__), key=str.lower)
    for name in rotrain.__all__:
        value = getattr(rotrain, name)
        assert name == "__version__" or inspect.getdoc(value), name
    listed = set(rotrain._MODULE_OF)
    assert listed == set(rotrain.__all__)
    import rotools

    assert rotrain.__version__ == rotools.__version__


@pytest.mark.parametrize("name", ["fit", "generate", "evaluate", "quantize", "export"])
def test_the_short_names_are_functions_also_after_everything_is_imported(name: str) -> None:
    for other in rotrain.__all__:
        getattr(rotrain, other)
    assert inspect.isfunction(getattr(rotrain, name))


def test_each_verb_is_one_function_with_the_same_defaults() -> None:
    verbs = {verb.__name__.rsplit(".", 1)[-1].replace("_", "-"): verb for verb in cli.VERBS}
    assert verbs.keys() == FUNCTIONS.keys()
    for verb, name in FUNCTIONS.items():
        function = getattr(rotrain, name)
        ours = inspect.signature(function).parameters
        assert function.__doc__ and "Examples:" in function.__doc__, name
        for option, parameter in inspect.signature(verbs[verb].run).parameters.items():
            if option not in ours or ours[option].default is inspect.Parameter.empty:
                continue
            theirs, default = parameter.default, ours[option].default
            if theirs in (None, inspect.Parameter.empty) or isinstance(default, tuple):
                continue  # a list of names is text on the command line, and None is "not given"
            assert str(theirs) == str(default), (verb, option)


def test_every_result_is_frozen() -> None:
    results = [getattr(rotrain, name) for name in rotrain.__all__ if name.endswith(("Result", "Check"))]
    assert len(results) >= 12
    for result in results:
        assert dataclasses.is_dataclass(result) and result.__dataclass_params__.frozen, result  # type: ignore[attr-defined]
        assert callable(result.to_dict), result  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", sorted(FUNCTIONS))
def test_without_torch_every_verb_says_what_to_install(verb: str, tmp_path: Path) -> None:
    words = {
        "export": ["x", "--to", "hf", "--out", "y"],
        "bench-train": ["--arch", "mamba2"],
        "push": ["x", "hub:me/x"],
        **{
            name: ["x"]
            for name in (
                "average",
                "bench",
                "chat",
                "compare",
                "evaluate",
                "generate",
                "quantize",
                "report",
                "serve",
            )
        },
    }.get(verb, [])
    done = python(
        f"{BLOCKER}\nfrom rotrain.cli import main\nsys.argv = ['rotrain', *sys.argv[1:]]\nmain()",
        verb,
        *words,
    )
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stderr == (
        "error: rotrain needs the package torch, which is not installed\nhint: pip install 'rotext[train]'\n"
    )


def test_without_torch_the_names_say_what_to_install_and_help_works() -> None:
    names = [name for name in rotrain.__all__ if name not in rotrain._NEEDS_NOTHING]
    done = python(
        f"{BLOCKER}\nimport rotrain\n"
        f"for name in {names!r}:\n"
        "    try:\n        getattr(rotrain, name)\n"
        "    except rotrain.RotrainError as error:\n"
        "        assert error.hint == \"pip install 'rotext[train]'\", (name, error.hint)\n"
        "    else:\n        raise AssertionError(name)\n"
        "assert rotrain.UsageError and rotrain.Progress and rotrain.__version__\n"
    )
    assert done.returncode == 0, done.stderr
    for words, says in ((["--help"], "Usage: rotrain"), (["--version"], f"rotrain {rotrain.__version__}")):
        done = python(
            f"{BLOCKER}\nfrom rotrain.cli import main\nsys.argv = ['rotrain', *sys.argv[1:]]\nmain()", *words
        )
        assert done.returncode == 0 and says in done.stdout, done.stderr


def test_the_version_of_the_command() -> None:
    assert command("--version").stdout == f"rotrain {rotrain.__version__}\n"


class Heard(rotrain.Progress):
    """Remember everything."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.notes: list[str] = []
        self.steps: list[int] = []
        self.tasks: list[tuple[str, int, int]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def metrics(self, line: dict[str, Any], seconds_left: float) -> None:
        self.steps.append(line["step"])

    def update(self, task: str, done: int, total: int) -> None:
        self.tasks.append((task, done, total))


SETTINGS = {
    "context": 32,
    "batch.sequences": 4,
    "evaluation.max_tokens": 300,
    "evaluation.sample_tokens": 6,
    "runtime.device": "cpu",
    "runtime.threads": 1,
    "checkpoint.every": 2,
}


@pytest.fixture(scope="module")
def trained(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    """A tiny run, trained by the library."""
    out = tmp_path_factory.mktemp("library") / "run"
    heard = Heard()
    result = rotrain.fit(
        arch="llama-gqa", size="nano", data=pack, out=out, steps=6, settings=SETTINGS, progress=heard
    )
    assert result.run == out and result.steps == 6 and heard.steps == [1, 2, 3, 4, 5, 6]
    assert set(result.eval) == {"web", "books"} and any("precision" in text for text in heard.messages)
    assert result.to_dict() == read_record(out / "summary.json")
    return out


def test_fit_continues_and_refuses_two_configurations(trained: Path, pack: Path) -> None:
    heard = Heard()
    config = rotrain.make_config(
        arch="llama-gqa", size="nano", data=pack, out=trained, steps=6, settings=SETTINGS
    )
    assert rotrain.fit(config, heard).run == trained and heard.steps == []
    assert any("this run is finished" in text for text in heard.messages)
    with pytest.raises(rotrain.UsageError, match="both given: arch, steps"):
        rotrain.fit(config, arch="mamba2", steps=3)
    with pytest.raises(rotrain.UsageError, match="no configuration key"):
        rotrain.make_config(arch="mamba2", settings={"optim.rate": 1})


def test_what_is_planned_and_listed_is_what_the_command_prints(pack: Path) -> None:
    options = {"arch": "llama-gqa", "size": "nano", "data": pack, "steps": 6}
    planned = rotrain.plan(rotrain.make_config(**options, settings={"context": 32}))  # type: ignore[arg-type]
    words = ["plan", "--arch", "llama-gqa", "--size", "nano", "--data", pack, "--steps", 6]
    assert planned.to_dict() == json.loads(command(*words, "--set", "context=32", "--json").stdout)
    assert planned.steps == planned.plan.steps == 6
    rows = json.loads(command("archs", "--json", "--vocab-size", 500).stdout)
    assert [row.to_dict() for row in rotrain.list_architectures(500)] == rows


def test_what_a_run_does_in_the_library_is_what_the_command_does(trained: Path, tmp_path: Path) -> None:
    options = {"max_tokens": 8, "seed": 3}
    result = rotrain.generate(trained, "A fost", **options)
    words = ["generate", trained, "--prompt", "A fost", "--max-tokens", 8, "--seed", 3, "--json"]
    assert result.to_dict() == json.loads(command(*words).stdout)
    assert "".join(rotrain.stream(trained, "A fost", **options)) == result.text  # type: ignore[arg-type]
    loaded = rotrain.load_run(trained)
    again = rotrain.generate(loaded, "A fost", **options)
    assert str(again) == "A fost" + result.text

    averaged = rotrain.average(trained, 2, out=tmp_path / "average")
    assert averaged.averaged == (4, 6) and averaged.run == tmp_path / "average"
    with pytest.raises(rotrain.RotrainError, match="exists already"):
        rotrain.average(trained, 2, out=tmp_path / "average")

    heard = Heard()
    found = rotrain.evaluate(trained, max_bytes=2_000, probes=["grammar"], progress=heard)
    assert found.file == trained / "evaluation.json"
    assert read_record(found.file) == found.to_dict()
    assert found.text["web"]["bits_per_byte"]["value"] > 0 and "grammar" in found.probes
    ends = [task for task in heard.tasks if task[1] == task[2]]
    assert [name for name, _, _ in ends] == [f"{trained}: {part}" for part in ("web", "books", "grammar")]
    with pytest.raises(rotrain.UsageError, match="no probe 'spelling'"):
        rotrain.evaluate(trained, probes=["spelling"])

    heard = Heard()
    small = rotrain.quantize(trained, tmp_path / "rtn", "rtn", bits=8, group=32, progress=heard)
    assert small.method == "rtn" and small.bits_per_weight < 32 and heard.tasks
    assert read_record(tmp_path / "rtn" / "quantization.json") == small.to_dict()
    with pytest.raises(rotrain.UsageError, match="no method given"):
        rotrain.quantize(trained, tmp_path / "none")

    report = rotrain.write_report([trained], tmp_path / "table.md")
    assert report.runs == 1 and (tmp_path / "table.md").read_text().count("| run | fp32 |") == 1


def test_export_and_the_study_plan(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    exported = rotrain.export(trained, "hf", tmp_path / "hf")
    assert exported.max_logit_difference is not None and exported.max_logit_difference < 1e-4
    with pytest.raises(rotrain.UsageError, match="no format 'onnx'"):
        rotrain.export(trained, "onnx", tmp_path / "x")
    study = tmp_path / "study.toml"
    study.write_text("archs = ['mamba2']\nvariants = []\nseeds = [0]\n")
    assert [step["step"] for step in rotrain.plan_study(study)] == [
        "fit mamba2-nano",
        "evaluate mamba2-nano",
        "evaluate baseline ngram",
        "evaluate baseline zstd",
    ]
    assert rotrain.check_machine(300).machine["torch"]
