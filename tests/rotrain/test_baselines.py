"""Baselines without a network, text from outside, and one document that has much of a domain."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import texts, write_pack

from rotrain.cli.evaluate import _show
from rotrain.data.pack import open_pack
from rotrain.errors import RotrainError, UsageError
from rotrain.evaluation import contamination
from rotrain.evaluation.baselines.models import ZSTD_BYTES, Baseline
from rotrain.evaluation.baselines.ngram import MAX_ORDER, NgramModel
from rotrain.evaluation.baselines.training_text import training_documents
from rotrain.evaluation.baselines.zstd import ZstdModel
from rotrain.evaluation.contamination import RUN_TOKENS, measure_contamination
from rotrain.evaluation.domains import held_out
from rotrain.evaluation.evaluate import evaluate
from rotrain.evaluation.known_contamination import find_contamination
from rotrain.evaluation.text import Document, TextScore

DOCUMENTS = st.lists(st.text(alphabet="abcș 🙂\n", max_size=20), min_size=1, max_size=5)


@given(DOCUMENTS, st.integers(1, MAX_ORDER), st.binary(max_size=9))
@settings(max_examples=60, deadline=None)
def test_probabilities_are_positive_and_sum_to_one(documents: list[str], order: int, context: bytes) -> None:
    if not any(documents):
        documents = ["a"]
    model = NgramModel.count(documents, order)
    for past in (context, documents[0].encode()):
        found = model.probabilities(past)
        assert abs(found.sum() - 1) < 1e-12
        assert (found > 0).all()


@given(DOCUMENTS, st.integers(1, MAX_ORDER), st.text(alphabet="abcș", max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_score_of_a_document_is_the_product_of_its_bytes(
    documents: list[str], order: int, text: str
) -> None:
    model = NgramModel.count([*documents, "a"], order)
    raw = text.encode()
    found = model.nats(text)
    expected = [-math.log(model.probabilities(raw[:at])[byte]) for at, byte in enumerate([*raw, 0xFF])]
    assert np.allclose(found, expected, rtol=1e-12)


def test_counts_of_the_highest_order_are_those_of_a_plain_program() -> None:
    """Modified Kneser-Ney of order 2, written again from the formulas with dictionaries."""
    documents = texts(20, seed=3)
    model = NgramModel.count(documents, 2)
    padded = [bytes([0xFF]) + document.encode() + bytes([0xFF]) for document in documents]
    pairs = Counter(raw[at : at + 2] for raw in padded for at in range(len(raw) - 1))
    before = Counter(pair[1] for pair in pairs)

    def discounts(counts: list[int]) -> list[float]:
        n = [sum(count == k for count in counts) for k in range(5)]
        y = n[1] / (n[1] + 2 * n[2])
        return [0.0] + [
            k - (k + 1) * y * n[k + 1] / n[k] if 0 < k - (k + 1) * y * n[k + 1] / n[k] < k else 0.5 * k
            for k in (1, 2, 3)
        ]

    high, low = discounts(list(pairs.values())), discounts(list(before.values()))
    context = ord("a")
    after = {pair[1]: count for pair, count in pairs.items() if pair[0] == context}
    total = sum(after.values())
    unigram_given = sum(low[min(count, 3)] for count in before.values()) / sum(before.values())
    given_back = sum(high[min(count, 3)] for count in after.values()) / total
    for byte in range(256):
        seen = before.get(byte, 0)
        unigram = (seen - low[min(seen, 3)]) / sum(before.values()) + unigram_given / 256
        count = after.get(byte, 0)
        expected = (count - high[min(count, 3)]) / total + given_back * unigram
        assert model.probabilities(b"a")[byte] == pytest.approx(expected, rel=1e-12)


def test_more_context_needs_fewer_bits(pack: Path) -> None:
    train = training_documents(open_pack(pack), 10_000_000)
    text = held_out(open_pack(pack), 1_000_000)["web"][0].text
    found = [float(NgramModel.count(train, order).nats(text).sum()) for order in (1, 3, 6)]
    assert found == sorted(found, reverse=True)


def test_a_small_pack_gives_all_of_its_documents(pack: Path) -> None:
    opened = open_pack(pack)
    found = training_documents(opened, 10_000_000)
    assert len(found) == sum(phase.train.documents for phase in opened.phases)
    assert sum(len(text.encode()) for text in found) == sum(phase.train.bytes for phase in opened.phases)


def test_a_part_of_a_pack_has_the_bytes_that_were_asked_for(pack: Path) -> None:
    opened = open_pack(pack)
    whole = "\n".join(training_documents(opened, 10_000_000))
    part = training_documents(opened, 20_000)
    assert all(text and text in whole for text in part)
    assert 19_000 < sum(len(text.encode()) for text in part) <= 20_000


def test_long_documents_are_cut_and_not_left_out(tmp_path: Path) -> None:
    """A book is longer than a piece: each piece lies within one."""
    rng = random.Random(5)
    letters = "aăâbcdeéghiîlmnoprsștțuvz🙂 "
    books = ["".join(rng.choices(letters, k=30_000)) for _ in range(4)]
    web = ["".join(rng.choices(letters, k=100)) for _ in range(200)]
    # In text without words the tokens are single bytes, so that pieces are cut within characters too.
    opened = open_pack(write_pack(tmp_path / "pack", train={"web": web, "books": books}))
    part = training_documents(opened, 40_000)
    whole = "\n".join(training_documents(opened, 10_000_000))
    assert all(text in whole for text in part), "no character is torn"
    shares = {
        phase.name: sum(len(text.encode()) for text in part if text in "\n".join(known))
        for phase, known in zip(opened.phases, (web, books), strict=True)
    }
    of_books = opened.phases[1].train.bytes / sum(phase.train.bytes for phase in opened.phases)
    assert shares["books"] > 0.9 * of_books * 40_000
    assert 36_000 < sum(shares.values()) <= 40_000
    for kind in ("ngram", "zstd"):
        assert Baseline(kind, opened).trained_bytes > 0


@pytest.mark.parametrize("kind", ["ngram", "zstd"])
def test_baselines_are_evaluated_like_models(pack: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"{kind}.json"
    result = evaluate(f"baseline:{kind}", pack, out=out)
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["model"]["arch"] == kind and set(result.text) == {"web", "books"}
    score = result.text["web"]
    documents = held_out(open_pack(pack), 1_000_000)["web"]
    assert score["by_unit"]["id"] == [document.id for document in documents], "the documents of the models"
    assert score["bytes"] == sum(len(document.text.encode()) for document in documents)
    # The pack repeats six sentences: who knows the training text needs little, and not nothing.
    assert 0.01 < score["bits_per_byte"]["value"] < 2.0


def test_zstd_bits_are_those_of_the_decompressible_frame(pack: Path) -> None:
    import zstandard

    opened = open_pack(pack)
    document = held_out(opened, 1_000_000)["web"][0]
    model = ZstdModel(training_documents(opened, ZSTD_BYTES))
    frame, raw = model.compress(document.text), document.text.encode()
    known = zstandard.ZstdCompressionDict(model.dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    reader = zstandard.ZstdDecompressor(known, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    assert reader.decompress(frame, max_output_size=len(raw)) == raw
    assert len(frame) < len(zstandard.ZstdCompressor(level=12).compress(raw))
    found = Baseline("zstd", opened).score([document])
    assert found.nats[0] == pytest.approx(8 * math.log(2) * len(frame))


def test_a_baseline_has_no_tasks_and_needs_a_pack(pack: Path) -> None:
    with pytest.raises(UsageError, match="needs a pack"):
        evaluate("baseline:ngram")
    with pytest.raises(UsageError, match="no --tasks"):
        evaluate("baseline:ngram", pack, tasks=["task.jsonl"])
    with pytest.raises(UsageError, match="no --context and no --probes"):
        evaluate("baseline:ngram", pack, context=5, probes=["grammar"])
    with pytest.raises(UsageError, match="there is no baseline 'gzip'"):
        evaluate("baseline:gzip", pack)


def test_contamination_counts_what_was_copied_from_the_training_text(pack: Path) -> None:
    opened = open_pack(pack)
    copied = max(training_documents(opened, 10_000_000), key=len)
    foreign = (
        "Zvon zglobiu: 17 vulpi xilofonice hoinăresc pe lângă Kilimanjaro, quasi-jazz, westernuri, yoga! " * 3
    )
    texts = {
        "both": [Document("a", copied), Document("b", foreign)],
        "alone": [Document("a", copied)],
        "short": [Document("c", "Da."), Document("d", foreign)],
    }
    found = measure_contamination(opened, texts)
    assert found["both"].documents == 1
    assert found["both"].of_tokens > found["both"].tokens
    assert found["alone"].tokens == found["alone"].of_tokens, "every token of a copy is in a common run"
    assert found["short"].unchecked == 1, f"fewer than {RUN_TOKENS} tokens are no run"
    assert found["short"].of_tokens == found["both"].of_tokens - found["alone"].of_tokens


def test_contamination_finds_runs_across_the_pieces_of_the_stream(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_pack(pack)
    documents = [
        Document(str(at), text) for at, text in enumerate(training_documents(opened, 10_000_000)[:9])
    ]
    whole = measure_contamination(opened, {"web": documents})
    monkeypatch.setattr("rotrain.evaluation.contamination.TOKENS_AT_ONCE", 23)
    assert measure_contamination(opened, {"web": documents}) == whole


def test_the_training_text_is_read_once_for_all_outside_texts(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, read = open_pack(pack), []
    plain = contamination._stream
    monkeypatch.setattr(contamination, "_stream", lambda stream: read.append(stream.name) or plain(stream))
    known = training_documents(opened, 10_000_000)
    domains = {"one": [Document("a", known[0])], "two": [Document("b", known[1])]}
    folder = tmp_path / "contamination"
    first = find_contamination(opened, domains, folder)
    assert read == ["web train", "books train"]
    assert find_contamination(opened, domains, folder) == first and len(read) == 2, "it was kept"
    domains["two"] = [Document("b", known[1] + " Altă propoziție.")]
    second = find_contamination(opened, domains, folder)
    assert len(read) == 4 and second["one"] == first["one"] and second["two"] != first["two"]
    for file in folder.iterdir():
        file.write_text("{}", encoding="utf-8")
    assert find_contamination(opened, domains, folder) == second, "a damaged file is measured again"
    assert find_contamination(opened, domains, None) == second


def test_a_stream_that_is_read_from_start_to_end_has_the_same_tokens(pack: Path) -> None:
    stream = open_pack(pack).phases[0].train
    found = np.empty((2, stream.tokens), dtype=np.int64)
    stream.read(0, found[0])
    stream.sequential().read(0, found[1])
    assert (found[0] == found[1]).all()


def test_outside_text_stands_apart_from_the_held_out_text(pack: Path, tmp_path: Path) -> None:
    file = tmp_path / "news.jsonl"
    lines = [{"id": str(at), "text": text} for at, text in enumerate(texts(4, seed=99))]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    result = evaluate("baseline:ngram", pack, outside=[file], out=tmp_path / "n.json")
    assert set(result.text) == {"web", "books"} and set(result.outside) == {"news"}
    assert 0 <= result.outside["news"]["contamination"]["share"] <= 1
    assert result.outside["news"]["documents"] == 4


def _score(bytes_: list[float], bits: list[float]) -> TextScore:
    sizes = np.array(bytes_)
    names = [str(at) for at in range(len(bytes_))]
    return TextScore("document", len(names), names, np.array(bits) * sizes * math.log(2), sizes, sizes)


def test_a_document_with_more_than_a_tenth_of_the_bytes_is_named() -> None:
    assert _score([100.0] * 20, [2.0] * 20).heaviest is None
    found = _score([100.0] * 20 + [2_000.0], [2.0] * 20 + [0.1]).heaviest
    assert found is not None
    assert found[0] == "20" and found[1] == 0.5 and found[2] == pytest.approx(2.0)


def test_the_command_shows_what_a_baseline_has(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text(json.dumps({"text": "Da."}), encoding="utf-8")
    shown = {}
    for kind in ("ngram", "zstd"):
        result = evaluate(f"baseline:{kind}", pack, outside=[file], out=tmp_path / f"{kind}.json")
        _show(result.to_dict(), None)
        shown[kind] = capsys.readouterr().out
        assert "perplexity" not in shown[kind] and "parameters" not in shown[kind]
        assert (
            "nothing was compared with the training text: 1 document of fewer than 20 tokens" in shown[kind]
        )
    older = {"documents": 1, "share": 0.25, "run_tokens": 20, "trained_tokens": 9}
    result.record["outside"]["chat"]["contamination"] = older
    _show(result.to_dict(), None)
    assert "25.0 % of its tokens, in 1 documents" in capsys.readouterr().out
    assert " counts\n" in shown["ngram"].splitlines(keepends=True)[0]
    assert shown["zstd"].startswith("baseline:zstd: zstd\n")


def test_a_file_without_text_is_named_with_its_option(pack: Path, tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_text(json.dumps({"text": ""}), encoding="utf-8")
    for option in ("text", "outside"):
        with pytest.raises(RotrainError) as caught:
            evaluate("baseline:ngram", pack, **{option: [file]})
        assert caught.value.hint == f"give another file with --{option}"
