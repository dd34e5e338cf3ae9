"""What stock software and people's habits do to the files that rotrain reads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from program import rotrain
from safetensors.torch import load_file, save_file

from conftest import fit_config
from rotrain.data.tokenizer import Tokenizer, same_tokenizer
from rotrain.errors import RotrainError, Stopped
from rotrain.evaluation.interval import ratio, share
from rotrain.files import read_record, write_record
from rotrain.generation import Sampling, generate
from rotrain.progress import Progress
from rotrain.quantization.imatrix import read_imatrix, write_imatrix
from rotrain.report.seeds import Group, compare_groups
from rotrain.run.load import load_run
from rotrain.train.learner import Learner
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")
TEXT = "În grădina de lângă gară, un bătrân aduna mere <|endoftext|> și povestea despre război.\n" * 3


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    out = tmp_path_factory.mktemp("foreign") / "run"
    run_training(fit_config(pack, out, arch="llama-gqa", steps=6), Progress())
    return out


@pytest.fixture(scope="module")
def folder(run: Path) -> Path:
    """The run as a Hugging Face folder; tests change copies of it."""
    out = run.parent / "hf"
    done = rotrain("export", run, "--to", "hf", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def changed(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "hf"))


def rewrite(file: Path, **fields: Any) -> None:
    record = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(record | fields, ensure_ascii=False), "utf-8")


def bits(model: Path, text: Path) -> tuple[float, int]:
    done = rotrain("evaluate", model, "--text", text, "--probes", "none", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)["text"][text.stem]
    return score["bits_per_byte"]["value"], score["bytes"]


def test_a_text_is_all_of_its_bytes_whatever_a_trainer_left_in_the_tokenizer(
    folder: Path, changed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "garden.txt"
    file.write_text(TEXT, "utf-8")
    expected = bits(folder, file)
    assert expected[1] == len(TEXT.encode())
    cut = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    filled = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<|endoftext|>",
    }
    rewrite(changed / "tokenizer.json", truncation=cut, padding=filled)
    assert bits(changed, file) == expected
    tokenizer = Tokenizer(changed / "tokenizer.json")
    ids = tokenizer.encode(TEXT)
    assert 0 not in ids and tokenizer.decode(ids) == TEXT
    assert same_tokenizer(changed / "tokenizer.json", folder / "tokenizer.json")


def test_a_tokenizer_that_was_saved_again_is_the_same_one(folder: Path, changed: Path) -> None:
    file = changed / "tokenizer.json"
    record = json.loads(file.read_text("utf-8"))
    model = record["model"]
    model["merges"] = [
        " ".join(pair) if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]
    ]
    file.write_text(json.dumps(dict(reversed(record.items())), indent=2), "utf-8")
    assert file.read_bytes() != (folder / "tokenizer.json").read_bytes()
    assert same_tokenizer(file, folder / "tokenizer.json")
    model["merges"].pop()
    file.write_text(json.dumps(record), "utf-8")
    assert not same_tokenizer(file, folder / "tokenizer.json")


def test_several_ends_and_a_padded_vocabulary_are_read(changed: Path) -> None:
    rewrite(changed / "config.json", eos_token_id=[0, 5, 9])
    loaded = load_run(changed)
    assert (loaded.eos_id, loaded.stop_ids) == (0, (5, 9))
    for bad in ([], "x", [10**9], None):
        rewrite(changed / "config.json", eos_token_id=bad)
        with pytest.raises(RotrainError, match="eos_token_id is"):
            load_run(changed)
    # Eight more rows than tokens: no draw may end in one of them.
    weights = load_file(changed / "model.safetensors")
    name = "model.embed_tokens.weight"
    rows = weights[name]
    weights[name] = torch.cat([rows, rows[:8] * 50])
    save_file(weights, changed / "model.safetensors", {"format": "pt"})
    rewrite(changed / "config.json", eos_token_id=0, vocab_size=len(rows) + 8)
    for seed in range(4):
        result = generate(changed, "A", max_tokens=20, temperature=9.0, top_p=1.0, seed=seed)
        assert all(token < len(rows) for token in result.tokens)


def test_the_bos_and_the_chat_template_of_a_folder_survive(changed: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    rewrite(changed / "config.json", bos_token_id=7)
    (changed / "chat_template.jinja").write_text(template, "utf-8")
    loaded = load_run(changed)
    assert (loaded.begin_id, loaded.eos_id, loaded.chat_template) == (7, 0, template)
    for verb, options in (
        ("quantize", ("--method", "q8_0")),
        ("export", ("--to", "gguf", "--type", "f32")),
    ):
        out = tmp_path / f"{verb}.gguf"
        done = rotrain(verb, changed, *options, "--out", out)
        assert done.returncode == 0, done.stderr
        fields = gguf.GGUFReader(out).fields
        assert fields["tokenizer.ggml.bos_token_id"].contents() == 7
        assert fields["tokenizer.chat_template"].contents() == template
    done = rotrain("export", changed, "--to", "hf", "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    again = load_run(tmp_path / "again")
    assert (again.begin_id, again.eos_id, again.chat_template) == (7, 0, template)
    rewrite(changed / "config.json", bos_token_id=10**9)
    with pytest.raises(RotrainError, match="bos_token_id is 1000000000"):
        load_run(changed)


def test_the_importance_of_stock_llama_cpp_has_no_embedding(run: Path, pack: Path, tmp_path: Path) -> None:
    pytest.importorskip("libgguf")
    ours = tmp_path / "ours.gguf"
    done = rotrain(
        *("quantize", run, "--method", "q8_0", "--calibrate", pack, "--calibration-tokens", 1024),
        *("--save-imatrix", ours, "--out", tmp_path / "a.gguf"),
    )
    assert done.returncode == 0, done.stderr
    importance = read_imatrix(ours)
    del importance["token_embd.weight"]
    origin = {"pack": "wiki.txt", "tokens_sha256": "0", "sequences": 1, "context": 32}
    write_imatrix(tmp_path / "stock.gguf", importance, origin)
    done = rotrain(
        "quantize",
        run,
        "--method",
        "q8_0",
        "--imatrix",
        tmp_path / "stock.gguf",
        "--out",
        tmp_path / "b.gguf",
    )
    assert done.returncode == 0, done.stderr
    del importance["blk.0.attn_q.weight"]
    write_imatrix(tmp_path / "less.gguf", importance, origin)
    done = rotrain(
        "quantize", run, "--method", "q8_0", "--imatrix", tmp_path / "less.gguf", "--out", tmp_path / "c.gguf"
    )
    assert done.returncode == 1
    assert "nothing for blk.0.attn_q.weight" in done.stderr and f"{tmp_path / 'less.gguf'}:" in done.stderr


def test_a_temperature_near_zero_is_zero(run: Path) -> None:
    logits, generator = torch.tensor([1.0, 4.0, 3.9]), torch.Generator()
    for temperature in (1e-300, 1e-40, 1e-20, 1e-5, 0.0):
        assert Sampling(temperature=temperature).draw(logits, generator) == 1
    greedy = generate(run, "Ana", max_tokens=6, temperature=0)
    assert generate(run, "Ana", max_tokens=6, temperature=1e-40).tokens == greedy.tokens


def test_a_prompt_that_is_no_text_and_a_terminal_that_is_not_utf8(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = rotrain("generate", run, "--prompt", os.fsdecode(b"ab\xff\xfe"), "--max-tokens", 2)
    assert done.returncode == 2 and "--prompt is not UTF-8 at character 2" in done.stderr
    from rotrain.cli import main

    with open(os.dup(1), "w", encoding="latin-1") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "argv", ["rotrain", "generate", str(run), "--prompt", "A fost odată"])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code in (0, None)
    assert "A fost odat?" in capfd.readouterr().out


def test_a_toml_file_of_notepad_is_read(pack: Path, tmp_path: Path) -> None:
    file = tmp_path / "notepad.toml"
    file.write_bytes("\ufeffarch = 'mamba2'\r\nsize = 'nano'\r\n".encode())
    done = rotrain("plan", "--config", file, "--data", pack, "--steps", 3, "--set", "context=32")
    assert done.returncode == 0 and done.stdout.startswith("mamba2 nano"), done.stderr


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM])
def test_the_signals_of_schedulers_and_terminals_save_and_stop(
    number: signal.Signals, pack: Path, tmp_path: Path
) -> None:
    config = fit_config(pack, tmp_path / "run", steps=40)
    before = signal.signal(number, lambda *_: None)  # what comes before the run is at work is ignored

    monkey = Learner.update
    try:

        def update(self: Learner, lr: float) -> None:
            os.kill(os.getpid(), number)
            monkey(self, lr)

        Learner.update = update  # type: ignore[method-assign]
        with pytest.raises(Stopped) as stopped:
            run_training(config, Progress())
    finally:
        Learner.update = monkey  # type: ignore[method-assign]
        signal.signal(number, before)
    assert stopped.value.signal == number
    assert any((tmp_path / "run" / "checkpoints").glob("step-*"))


def test_out_of_memory_is_a_sentence_and_a_smaller_micro_goes_on(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 99 bytes")

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "compute_gradients", too_much)
        with pytest.raises(RotrainError, match="too little memory for 4 sequences") as error:
            run_training(fit_config(pack, out), Progress())
    assert error.value.hint is not None and "batch.micro=2" in error.value.hint
    smaller = fit_config(pack, out, "batch.micro=2", "evaluation.every=3")
    assert run_training(smaller, Progress())["steps"] == 8
    with pytest.raises(RotrainError, match="other options") as error:
        run_training(fit_config(pack, out, "batch.micro=2", steps=12), Progress())
    assert error.value.hint is not None and f"--from {out} --steps 4" in error.value.hint


def test_nothing_measured_is_an_error_and_later_parts_do_not_erase_earlier_ones(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = Path(shutil.copytree(run, elsewhere / "run"))
    rewrite_data = read_record(copy / "config.json")
    rewrite_data["config"]["data"] = "gone"
    write_record(copy / "config.json", rewrite_data)
    done = rotrain("evaluate", copy, "--probes", "none")
    assert done.returncode == 1 and "nothing was measured" in done.stderr and "--data" in done.stderr
    assert not (copy / "evaluation.json").exists()
    done = rotrain("evaluate", copy, "--probes", "induction")
    assert done.returncode == 0 and "no held-out text was scored" in done.stderr
    text = tmp_path / "one.txt"
    text.write_text(TEXT, "utf-8")
    assert rotrain("evaluate", copy, "--probes", "none", "--text", text).returncode == 0
    record = json.loads((copy / "evaluation.json").read_text("utf-8"))
    assert record["probes"]["induction"] and record["text"]["one"]


def test_a_relative_pack_is_found_from_another_folder(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(pack, tmp_path / "work" / "pack")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    run_training(fit_config(Path("pack"), Path("runs/a"), steps=2), Progress())
    monkeypatch.chdir(tmp_path / "other")
    done = rotrain("evaluate", "../work/runs/a", "--probes", "none")
    assert done.returncode == 0 and "the held-out text is that of" in done.stderr, done.stderr
    # Another pack at that place is not the pack of the run.
    manifest = tmp_path / "work" / "pack" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    assert rotrain("evaluate", "../work/runs/a", "--probes", "none").returncode == 1


def test_one_unit_has_no_interval_and_no_rank_and_none_of_fifty_has_one() -> None:
    one = ratio(np.array([3.0]), np.array([2.0]))
    assert (one.value, one.low, one.high) == (1.5, None, None)
    score = {"bits_per_byte": one.as_json(), "by_unit": {"id": ["a"], "nats": [3.0], "bytes": [2]}}
    alone = score | {"by_unit": {"id": ["a#0"], "nats": [3.0], "bytes": [10]}}
    groups = [Group(name, "fp32", name, (alone,) * 3, (0, 1, 2)) for name in "ab"]
    assert compare_groups(groups).ranks == [None, None]
    for hits, n in ((0, 50), (1, 50), (25, 50), (50, 50), (3, 7)):
        found = share(np.repeat([1.0, 0.0], [hits, n - hits]))
        assert found.low is not None and found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1 and found.low < found.high
    # Wilson's own figure for 5 of 10, from any table of it.
    found = share(np.repeat([1.0, 0.0], [5, 5]))
    assert found.low == pytest.approx(0.2366, abs=1e-4) and found.high == pytest.approx(0.7634, abs=1e-4)
