"""Tests of EleutherAI's harness with a model of ours, on local tasks of the same forms as its Romanian tasks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from packs import SENTENCES
from program import rotrain

from conftest import fit_config
from rotrain.evaluation.harness import make_adapter
from rotrain.evaluation.open import open_model
from rotrain.evaluation.tasks import continuations, continued_ids
from rotrain.progress import Progress
from rotrain.train.loop import run_training

pytest.importorskip("lm_eval", reason="pip install 'rotext[lm-eval]'")
pytestmark = pytest.mark.usefixtures("tiny_nano")

# The forms of multiblimp_ron, xquad_ro and a perplexity task.
PAIRS = """
task: local_pairs
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/pairs.jsonl}}}}
test_split: test
output_type: multiple_choice
doc_to_text: ""
doc_to_choice: "{{{{[sen, wrong_sen]}}}}"
doc_to_target: 0
num_fewshot: 0
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""
TEXT = """
task: local_text
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/text.jsonl}}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list: [{{metric: bits_per_byte}}]
"""
ANSWERS = """
task: local_answers
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/answers.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 8}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def test_harness_scores_equal_ours(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rotrain.evaluation.harness import continue_text, run_harness

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    run_training(fit_config(pack, tmp_path / "run", steps=20), Progress())
    model = open_model(tmp_path / "run")
    folder = tmp_path / "tasks"
    folder.mkdir()
    pairs = [{"sen": sentence, "wrong_sen": sentence[::-1]} for sentence in SENTENCES]
    # Every second answer is the text that the model generates. The others differ from it.
    ends = {"until": ["."], "max_gen_toks": 8}
    written = [continue_text(model, sentence[:20], ends) for sentence in SENTENCES]
    answers = [
        {"question": sentence[:20], "answer": text if place % 2 == 0 else f"{text}, nu"}
        for place, (sentence, text) in enumerate(zip(SENTENCES, written, strict=True))
    ]
    for name, task, lines in (
        ("pairs", PAIRS, pairs),
        ("text", TEXT, [{"text": sentence} for sentence in SENTENCES]),
        ("answers", ANSWERS, answers),
    ):
        (folder / f"{name}.yaml").write_text(task.format(folder=folder))
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    found = run_harness(model, ["local_pairs", "local_text", "local_answers"], folder=folder)
    nats = continuations(model, [("", text) for pair in pairs for text in pair.values()])
    right = [good[0] < bad[0] for good, bad in zip(nats[::2], nats[1::2], strict=True)]
    assert found["local_pairs"]["acc,none"] == pytest.approx(sum(right) / len(right))
    # The harness does not score the end of a document, and its windows do not overlap.
    total, longest = 0.0, 0
    for sentence in SENTENCES:
        ids = model.tokenizer.encode(sentence)
        longest = max(longest, len(ids))
        for start in range(0, len(ids), model.context):
            before = [ids[start - 1]] if start else [0]
            part = ids[start : start + model.context]
            if (
                start and len(part) < model.context
            ):  # the last window reads as much before it as there is room for
                before = ids[start + len(part) - model.context - 1 : start]
            total += continued_ids(model, [(before, part)])[0][0]
    expected = total / math.log(2) / sum(len(sentence.encode()) for sentence in SENTENCES)
    assert longest > model.context
    assert found["local_text"]["bits_per_byte,none"] == pytest.approx(expected, rel=1e-6)
    assert any(written), "an empty answer would match an empty generation"
    assert found["local_answers"]["exact_match,none"] == pytest.approx(len(answers[::2]) / len(answers))


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("arch", ["llama-gqa", "mamba2"])
def test_our_backend_equals_the_one_of_the_harness_on_an_export(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, bos: bool
) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run_training(fit_config(pack, tmp_path / "run", arch=arch, steps=20), Progress())
    assert rotrain("export", tmp_path / "run", "--to", "hf", "--out", tmp_path / "hf").returncode == 0
    theirs = HFLM(pretrained=str(tmp_path / "hf"), device="cpu", batch_size=1, add_bos_token=bos or None)
    ours = make_adapter(open_model(tmp_path / "run"), bos=bos)
    long = " ".join(SENTENCES[:3])
    pairs = [
        *(("", sentence[:30]) for sentence in SENTENCES[:4]),
        *((sentence[:12], sentence[12:24]) for sentence in SENTENCES[:4]),
        ("Ana are ", "mere"),
        (long, " și gata"),
        ("a", long[:25]),
    ]

    def asked(kind: str, arguments: list[tuple[Any, ...]]) -> list[Any]:
        return [Instance(kind, {}, one, index) for index, one in enumerate(arguments)]

    requests = asked("loglikelihood", pairs)
    for (own, picks), (other, their_picks) in zip(
        ours.loglikelihood(requests), theirs.loglikelihood(requests, disable_tqdm=True), strict=True
    ):
        assert own == pytest.approx(other, abs=1e-4) and picks == their_picks
    requests = asked("loglikelihood_rolling", [(sentence,) for sentence in (*SENTENCES[:2], long)])
    assert ours.loglikelihood_rolling(requests) == pytest.approx(
        theirs.loglikelihood_rolling(requests, disable_tqdm=True), abs=1e-3
    )
    ends = {"until": ["."], "max_gen_toks": 8}
    requests = asked("generate_until", [(sentence[:20], ends) for sentence in (*SENTENCES[:3], long)])
    assert ours.generate_until(requests) == theirs.generate_until(requests, disable_tqdm=True)
