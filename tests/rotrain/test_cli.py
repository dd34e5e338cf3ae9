"""The program: words, exit codes, output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from program import rotrain

from rotrain.cli.console import SPINS
from rotrain.models.kernels import Kernels

pytestmark = pytest.mark.usefixtures("tiny_nano")

HERE = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        [str(HERE), str(HERE.parents[1] / "python"), os.environ.get("PYTHONPATH", "")]
    ),
}
COMPUTING = (
    ("fit", "--arch", "llama-mha", "--size", "nano", "--data", "no-pack"),
    ("evaluate", "no-model"),
    ("export", "no-model", "--to", "gguf", "--out", "out"),
    ("quantize", "no-model", "--method", "q4_k_m", "--out", "out"),
    ("average", "no-model"),
    ("generate", "no-model", "--prompt", "A"),
    ("chat", "no-model"),
    ("serve", "no-model"),
)
VERBS = ("archs", "plan", "fit", "average", "generate", "export", "evaluate", "doctor")


def fit_words(pack: Path, out: Path) -> list[object]:
    return [
        "fit",
        "--arch",
        "llama-gqa",
        "--size",
        "nano",
        "--data",
        pack,
        "--out",
        out,
        "--steps",
        6,
        "--set",
        "context=32",
        "--set",
        "batch.sequences=4",
    ]


@pytest.fixture(scope="module")
def run(pack: Path, tiny_nano: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    done = rotrain(*fit_words(pack, out))
    assert done.returncode == 0, done.stderr
    assert "device: " in done.stderr and "precision: " in done.stderr
    assert "bits per byte" in done.stdout and "A fost odată" in done.stdout
    return out


def test_no_verb_loads_the_compiler_at_its_start() -> None:
    """Importing `torch._dynamo` takes as long as importing PyTorch. Only a run that compiles pays for it."""
    modules = [
        "train.loop", "evaluation.evaluate", "exporters.export", "quantization.gguf", "quantization.torch",
        "generation", "bench.worker", "bench.benchmark", "report.write", "compare.run_study",
    ]  # fmt: skip
    script = "import sys, importlib\n" + "".join(
        f"importlib.import_module('rotrain.{module}'); assert 'torch._dynamo' not in sys.modules, '{module}'\n"
        for module in modules
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_report_and_the_list_of_a_study_need_no_pytorch(run: Path, tmp_path: Path) -> None:
    """A report reads files only, and a study starts other processes: PyTorch would take a second and half a gigabyte."""
    (tmp_path / "study.toml").write_text("archs = ['mamba2']\n")
    script = (
        "import sys\nfrom rotrain.compare.run_study import plan_study\nfrom rotrain.report.write import write_report\n"
        f"plan_study({str(tmp_path / 'study.toml')!r})\n"
        f"for end in ('html', 'md'): write_report([{str(run)!r}], {str(tmp_path / 'report.')!r} + end)\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_loads_nothing_heavy_and_has_an_example(verb: str) -> None:
    script = (
        "import sys\nfrom rotrain.cli import app\n"
        f"try: app({[verb, '--help'] if verb else ['--help']!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        # (Typer itself loads pydantic when it reads the words of a verb, so that is no sign of ours.)
        "heavy = {'torch', 'transformers', 'numpy', 'rich', 'tokenizers', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert not any(name.startswith('rotrain.train') for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if verb:
        # Where the indentation of a docstring is broken, its lines are joined or stand in steps.
        block = done.stdout.split("Examples:")[1].split("\n\n")[0]
        examples = [line for line in block.split("\n") if line.strip()]
        assert any(f"rotrain {verb}" in line for line in examples)
        assert len({len(line) - len(line.lstrip()) for line in examples if "rotrain" in line}) == 1
    else:
        assert all(name in done.stdout for name in VERBS)


@pytest.mark.parametrize(
    ("words", "given", "spins", "policy"),
    [
        *((words, {}, str(SPINS), "passive") for words in COMPUTING),
        (COMPUTING[0], {"OMP_WAIT_POLICY": "active"}, None, "active"),
        (COMPUTING[1], {"GOMP_SPINCOUNT": "7"}, "7", None),
        (("bench", "no-model"), {}, None, None),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_threads_of_a_verb_that_computes_sleep_soon_and_those_of_a_benchmark_are_as_they_come(
    words: tuple[str, ...], given: dict[str, str], spins: str | None, policy: str | None, tmp_path: Path
) -> None:
    """Libraries of OpenMP read the variables when they are loaded, so these must be set before PyTorch is."""
    script = (
        "import builtins, os, sys\nfrom rotrain.cli import main\n"
        "before = 'torch' in sys.modules\nload = builtins.__import__\n"
        "def show(name, *rest):\n"
        "    if name == 'torch' and name not in sys.modules:\n"
        "        print('loaded', os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))\n"
        "    return load(name, *rest)\n"
        f"builtins.__import__ = show\nsys.argv = ['rotrain', *{words!r}]\n"
        "try: main()\nexcept SystemExit: print('ended', before, os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))\n"
    )
    clean = {
        key: value for key, value in ENVIRONMENT.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**clean, **given}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    seen = done.stdout.splitlines()
    assert seen[-1] == f"ended False {spins} {policy}", done.stderr
    if spins is not None and words[0] != "bench":
        assert seen[0] == f"loaded {spins} {policy}"


def test_archs_as_json() -> None:
    rows = json.loads(rotrain("archs", "--json").stdout)
    sizes = {(row["arch"], row["size"]): row["parameters"] for row in rows}
    assert sizes["llama-mha", "300m"] == 310_750_208 and sizes["llama-gqa", "300m"] == 300_268_544


def test_plan_shows_phases_and_rates(pack: Path) -> None:
    words = [
        "plan",
        "--arch",
        "llama-mha",
        "--size",
        "nano",
        "--data",
        pack,
        "--steps",
        50,
        "--set",
        "context=32",
    ]
    shown = rotrain(*words)
    assert shown.returncode == 0 and "web" in shown.stdout and "#" in shown.stdout
    facts = json.loads(rotrain(*words, "--json", "--tokens-per-s", 100).stdout)
    assert facts["steps"] == 50 and sum(phase["steps"] for phase in facts["phases"]) == 50
    assert facts["seconds"] == facts["tokens"] / 100
    assert facts["phases"][-1]["lr_last"] == pytest.approx(3e-4)


def test_generate_writes_text_and_json(run: Path) -> None:
    told = rotrain("generate", run, "--prompt", "A fost odată", "--max-tokens", 12, "--seed", 3)
    assert told.returncode == 0 and told.stdout.startswith("A fost odată")
    result = json.loads(
        rotrain("generate", run, "--prompt", "A fost odată", "--max-tokens", 12, "--seed", 3, "--json").stdout
    )
    assert result["prompt"] + result["text"] + "\n" == told.stdout
    assert len(result["tokens"]) <= 12


def test_export_is_proven_by_transformers(run: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    result = json.loads(rotrain("export", run, "--to", "hf", "--out", tmp_path / "hf", "--json").stdout)
    assert result["max_logit_difference"] < 1e-4
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert type(model).__name__ == "LlamaForCausalLM" and tokenizer.eos_token_id == 0
    assert model.config.num_key_value_heads == 1 and model.config.tie_word_embeddings
    # Its own greedy text equals ours.
    ours = json.loads(rotrain("generate", run, "--temperature", 0, "--max-tokens", 8, "--json").stdout)[
        "tokens"
    ]
    prompt = tokenizer("A fost odată", return_tensors="pt", add_special_tokens=False)
    theirs = model.generate(**prompt, max_new_tokens=8, do_sample=False)[
        0, prompt.input_ids.shape[1] :
    ].tolist()
    assert theirs[: len(ours)] == ours
    assert len({file.stat().st_mode for file in (tmp_path / "hf").iterdir()}) == 1
    silent = rotrain("export", run, "--to", "hf", "--out", tmp_path / "hf2", "--quiet")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    again = rotrain("export", run, "--to", "hf", "--out", tmp_path / "hf")
    assert again.returncode == 1 and "this exists already" in again.stderr


def test_doctor_measures_the_kernels() -> None:
    done = rotrain("doctor", "--vocab-size", 9000, "--json")
    kernels = {row["operation"]: row for row in json.loads(done.stdout)["kernels"]}
    assert set(kernels) == {field.name for field in fields(Kernels)}
    assert kernels["loss"]["kernel"] == "chunked" and all(
        row["parity_error"] < 1e-5 for row in kernels.values()
    )


def test_quiet_and_json_leave_standard_output_to_the_data(run: Path, pack: Path) -> None:
    done = rotrain(*fit_words(pack, run), "--json")
    assert json.loads(done.stdout)["steps"] == 6 and "finished" in done.stderr
    assert rotrain(*fit_words(pack, run), "--quiet").stderr == ""


def test_failures_are_a_sentence_a_hint_and_a_code(
    run: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases: list[tuple[int, str, list[object]]] = [
        (
            1,
            "there is no pack here",
            ["fit", "--arch", "llama-mha", "--size", "nano", "--data", tmp_path / "none"],
        ),
        (
            1,
            "other options: seed is 0 there and 9 here",
            [*fit_words(pack, run), "--resume", "--seed", 9],
        ),
        (1, "no run here to resume", [*fit_words(pack, tmp_path / "new"), "--resume"]),
        (1, "there is no run here", ["generate", tmp_path / "none"]),
        (1, "there is no run here", ["export", tmp_path / "none", "--to", "hf", "--out", tmp_path / "x"]),
        (2, "there is no architecture 'lama'", ["fit", "--arch", "lama", "--size", "nano", "--data", pack]),
        (2, "no architecture given", ["fit", "--size", "nano", "--data", pack]),
        (2, "there is no size 'huge'", ["plan", "--arch", "llama-mha", "--size", "huge", "--data", pack]),
        (
            2,
            "no configuration key 'optim.lrr'",
            ["fit", "--arch", "llama-mha", "--size", "nano", "--set", "optim.lrr=1"],
        ),
        (2, "invalid value for 'steps'", ["fit", "--arch", "llama-mha", "--size", "nano", "--steps", 0]),
        (2, "there is no format 'onnx'", ["export", run, "--to", "onnx", "--out", tmp_path / "x"]),
        (2, "the prompt has", ["generate", run, "--prompt", "zi " * 200]),
        (2, "a temperature is", ["generate", run, "--temperature", -1]),
    ]
    for code, says, words in cases:
        done = rotrain(*words)
        assert done.returncode == code, (words, done.stderr)
        assert "error: " in done.stderr and says in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr and done.stdout == "", (words, done.stderr)
    assert rotrain("fit", "--no-such-word").returncode == 2
