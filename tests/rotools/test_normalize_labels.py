"""Labelled sentences of our own, for each kind of damage: repairs that must be found, and good text that must stay."""

import json
from collections import defaultdict
from pathlib import Path

from rotools.normalize import normalize

LABELS = Path(__file__).parents[1] / "golden" / "normalize-labels.jsonl"
RECALL = 0.9


def labels() -> dict[str, list[tuple[str, str]]]:
    """Text and expected text, by kind of damage."""
    kinds = defaultdict(list)
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        kinds[label["kind"]].append((label["text"], label["expected"]))
    return kinds


def test_good_text_stays() -> None:
    good = [text for pairs in labels().values() for text, expected in pairs if text == expected]
    assert len(good) > 80
    assert [text for text in good if normalize(text) != text] == []


def test_damage_is_found() -> None:
    for kind, pairs in labels().items():
        damaged = [(text, expected) for text, expected in pairs if text != expected]
        missed = [text for text, expected in damaged if normalize(text) != expected]
        assert len(missed) <= (1 - RECALL) * len(damaged), (kind, missed)


def test_labels_are_stable() -> None:
    for pairs in labels().values():
        for text, _ in pairs:
            once = normalize(text)
            assert normalize(once) == once
