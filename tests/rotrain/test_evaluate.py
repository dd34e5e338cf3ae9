"""Tests of the evaluation: every figure is compared with a brute-force computation of its definition."""

from __future__ import annotations

import importlib
import json
import math
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from packs import texts, train_tokenizer
from program import rotrain
from torch import Tensor

from conftest import fit_config
from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.evaluation import diacritics, probes
from rotrain.evaluation.divergence import Divergence, measure_divergence
from rotrain.evaluation.evaluate import evaluate
from rotrain.evaluation.harness import continue_text
from rotrain.evaluation.interval import paired, ratio
from rotrain.evaluation.model import Ids, LanguageModel, as_ids, sequence_nats
from rotrain.evaluation.open import open_model
from rotrain.evaluation.tasks import continuations, read_task, score_task
from rotrain.evaluation.text import Document, score_text
from rotrain.evaluation.torch_model import TorchModel
from rotrain.evaluation.windows import windows
from rotrain.files import read_record, write_record
from rotrain.progress import Progress
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")
R = TypeVar("R")


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    """A tiny run, trained on the sentences of the tests."""
    out = tmp_path_factory.mktemp("evaluate") / "run"
    rotrain_fit(pack, out, steps=30)
    return out


@pytest.fixture(scope="module")
def other(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    """A second tiny run with fewer training steps."""
    out = tmp_path_factory.mktemp("evaluate") / "other"
    rotrain_fit(pack, out, steps=10)
    return out


def rotrain_fit(pack: Path, out: Path, steps: int) -> None:
    run_training(fit_config(pack, out, steps=steps), Progress())


@pytest.fixture(scope="module")
def model(run: Path) -> TorchModel:
    found = open_model(run)
    assert isinstance(found, TorchModel)
    return found


DOCUMENTS = [Document(str(i), text) for i, text in enumerate(texts(40, seed=9))]


class Continuer:
    """A model that finds the latest longest earlier copy of its last tokens, and predicts the token that followed it.

    It has a perfect memory, so it must pass every probe of memory.
    """

    def __init__(self, tokenizer: Tokenizer, context: int = 2_000) -> None:
        self.tokenizer, self.context, self.eos_id, self.name = tokenizer, context, 0, "continuer"
        self.bos_id = self.eos_id
        self.notes: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def data(self) -> None:
        return None

    def map_logits(self, sequences: Sequence[Ids], reduce: Callable[[int, Tensor], R]) -> list[R]:
        return [reduce(index, self._logits(ids.tolist())) for index, ids in enumerate(sequences)]

    def _logits(self, ids: list[int]) -> Tensor:
        logits = torch.zeros(len(ids), self.tokenizer.vocab_size)
        # longest[j]: length of the common suffix of ids[:i + 1] and ids[:j + 1], for j < i
        longest = [0] * len(ids)
        for i in range(len(ids)):
            longest = [
                0 if j >= i or ids[j] != ids[i] else 1 + (longest[j - 1] if j else 0) for j in range(len(ids))
            ]
            best = max(range(len(ids)), key=lambda j: (longest[j], j))
            if longest[best]:
                logits[i, ids[best + 1]] = 20.0
        return logits


@given(st.integers(2, 400), st.integers(1, 64))
def test_windows_score_each_id_once_with_half_a_context_before_it(length: int, context: int) -> None:
    ids = as_ids(range(length))
    seen: list[int] = []
    for window in windows(ids, context):
        assert 1 <= len(window.labels) <= len(window.inputs) <= context
        assert window.inputs[-1] + 1 == window.labels[-1]
        begin = int(window.inputs[0])
        # tokens before the first label of the window
        assert begin == 0 or window.labels[0] - begin >= context - max(context // 2, 1)
        seen += window.labels.tolist()
    assert seen == list(range(1, length))


def test_bits_per_byte_equals_brute_force_over_windows(model: TorchModel) -> None:
    score = score_text(model, DOCUMENTS)
    nats = 0.0
    for document in DOCUMENTS:
        ids = as_ids([0, *model.tokenizer.encode(document.text), 0])
        for window in windows(ids, model.context):
            with torch.inference_mode():
                hidden = model.decoder(torch.from_numpy(window.inputs)[None])
                chances = model.decoder.logits(hidden)[0].double().log_softmax(-1)
            rows = chances[-len(window.labels) :]
            nats -= float(rows.gather(1, torch.from_numpy(window.labels)[:, None]).sum())
    size = sum(len(document.text.encode()) for document in DOCUMENTS)
    assert score.bits_per_byte.value == pytest.approx(nats / math.log(2) / size, rel=1e-6)
    assert score.perplexity.value == pytest.approx(math.exp(nats / score.tokens.sum()), rel=1e-6)
    assert score.unit == "document" and len(score.units) == len(DOCUMENTS)
    assert score.bits_per_byte.low < score.bits_per_byte.value < score.bits_per_byte.high


def test_scores_by_window_sum_to_scores_by_document(model: TorchModel) -> None:
    many = score_text(model, DOCUMENTS)
    longest = int(np.argmax(many.bytes))
    alone = score_text(model, DOCUMENTS[longest : longest + 1])
    assert alone.unit == "window" and len(alone.units) > 1
    assert alone.nats.sum() == pytest.approx(many.nats[longest], rel=1e-6)
    assert alone.bytes.sum() == many.bytes[longest]


def test_intervals_cover_at_their_level_and_paired_ones_are_narrower(model: TorchModel, other: Path) -> None:
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        sample = random.normal(3.0, 1.0, size=40)
        found = ratio(sample, np.ones(40))
        covered += found.low <= 3.0 <= found.high
    assert 85 <= covered <= 100
    worse = score_text(open_model(other), DOCUMENTS)
    better = score_text(model, DOCUMENTS)
    assert worse.units == better.units and np.array_equal(worse.bytes, better.bytes)
    difference = paired(worse.nats / math.log(2), better.nats / math.log(2), worse.bytes)
    assert difference.low > 0, "the longer trained one is better beyond doubt"
    width = difference.high - difference.low
    assert width < worse.bits_per_byte.high - worse.bits_per_byte.low
    same = paired(better.nats, better.nats, better.bytes)
    assert same.low == same.value == same.high == 0


def test_divergence_is_zero_for_the_same_model_and_equals_brute_force(model: TorchModel, other: Path) -> None:
    same = measure_divergence(model, model, DOCUMENTS, 200)
    assert same.kl.max() < 1e-12 and same.same_top.min() == 1 and np.abs(same.dnats).max() == 0
    variant = open_model(other)
    found = measure_divergence(model, variant, DOCUMENTS, 60)
    ids = as_ids([0, *model.tokenizer.encode(DOCUMENTS[0].text), 0])
    window = next(windows(ids, model.context))
    p, q = (
        m.map_logits([window.inputs], lambda _, logits: logits.double().log_softmax(-1))[0]
        for m in (model, variant)
    )
    expected = (p.exp() * (p - q)).sum(-1)
    assert np.allclose(found.kl[: len(expected)], expected.numpy(), atol=1e-9)
    assert found.as_json()["mean_kl"]["value"] == pytest.approx(found.kl.mean())  # type: ignore[index]
    assert found.as_json()["perplexity_ratio"]["value"] == pytest.approx(math.exp(found.dnats.mean()))  # type: ignore[index]


def test_divergence_rejects_another_tokenizer(model: TorchModel, tmp_path: Path) -> None:
    train_tokenizer(290).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(RotrainError, match="tokenizer is not that of"):
        measure_divergence(model, Continuer(Tokenizer(tmp_path / "tokenizer.json")), DOCUMENTS, 10)


def test_padded_batches_score_like_single_sequences(model: TorchModel) -> None:
    sequences = [
        as_ids([0, *model.tokenizer.encode(d.text)])[: 3 + 2 * i] for i, d in enumerate(DOCUMENTS[:12])
    ]
    together = sequence_nats(model, sequences)
    for ids, nats in zip(sequences, together, strict=True):
        assert np.allclose(nats, sequence_nats(model, [ids])[0], atol=1e-5)


@pytest.fixture(scope="module")
def perfect(pack: Path) -> Continuer:
    return Continuer(Tokenizer(pack / "tokenizer.json"))


@pytest.mark.parametrize("probe", [probes.copy, probes.induction])
def test_perfect_memory_passes_copy_and_induction(
    perfect: Continuer,
    probe: Callable[[LanguageModel], dict[str, probes.Result]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probes, "CASES", 5)
    monkeypatch.setattr(probes, "COPY_LENGTHS", (4, 16))
    for result in probe(perfect).values():
        assert result.accuracy.value == 1.0
    nothing = _Uniform(perfect.tokenizer)
    for result in probe(nothing).values():
        assert result.accuracy.value < 0.3


def test_perfect_memory_passes_the_phonebook(perfect: Continuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "CASES", 3)
    monkeypatch.setattr(probes, "PHONEBOOK_ENTRIES", (2, 8))
    found = probes.phonebook(perfect)
    assert list(found) == ["2", "8"]
    assert all(result.accuracy.value == 1.0 for result in found.values())
    assert all(r.accuracy.value == 0.0 for r in probes.phonebook(_Uniform(perfect.tokenizer)).values())


class _Uniform(Continuer):
    """A model that gives every token the same probability."""

    def _logits(self, ids: list[int]) -> Tensor:
        return torch.zeros(len(ids), self.tokenizer.vocab_size)


def test_diacritics_cases_are_words_with_several_readings(model: TorchModel) -> None:
    training = "Fata doarme. " * 5 + "O față și o fată, în fața casei. " * 3 + "o fată mică. " * 9
    known = diacritics.readings(training)
    assert known["fata"] == ("fată", "fata", "fața", "față")
    assert "doarme" not in known
    asked = diacritics.make_cases([Document("a", "Fața casei este albă. El doarme.")], known)
    assert [(case.before, case.after, case.correct) for case in asked] == [("", " casei este albă.", "Fața")]
    assert asked[0].readings == ("Fată", "Fata", "Fața", "Față")
    restored = diacritics.score_restoration(model, asked * 3)
    assert restored["commonest"].accuracy.value == 0.0
    assert len(restored["model"].hits) == 3


def test_training_text_is_read_for_the_probe_that_needs_it(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Decoding eight megabytes takes longer than scoring the held-out text of a small pack."""
    read: list[str] = []
    evaluation = importlib.import_module("rotrain.evaluation.evaluate")
    take = evaluation.training_text
    monkeypatch.setattr(evaluation, "training_text", lambda pack: read.append("read") or take(pack))
    for asked, times in ((["copy"], 0), (["diacritics"], 1)):
        evaluate(run, max_bytes=1_000, probes=asked, out=tmp_path / "result.json")
        assert len(read) == times


def _task(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    return path


def test_tasks_are_scored_by_likelihood(model: TorchModel, tmp_path: Path) -> None:
    file = _task(
        tmp_path / "task.jsonl",
        {"type": "choice", "context": "A fost odată ca ", "choices": ["niciodată", "xqz"], "answer": 0},
        {"type": "pair", "good": "Prețul pâinii a crescut.", "bad": "Prexul pqinii z crescut."},
        {"type": "cloze", "text": "Fata cea ___ a plecat.", "choices": ["zzzz", "mică"], "answer": 1},
    )
    cases = read_task(file)
    found = score_task(model, cases)
    assert found["accuracy"].hits.tolist() == [1, 1, 1]
    nats, _ = continuations(model, [("A fost odată ca ", "niciodată")])[0]
    whole = sequence_nats(model, [as_ids([0, *model.tokenizer.encode("A fost odată ca niciodată")])])[0].sum()
    before = sequence_nats(model, [as_ids([0, *model.tokenizer.encode("A fost odată ca")])])[0].sum()
    assert nats == pytest.approx(whole - before, rel=1e-4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "this is not JSON"),
        ('{"type": "quiz"}', "not a valid case"),
        (
            '{"type": "choice", "context": "a", "choices": ["b"], "answer": 0}',
            "not a valid case: choice.choices",
        ),
        ('{"type": "choice", "context": "a", "choices": ["b", "c"], "answer": 2}', "the answer is 2"),
        ('{"type": "cloze", "text": "a", "choices": ["b", "c"], "answer": 0}', "0 gaps"),
        ("", "no cases"),
    ],
)
def test_invalid_task_is_reported_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "task.jsonl"
    file.write_text(f"\n{line}\n")
    with pytest.raises(RotrainError, match=message) as caught:
        read_task(file)
    assert caught.value.hint
    assert caught.value.place is not None and caught.value.place.startswith(str(file))


def test_generation_for_the_harness_stops_at_a_stop_string(perfect: Continuer) -> None:
    text = "una două trei. una două trei. una"
    assert continue_text(perfect, text, {"until": ["."], "max_gen_toks": 40}) == " două trei"
    assert continue_text(perfect, text, {"until": [], "max_gen_toks": 0}) == ""


def test_evaluate_writes_the_result_that_it_prints(run: Path, other: Path, tmp_path: Path) -> None:
    novel = tmp_path / "novel.txt"
    novel.write_text("\n".join(texts(5, seed=3)), encoding="utf-8")
    ended = rotrain(
        "evaluate", run, "--json", "--quiet", "--against", other, "--against-tokens", 100,
        "--probes", "copy,diacritics", "--text", novel,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert (result["format"], result["version"]) == ("rotrain-evaluation", 1)
    assert set(result["text"]) == {"web", "books", "novel"}
    for score in result["text"].values():
        low, value, high = (score["bits_per_byte"][key] for key in ("low", "value", "high"))
        assert 0 < low <= value <= high
    assert result["against"]["tokens"] >= 100 and result["against"]["mean_kl"]["value"] > 0
    assert read_record(run / "evaluation.json") == result
    printed = rotrain("evaluate", run, "--probes", "none", "--quiet", "--out", tmp_path / "e.json")
    assert "web: " in printed.stdout and "bits/byte" in printed.stdout


def test_a_later_evaluation_keeps_what_it_did_not_measure(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    (copy / "evaluation.json").unlink(missing_ok=True)
    # The harness is another program; what matters here is that only its tasks have a convention of their own.
    figures = {"multiblimp_ron": {"acc": 0.5}}
    monkeypatch.setattr(sys.modules[evaluate.__module__], "run_harness", lambda *_, **__: figures)
    options: dict[str, Any] = {"max_bytes": 2_000}
    evaluate(copy, probes=["copy"], **options)
    found = evaluate(copy, probes=[], tasks=["multiblimp_ron"], **options).record
    assert set(found["probes"]) == {"copy"} and found["tasks"] == figures
    found = evaluate(copy, probes=["induction"], **options).record
    assert set(found["probes"]) == {"copy", "induction"} and found["tasks"] == figures
    assert "no BOS" in found["conventions"]["harness"], "the convention of the figures that were kept"
    assert [call["parts"] for call in found["calls"]] == [["text", "probes"], ["tasks"], ["probes"]], (
        "newest first"
    )
    assert all(call["date"].endswith(" UTC") and call["processor"] for call in found["calls"])
    assert read_record(copy / "evaluation.json") == found
    older = {key: value for key, value in found.items() if key not in ("calls", "seal")}
    write_record(copy / "evaluation.json", older)
    found = evaluate(copy, probes=[], **options).record
    assert found["calls"][1:] == [{"parts": ["probes", "tasks"]}], "an older version recorded no call"
    found = evaluate(copy, probes=[], tasks=["multiblimp_ron"], task_bos=True, **options).record
    assert not found["probes"], "figures of two conventions do not stand in one file"
    found = evaluate(copy, probes=["copy"], context=16, **options).record
    assert not found["tasks"], "nor figures of two windows"


def test_a_share_is_at_most_one() -> None:
    same = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    found = Divergence(same, same, same, same, np.array([0, 0, 1, 1, 2, 2]))
    high = found.mean(same).high
    assert high is not None and high > 1, "the interval of a mean without a limit"
    same_top = found.as_json()["same_top"]
    assert isinstance(same_top, dict) and same_top["high"] == 1.0 > same_top["value"] > same_top["low"] >= 0


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--probes", "grammer"), 2, "there is no probe 'grammer'"),
        (("--text", "/nowhere.jsonl"), 1, "/nowhere.jsonl"),
        (("--tasks", "/nowhere.jsonl"), 1, "cannot read the task"),
        (("--data", "/nowhere"), 1, "there is no pack here"),
        (("--against", "/nowhere"), 1, "there is no run here"),
    ],
)
def test_evaluate_reports_wrong_options_and_files(
    run: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    ended = rotrain("evaluate", run, "--quiet", *(() if "--probes" in args else ("--probes", "none")), *args)
    assert ended.returncode == code, ended.stderr
    assert message in ended.stderr
    assert "hint:" in ended.stderr
