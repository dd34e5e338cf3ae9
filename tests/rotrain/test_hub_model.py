"""Models of other people as baselines: any family of transformers, any tokenizer, in bits per byte."""

from __future__ import annotations

import json
import math
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from program import rotrain
from safetensors.torch import load_file, save_file
from tokenizers import normalizers

transformers = pytest.importorskip("transformers")

from hub_models import write_families  # noqa: E402

from conftest import fit_config  # noqa: E402
from rotrain.errors import RotrainError  # noqa: E402
from rotrain.evaluation.evaluate import evaluate  # noqa: E402
from rotrain.evaluation.gguf_model import GgufTokenizer  # noqa: E402
from rotrain.evaluation.hub_model import HubModel, HubTokenizer  # noqa: E402
from rotrain.evaluation.lossless import lossy_note, lost_bytes  # noqa: E402
from rotrain.evaluation.open import open_model  # noqa: E402
from rotrain.evaluation.probes import _phonebook  # noqa: E402
from rotrain.evaluation.text import Document, score_text  # noqa: E402
from rotrain.llamacpp import LlamaCpp  # noqa: E402
from rotrain.progress import Progress  # noqa: E402
from rotrain.train.loop import run_training  # noqa: E402

TEXT = "În grădina de lângă gară, un bătrân aduna mere <s> și povestea.\n\n — Așa-i?  zise fata 😀 ß\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return dict(write_families(tmp_path_factory.mktemp("families")))


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma", "qwen2", "mistral"])
def test_bits_per_byte_are_those_of_the_stock_model(folders: dict[str, Path], family: str) -> None:
    model = HubModel(str(folders[family]))
    found = score_text(model, [Document("a", TEXT * 4)])
    assert found.bytes.sum() == len((TEXT * 4).encode()) and (found.bytes >= 0).all()
    # The same by hand, from the stock tokenizer and model alone.
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[family])
    stock = transformers.AutoModelForCausalLM.from_pretrained(folders[family]).eval()
    begin = tokenizer.bos_token_id if tokenizer.bos_token else tokenizer.eos_token_id
    ids = [
        begin,
        *tokenizer(TEXT * 4, add_special_tokens=False, split_special_tokens=True).input_ids,
        tokenizer.eos_token_id,
    ]
    nats, scored, context = 0.0, 1, 64
    while scored < len(ids):
        end = min(len(ids), scored + (context if scored == 1 else context // 2))
        inputs = torch.tensor([ids[max(0, end - 1 - context) : end - 1]])
        with torch.inference_mode():
            rows = stock(inputs).logits[0].double().log_softmax(-1)[-(end - scored) :]
        nats -= float(rows[range(end - scored), ids[scored:end]].sum())
        scored = end
    assert math.isclose(found.nats.sum(), nats, rel_tol=1e-5)
    assert found.tokens.sum() == len(ids) - 1


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma", "mistral"])
def test_each_byte_of_a_text_belongs_to_one_token(folders: dict[str, Path], family: str) -> None:
    tokenizer = HubModel(str(folders[family])).tokenizer
    for text in (TEXT, "  două  spații  ", "😀", "a", "", "ț" * 50, "<s></s><|endoftext|>"):
        ids, sizes = tokenizer.encode_measured(text)
        assert len(ids) == len(sizes) and (sizes >= 0).all()
        assert sizes.sum() == len(text.encode()), text
    if family != "mistral":  # a Unigram model of `tokenizers` has its special tokens as pieces too
        ids, _ = tokenizer.encode_measured("Ana </s> Ana <|endoftext|>")
        assert HubModel(str(folders[family])).eos_id not in ids


def test_a_lossy_tokenizer_is_told(folders: dict[str, Path]) -> None:
    assert "bits" in HubModel(str(folders["mistral"])).notes[0]  # Unigram without bytes knows no 😀
    assert HubModel(str(folders["llama"])).notes == []


def test_bytes_that_a_tokenizer_loses_are_counted(folders: dict[str, Path]) -> None:
    text = "Ana 😀 are  mere"
    lossy = score_text(HubModel(str(folders["mistral"])), [Document("a", text), Document("b", "Ana")])
    assert lossy.lossy_bytes == len("😀".encode()) + 1, "an unknown character, and the second of two spaces"
    assert lossy.as_json()["lossy_bytes"] == lossy.lossy_bytes
    for family in ("llama", "gemma"):
        assert score_text(HubModel(str(folders[family])), [Document("a", TEXT)]).lossy_bytes == 0
    stripped = _stripped(folders["llama"])
    assert " ă" in lossy_note("x", stripped)[0] and " â" in lossy_note("x", stripped)[0]
    assert " ă" in lossy_note("x", GgufTokenizer(_Letters()))[0], "of a GGUF file too"
    assert lost_bytes("ăâ a", stripped.decode(stripped.encode("ăâ a"))) == 4


class _Letters(LlamaCpp):
    """In place of llama.cpp: the vocabulary has letters without signs."""

    def __init__(self) -> None: ...

    def tokenize(self, text: str) -> list[int]:
        return [
            ord(letter) for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
        ]

    def piece(self, token: int) -> bytes:
        return chr(token).encode()


def _stripped(folder: Path) -> HubTokenizer:
    """A tokenizer that takes the signs from the letters, as those of English models do."""
    stock = transformers.AutoTokenizer.from_pretrained(folder)
    stock.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    return HubTokenizer(stock, "x")


def test_code_of_a_folder_is_never_run(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, trace = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(folders["llama"], folder)
    config = json.loads((folder / "config.json").read_bytes())
    config |= {"model_type": "mine", "architectures": ["Mine"]}
    config["auto_map"] = {"AutoConfig": "mine.MineConfig", "AutoModelForCausalLM": "mine.Mine"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(
        f"open({str(trace)!r}, 'w').close()\nfrom transformers import LlamaConfig, LlamaForCausalLM\n"
        "class MineConfig(LlamaConfig): model_type = 'mine'\nclass Mine(LlamaForCausalLM): config_class = MineConfig\n"
    )
    # A person who would say yes is not asked.
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt="": asked.append(prompt) or "y")
    with pytest.raises(RotrainError, match="transformers cannot load the model"):
        HubModel(str(folder))
    assert not asked and not trace.exists()


def test_a_masked_model_has_no_bits_per_byte(folders: dict[str, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    size = HubModel(str(folders["llama"])).tokenizer.byte_lengths().size
    config = transformers.BertConfig(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    transformers.AutoTokenizer.from_pretrained(folders["llama"]).save_pretrained(tmp_path / "bert")
    with pytest.raises(RotrainError, match="the model is not causal"):
        HubModel(str(tmp_path / "bert"))


def test_weights_that_are_missing_are_not_drawn_at_random(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["llama"], folder)
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RotrainError, match=r"lack 1 tensors of the model, such as model\.layers\.1\.mlp"):
        HubModel(str(folder))


def test_a_tokenizer_larger_than_its_model_is_one_sentence(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "grown"
    shutil.copytree(folders["llama"], folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = transformers.AutoConfig.from_pretrained(folder).vocab_size
    tokenizer.add_tokens([f"cuvânt{number}" for number in range(rows)])
    tokenizer.save_pretrained(folder)
    model = HubModel(str(folder))
    ids = np.array(model.tokenizer.encode(f"un cuvânt{rows - 1} nou"))
    with pytest.raises(RotrainError, match=r"writes token [\d,]+, and the model has"):
        model.map_logits([ids], lambda index, logits: index)


def test_a_number_of_the_phonebook_has_one_encoding(folders: dict[str, Path]) -> None:
    model = HubModel(str(folders["gemma"]))
    ids, answer = _phonebook(model, np.random.default_rng(0), 3)
    text = model.tokenizer.decode(ids[1:].tolist())
    assert len(text) > 60 and ids[1:].tolist() == model.tokenizer.encode(text), "as in its line"
    number = text.rpartition(": ")[2]
    assert model.tokenizer.decode(ids[-answer:].tolist()).strip() == number and number.isdigit()
    assert text.count(number) == 2


def test_an_export_is_compared_with_its_run(pack: Path, tmp_path: Path, tiny_nano: None) -> None:
    run, folder = tmp_path / "run", tmp_path / "hf"
    run_training(fit_config(pack, run, arch="llama-gqa", steps=3), Progress())
    assert rotrain("export", run, "--to", "hf", "--out", folder).returncode == 0
    found = evaluate(f"hf:{folder}", pack, against=run, max_bytes=2000, against_tokens=200, probes=[])
    assert found.against is not None and found.against["mean_kl"]["value"] < 1e-6


def test_the_command_scores_a_family_beside_ours(
    folders: dict[str, Path], pack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "gemma.json"
    done = rotrain(
        *("evaluate", f"hf:{folders['gemma']}", "--data", pack, "--probes", "none", "--context", 32),
        *("--max-bytes", 2000, "--out", out, "--quiet"),
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text("utf-8"))
    assert record["model"]["arch"] == "gemma" and record["conventions"]["context"] == 32
    for score in record["text"].values():
        assert score["bits_per_byte"]["value"] > 0
    probes = evaluate(f"hf:{folders['gpt2']}", pack, max_bytes=1000, probes=["grammar", "copy"]).probes
    assert set(probes) == {"grammar", "copy"}


def test_what_cannot_be_loaded_is_one_sentence(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RotrainError, match="models of type 'gpt2'") as error:
        open_model(folders["gpt2"])
    assert error.value.hint == f"evaluate it with hf:{folders['gpt2']}"
    with pytest.raises(RotrainError, match="transformers cannot load"):
        HubModel(str(tmp_path))
    with pytest.raises(RotrainError, match="context of"):
        evaluate(f"hf:{folders['gpt2']}", text=[_file(tmp_path)], context=4096, probes=[])


def _file(folder: Path) -> Path:
    file = folder / "a.txt"
    file.write_text(TEXT, "utf-8")
    return file


def test_an_offset_is_measured_in_bytes() -> None:
    class Encoding:
        ids, offsets = (1, 2, 3, 4), ((0, 0), (0, 1), (0, 1), (1, 3))

    class Backend:
        encode_special_tokens = False

        def no_truncation(self) -> None: ...
        def no_padding(self) -> None: ...
        def encode(self, text: str, add_special_tokens: bool) -> Encoding:
            return Encoding()

    class Stock:
        backend_tokenizer, unk_token, unk_token_id, all_special_ids = Backend(), None, None, ()

    # An inserted space, a letter of two bytes in two tokens, two letters in one, and a line break that is dropped.
    _, sizes = HubTokenizer(Stock(), "x").encode_measured("țab\n")
    assert np.array_equal(sizes, [0, 2, 0, 3])
