"""`rotools tokenizer` through the command line, beside the `tokenizers` package."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rotools_program import rotools
from tokenizers import Tokenizer

HOSTILE = [
    "s-a dus într-o zi; n-am văzut-o, dă-mi-l!",
    "<|endoftext|> stă în text <|endoftext|>",
    "a\r\nb\r\n\r\nc\n \n\t d   e" + " " * 300 + "f",
    "👩‍👩‍👧‍👦👍🏽🇷🇴 e\u0301a\u0306 ș\u0326 \u200d\ufeff",
    "nul\0între\0\0litere",
    "１２３ ٣٤٥ Ⅻ ½ 12345678 1.234,56",
    "'s 'T 'ſ 're 'LL don't n’am",
    "x" * 5000 + "ț" * 5000 + "├" + "─" * 4000 + "┤",
    "\u0085\u2003\u00a0\u3000 spații",
    "漢字 жизнь عربي ไทย",
]


def texts() -> list[str]:
    """Romanian-looking documents, and hostile ones."""
    stems = [
        "cas",
        "frumoas",
        "înțeleg",
        "șt",
        "merg",
        "ță",
        "pădur",
        "copi",
        "întâlni",
        "fa",
        "vâ",
        "s-",
        "într-",
    ]
    endings = ["ă", "e", "ul", "ului", "ea", "uri", "ește", "ind", "ătoare", "i", "iile", "a", "o"]
    made = []
    for number in range(300):
        words = (
            stems[(number * 7 + k * k) % len(stems)] + endings[(number + k * 5) % len(endings)]
            for k in range(60)
        )
        made.append(f"{number}. " + " ".join(words))
    return made + HOSTILE


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents as JSONL."""
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts())
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer trained on them."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    rotools("tokenizer", "train", corpus, "--vocab-size", 700, "--no-normalize", "--out", path, "--quiet")
    return path


def expected(tokenizer: Path) -> list[int]:
    """The ids of the package, special tokens read as text, one `<|endoftext|>` after each document."""
    oracle = Tokenizer.from_file(str(tokenizer))
    oracle.encode_special_tokens = True
    end = oracle.token_to_id("<|endoftext|>")
    return [id for text in texts() for id in [*oracle.encode(text).ids, end]]


@pytest.mark.parametrize("pattern", ["gpt-2", "llama-bpe", "qwen2"])
def test_ids_are_those_of_the_package(pattern: str, corpus: Path, tmp_path: Path) -> None:
    tokenizer, out = tmp_path / "t.json", tmp_path / "tokens.bin"
    options = ["--vocab-size", 600, "--pattern", pattern, "--out", tokenizer]
    made = json.loads(rotools("tokenizer", "train", corpus, *options, "--json").stdout)
    assert made["vocab_size"] == 600 == Tokenizer.from_file(str(tokenizer)).get_vocab_size()
    done = json.loads(
        rotools("tokenizer", "encode", corpus, "--tokenizer", tokenizer, "--out", out, "--json").stdout
    )
    ids = np.fromfile(out, "<u2").tolist()
    assert ids == expected(tokenizer)
    assert done["tokens"] == len(ids)
    assert done["read"]["documents"] == len(texts())


def test_merges_are_those_of_the_package(corpus: Path, trained: Path) -> None:
    from tokenizers import Regex, models, pre_tokenizers, trainers

    model = json.loads(trained.read_text(encoding="utf-8"))
    regex = model["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    oracle = Tokenizer(models.BPE())
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    oracle.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [pre_tokenizers.Split(Regex(regex), "isolated"), bytes_only]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    oracle.train_from_iterator(texts(), trainer)
    theirs = json.loads(oracle.to_str())["model"]
    assert model["model"]["merges"] == theirs["merges"]
    assert model["model"]["vocab"] == theirs["vocab"]


def test_transformers_reads_the_file(trained: Path) -> None:
    transformers = pytest.importorskip("transformers")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_file=str(trained), eos_token="<|endoftext|>")
    text = texts()[0]
    assert fast(text)["input_ids"] == Tokenizer.from_file(str(trained)).encode(text).ids
    assert fast.decode(fast(text)["input_ids"], clean_up_tokenization_spaces=False) == text


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_compressed_input_gives_the_same(suffix: str, corpus: Path, trained: Path, tmp_path: Path) -> None:
    packed, out = tmp_path / f"corpus{suffix}", tmp_path / "tokens.bin"
    with pa.CompressedOutputStream(str(packed), "gzip" if suffix.endswith("gz") else "zstd") as stream:
        stream.write(corpus.read_bytes())
    rotools("tokenizer", "encode", packed, "--tokenizer", trained, "--out", out)
    assert np.fromfile(out, "<u2").tolist() == expected(trained)


def test_a_folder_of_text_files(trained: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "texts", tmp_path / "tokens.bin"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text(f"fișierul {name}", encoding="utf-8")
    rotools("tokenizer", "encode", folder, "--tokenizer", trained, "--out", out)
    oracle = Tokenizer.from_file(str(trained))
    end = oracle.token_to_id("<|endoftext|>")
    ids = [id for name in ("a", "b") for id in [*oracle.encode(f"fișierul {name}").ids, end]]
    assert np.fromfile(out, "<u2").tolist() == ids


def test_threads_change_nothing(corpus: Path, trained: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.jsonl"
    big.write_bytes(corpus.read_bytes() * 60)
    made = []
    for threads in (1, 2, 5):
        tokenizer, out = tmp_path / f"{threads}.json", tmp_path / f"{threads}.bin"
        rotools("tokenizer", "train", big, "--vocab-size", 500, "--out", tokenizer, "--threads", threads)
        rotools("tokenizer", "encode", big, "--tokenizer", trained, "--out", out, "--threads", threads)
        told = rotools(
            "tokenizer", "report", big, "--tokenizer", trained, "--threads", threads, "--json"
        ).stdout
        made.append((tokenizer.read_bytes(), out.read_bytes(), told))
    assert made[0] == made[1] == made[2]


def test_report_counts_what_the_ids_say(corpus: Path, trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "gpt2.json"
    rotools(
        "tokenizer", "train", corpus, "--vocab-size", 400, "--pattern", "gpt-2", "--out", other, "--quiet"
    )
    arguments = ["tokenizer", "report", corpus, "--no-normalize", "--tokenizer", trained, "--against", other]
    told = json.loads(rotools(*arguments, "--json").stdout)
    words = sum(len(text.split()) for text in texts())
    for report, path in zip(told["reports"], (trained, other), strict=True):
        ids = [id for id in expected(path) if id != 0]
        assert report["tokens"] == len(ids)
        assert report["documents"] == len(texts())
        assert report["fertility"] == pytest.approx(len(ids) / words, rel=0.01)
        assert report["vocabulary_used"] == pytest.approx(len(set(ids)) / report["vocab_size"])
        assert report["sources"][0][1]["tokens"] == report["tokens"]
        assert all("|" in cut for cut, _ in report["split_words"])
    assert [report["pattern"] for report in told["reports"]] == ["llama-bpe", "gpt-2"]
    people = rotools(*arguments)
    assert "fertility" in people.stdout
    assert "s|-" in people.stdout


def _unigram(model: dict[str, Any]) -> None:
    model["model"] = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0]], "byte_fallback": False}


def _sentencepiece(model: dict[str, Any]) -> None:
    model["model"]["byte_fallback"] = True


def _wordpiece(model: dict[str, Any]) -> None:
    model["model"]["type"] = "WordPiece"


def _normalizer(model: dict[str, Any]) -> None:
    model["normalizer"] = {"type": "NFKC"}


def _split(model: dict[str, Any]) -> None:
    model["pre_tokenizer"] = {"type": "Whitespace"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_unigram, "Unigram"),
        (_sentencepiece, "byte_fallback"),
        (_wordpiece, "WordPiece"),
        (_normalizer, "NFKC"),
        (_split, "Whitespace"),
    ],
)
@pytest.mark.parametrize("verb", ["encode", "report"])
def test_other_kinds_of_tokenizers_are_refused_by_name(
    verb: str,
    change: Callable[[dict[str, Any]], None],
    says: str,
    corpus: Path,
    trained: Path,
    tmp_path: Path,
) -> None:
    model = json.loads(trained.read_text(encoding="utf-8"))
    change(model)
    foreign, out = tmp_path / "foreign.json", tmp_path / "tokens.bin"
    foreign.write_text(json.dumps(model), encoding="utf-8")
    options = (
        ["--tokenizer", foreign, "--out", out]
        if verb == "encode"
        else ["--tokenizer", trained, "--against", foreign]
    )
    error = rotools("tokenizer", verb, corpus, *options, code=1).stderr
    assert error.startswith("error: ")
    assert "foreign.json" in error
    assert says in error
    assert "hint: " in error
    assert not list(tmp_path.glob("*tokens.bin*")), "nothing is left behind"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"model": {}}', b"text"])
def test_damaged_tokenizers_are_one_sentence(content: bytes, corpus: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(content)
    error = rotools(
        "tokenizer", "encode", corpus, "--tokenizer", broken, "--out", tmp_path / "o", code=1
    ).stderr
    assert error.startswith("error: ")
    assert "broken.json" in error
    assert "Traceback" not in error


def test_files_of_a_killed_training_do_no_harm(corpus: Path, tmp_path: Path) -> None:
    scratch = tmp_path / ".t.json.words"
    scratch.mkdir()
    (scratch / ".words-1-0.run").write_bytes(b"half")
    rotools("tokenizer", "train", corpus, "--vocab-size", 300, "--out", tmp_path / "t.json", "--quiet")
    assert [path.name for path in tmp_path.iterdir()] == ["t.json"]


def test_wrong_usage(corpus: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "no" / "t.json"
    error = rotools("tokenizer", "train", corpus, "--vocab-size", 300, "--out", nowhere, code=1).stderr
    assert "hint: " in error or "No such file" in error
    error = rotools(
        "tokenizer", "encode", corpus, "--tokenizer", nowhere, "--out", tmp_path / "o", code=1
    ).stderr
    assert "t.json" in error
    rotools("tokenizer", "train", corpus, "--vocab-size", 10, code=2)
    rotools("tokenizer", "train", corpus, "--pattern", "unknown", code=2)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert "no document" in rotools("tokenizer", "train", empty, "--out", tmp_path / "t.json", code=1).stderr
    assert not (tmp_path / "t.json").exists()
