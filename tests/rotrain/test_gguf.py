"""Tests of GGUF files in stock llama.cpp: logits, token ids, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import SENTENCES, train_tokenizer
from program import rotrain
from test_models import fresh
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from conftest import shape
from rotrain.data.tokenizer import Tokenizer as OurTokenizer
from rotrain.errors import RotrainError
from rotrain.exporters.gguf.export import compare, export_gguf, random_tokens, text_encoder
from rotrain.exporters.gguf.tokenizer import PATTERNS, pattern_name
from rotrain.exporters.gguf.write import read_gguf
from rotrain.llamacpp import LlamaCpp, find_library
from rotrain.models.presets import ARCHS
from rotrain.run.directory import RunDirectory
from rotrain.run.load import TrainedModel

pytestmark = pytest.mark.skipif(find_library() is None, reason="llama.cpp is not installed")


def trained(folder: Path, arch: str, tokenizer: Tokenizer | None = None, **changes: Any) -> TrainedModel:
    """Return a tiny model with random weights, as if it were loaded from a run."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer or train_tokenizer(300)
    tokenizer.save(str(folder / "tokenizer.json"))
    words = {"vocab_size": tokenizer.get_vocab_size()} | changes
    model = fresh(shape(arch, **words))
    return TrainedModel(RunDirectory(folder), 3, model, OurTokenizer(folder / "tokenizer.json"), 0, [], "")


def pattern_tokenizer(name: str) -> Tokenizer:
    """Train a tokenizer with the pattern that llama.cpp calls `name`."""
    expression, whole_words = next(key for key, value in PATTERNS.items() if value == name)
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(expression), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        [*SENTENCES, "anul 1234567, s-a dus; don't I'LL\r\n\r\n  la 12:30"], trainer
    )
    return tokenizer


@pytest.mark.parametrize("arch", sorted(ARCHS))
def test_llama_cpp_logits_equal_ours(arch: str, tmp_path: Path) -> None:
    model = trained(tmp_path, arch, context=160)
    found = export_gguf(model, tmp_path / "model.gguf")
    assert found["max_logit_difference"] < found["tolerance"]["max_logit_difference"] == 5e-3
    # Compare far beyond three windows (12 positions), and also one token at a time, as in decoding.
    tokens = random_tokens(160, model.tokenizer.vocab_size, 0)
    with torch.inference_mode():
        expected = model.model.logits(model.model(torch.tensor([tokens])))[0].numpy()
    with LlamaCpp(tmp_path / "model.gguf", context=160, cache="f32") as theirs:
        assert compare(expected, theirs.logits(tokens))[0] < 5e-3
        theirs.reset()
        theirs.feed(tokens[:100])
        for index in range(100, 160):
            assert abs(theirs.feed([tokens[index]]) - expected[index]).max() < 5e-3


def test_full_attention_in_place_of_a_window_is_detected(tmp_path: Path) -> None:
    model = trained(tmp_path, "mistral-swa", context=160)
    full = model.model.config.model_copy(update={"window": None})
    wrong = TrainedModel(model.run, 0, fresh(full), model.tokenizer, 0, [], "")
    wrong.model.load_state_dict(model.model.state_dict())
    export_gguf(wrong, tmp_path / "full.gguf")
    tokens = random_tokens(160, model.tokenizer.vocab_size, 0)
    with torch.inference_mode():
        expected = model.model.logits(model.model(torch.tensor([tokens])))[0].numpy()
    with LlamaCpp(tmp_path / "full.gguf", context=160, cache="f32") as theirs:
        found = theirs.logits(tokens)
    assert compare(expected[:12], found[:12])[0] < 5e-3 < 20 * 5e-3 < compare(expected[12:], found[12:])[0]


@pytest.mark.parametrize("kind", ["f16", "bf16"])
@pytest.mark.parametrize("arch", ["falcon-mqa", "mamba2-hybrid"])
def test_export_in_sixteen_bits(arch: str, kind: str, tmp_path: Path) -> None:
    model = trained(tmp_path, arch)
    found = export_gguf(model, tmp_path / "half.gguf", kind)
    assert 0 < found["mean_kl"] < 1e-4
    assert found["bytes"] < 0.8 * export_gguf(model, tmp_path / "full.gguf")["bytes"]


@pytest.mark.parametrize("name", sorted(PATTERNS.values()))
def test_token_ids_are_equal(name: str, tmp_path: Path) -> None:
    tokenizer = pattern_tokenizer(name)
    model = trained(tmp_path, "llama-mha", tokenizer)
    assert pattern_name(json.loads((tmp_path / "tokenizer.json").read_text())) == name
    export_gguf(model, tmp_path / "model.gguf")
    oracle = text_encoder(tmp_path / "tokenizer.json")
    with LlamaCpp(tmp_path / "model.gguf", context=16) as theirs:

        @settings(max_examples=150, deadline=None)
        @given(
            st.one_of(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                st.text("aăâîșțşţ ĂÂÎ'-\r\n\t.,1234567890\u00a0\u2009\u0301ﬁ😀«»„”—don'tLLsS<|endoftext|>"),
            )
        )
        def same(text: str) -> None:
            ids = oracle.encode(text, add_special_tokens=False).ids
            assert theirs.tokenize(text) == ids
            assert b"".join(map(theirs.piece, ids)) == text.encode()

        same()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    model = trained(tmp_path, "llama-gqa")
    for name in ("a", "b"):
        export_gguf(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_rows_without_a_token_get_pad_names(tmp_path: Path) -> None:
    model = trained(tmp_path, "llama-mha", vocab_size=384)
    export_gguf(model, tmp_path / "model.gguf")
    reader = read_gguf(tmp_path / "model.gguf")
    field = reader.fields["tokenizer.ggml.tokens"]
    assert bytes(field.parts[field.data[-1]]) == b"[PAD383]"
    assert len(field.data) == 384


def test_export_reports_unsupported_models(tmp_path: Path) -> None:
    unknown_pattern = Tokenizer(models.BPE())
    unknown_pattern.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\s+"), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    unknown_pattern.train_from_iterator(SENTENCES, trainer)
    model = trained(tmp_path, "llama-mha", unknown_pattern)
    with pytest.raises(RotrainError, match="no name for the pattern") as error:
        export_gguf(model, tmp_path / "model.gguf")
    assert "rotools tokenizer train" in str(error.value.hint)
    narrow = {"heads": 4, "head_dim": 16, "state": 24, "chunk": 16}
    with pytest.raises(RotrainError, match="inner size of twice the hidden size"):
        export_gguf(trained(tmp_path, "mamba2", ssm=narrow), tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_check_does_not_round_keys_to_f16(tmp_path: Path) -> None:
    """Weights with sharp attention and large logits, as after training: with f16 keys the difference would be 1e-2."""
    model = trained(tmp_path, "llama-gqa")
    with torch.no_grad():
        for weight in model.model.parameters():
            weight.mul_(4 if weight.dim() == 2 else 1)
    assert export_gguf(model, tmp_path / "model.gguf")["max_logit_difference"] < 1e-3


def test_file_that_fails_the_check_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained(tmp_path, "llama-mha")
    monkeypatch.setattr("rotrain.exporters.gguf.export.TOLERANCE", 1e-12)
    with pytest.raises(RotrainError, match="logits differ from ours"):
        export_gguf(model, tmp_path / "model.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_damaged_gguf_file_is_reported(tmp_path: Path) -> None:
    model = trained(tmp_path, "llama-mha")
    file = tmp_path / "model.gguf"
    export_gguf(model, file)
    with pytest.raises(RotrainError, match="this exists already"):
        export_gguf(model, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    for broken in (read_gguf, lambda path: LlamaCpp(path, context=16)):
        with pytest.raises(RotrainError, match=r"not a complete GGUF|cannot load this|header is damaged"):
            broken(file)
    file.write_bytes(b"not a model")
    for broken in (read_gguf, lambda path: LlamaCpp(path, context=16)):
        with pytest.raises(RotrainError, match=r"not a complete GGUF|cannot load this|header is damaged"):
            broken(file)
    with pytest.raises(RotrainError, match="no GGUF file here"):
        LlamaCpp(tmp_path / "absent.gguf", context=16)


def test_command(tmp_path: Path, pack: Path, tiny_nano: None) -> None:
    run = tmp_path / "run"
    words = [
        "--arch",
        "mistral-swa",
        "--size",
        "nano",
        "--data",
        pack,
        "--out",
        run,
        "--steps",
        2,
        "--quiet",
        "--set",
        "context=32",
    ]
    assert rotrain("fit", *words).returncode == 0
    ended = rotrain("export", run, "--to", "gguf", "--type", "bf16", "--out", tmp_path / "m.gguf", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["architecture"] == "granite_swa" and "granite_swa" in ended.stderr
    assert rotrain("export", run, "--to", "gguf", "--type", "q4", "--out", tmp_path / "n").returncode == 2
    assert rotrain("export", run, "--to", "hf", "--type", "f16", "--out", tmp_path / "n").returncode == 2
