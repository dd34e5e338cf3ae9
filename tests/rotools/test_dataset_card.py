"""The dataset card of a pack: true counts, the same bytes again, a head that YAML readers take."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import rotools
from rotools.card import CARD, dataset_card


def _corpus(folder: Path) -> Path:
    """Good documents, a copy of one, and one that the filter removes."""
    lines = [
        f"Satul numărul {i} se află la poalele muntelui, iar oamenii lui cultivă pământul și cresc animale de {i} ani. "
        f"În fiecare toamnă se ține aici un târg mare, la care vin negustori din toate ținuturile vecine, cu {i} care de mere. "
        f"Primarul a spus că drumul către oraș va fi reparat până la anul, pentru că {i} familii îl folosesc în fiecare zi."
        for i in range(40)
    ]
    texts = [*lines, lines[0], "buy now " * 40]
    file = folder / "web.jsonl"
    file.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    file = _corpus(folder)
    return rotools.pack(file, folder / "pack", vocab_size=400, valid_share=0.1, preset="exact").out


def _head(card: str) -> dict[str, str]:
    first, body = card.split("---\n")[1:3]
    assert body.startswith("\n# ")
    return dict(line.split(": ", 1) for line in first.strip().splitlines())


def test_the_card_says_what_the_files_say(packed: Path) -> None:
    card = (packed / CARD).read_text(encoding="utf-8")
    manifest = json.loads((packed / "manifest.json").read_text(encoding="utf-8"))
    report = json.loads((packed / "report.json").read_text(encoding="utf-8"))
    head = _head(card)
    assert (head["language"], head["license"], head["size_categories"]) == ("ro", "unknown", "[n<1K]")
    phase = manifest["phases"][0]
    for split, name in (("train", "train"), ("valid", "held out")):
        part = phase[split]
        row = f"| web | {name} | {part['documents']:,} | {part['bytes']:,} | {part['tokens']:,} | {part['blocks']:,} |"
        assert row in card
    assert report["dedup"]["exact"] == 1 and "| all | an equal text was kept | 1 |" in card
    dropped = report["phases"][0]["read"]["filter"]["dropped"]
    assert dropped and all(
        f"| web | filter rule `{rule}` | {count:,} |" in card for rule, count in dropped.items() if count
    )
    assert "Equal texts were removed across all domains." in card
    assert "no equal text is trained on, but a near-duplicate may be" in card
    assert str(packed.parent) not in card and "| `web.jsonl` | web |" in card
    assert "Unknown: the texts have the licences of their sources." in card


def test_the_example_of_the_card_runs(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = (packed / CARD).read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("```")[0].replace('"FOLDER"', repr(str(packed)))
    try:
        exec(code, {})
    except StopIteration:
        pytest.fail("the pack has no block")
    assert "muntelui" in capsys.readouterr().out


def test_the_same_corpus_gives_the_same_card(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(packed.parent)
    again = rotools.pack(
        packed.parent / "web.jsonl",
        tmp_path / "other",
        vocab_size=400,
        valid_share=0.1,
        preset="exact",
        threads=1,
    )
    assert (again.out / CARD).read_bytes() == (packed / CARD).read_bytes(), (
        "no name of the directory, no machine"
    )
    assert not [name for name in os.listdir(again.out) if name.startswith(".")]
    manifest = json.loads((packed / "manifest.json").read_text(encoding="utf-8"))
    report = json.loads((packed / "report.json").read_text(encoding="utf-8"))
    assert _head(dataset_card(manifest, report, license="cc-by-4.0"))["license"] == "cc-by-4.0"


def test_a_pack_without_filter_and_duplicates_says_so(tmp_path: Path) -> None:
    out = rotools.pack(
        _corpus(tmp_path),
        tmp_path / "pack",
        vocab_size=300,
        filter=False,
        dedup=False,
        normalize=False,
        license="mit",
    ).out
    card = (out / CARD).read_text(encoding="utf-8")
    assert "Documents were not filtered. Duplicates were not removed." in card
    assert "No document was removed." in card and "Nothing: the text is that of the sources." in card
    assert "a near-duplicate of such a document may be trained on" in card and "no near-duplicate" not in card
    assert _head(card)["license"] == "mit" and card.endswith("## Licence\n\nmit.\n")


def test_the_card_of_near_duplicates_says_that_they_were_removed(tmp_path: Path) -> None:
    out = rotools.pack(
        _corpus(tmp_path), tmp_path / "pack", vocab_size=300, valid_share=0.1, accept_loss=True
    ).out
    card = (out / CARD).read_text(encoding="utf-8")
    assert "Duplicates and near-duplicates were removed across all domains." in card
    assert "no near-duplicate of such a document is trained on" in card


@pytest.mark.parametrize("license", ['CC: BY "x"', "# none", "no", "CC BY-SA 4.0", "a\nb: c", "[x"])
def test_any_licence_is_a_string_of_the_head(packed: Path, license: str) -> None:
    yaml = pytest.importorskip("yaml")
    manifest, report = (
        json.loads((packed / name).read_text(encoding="utf-8")) for name in ("manifest.json", "report.json")
    )
    card = dataset_card(manifest, report, license=license)
    assert yaml.safe_load(card.split("---\n")[1])["license"] == " ".join(license.split())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/home/ana/date/web.jsonl", "web.jsonl"),
        ("C:\\Users\\ana\\web.jsonl", "web.jsonl"),
        ("file:///home/ana/web.jsonl", "web.jsonl"),
        ("-", "-"),
        ("hf://datasets/me/web/a.parquet", "hf://datasets/me/web/a.parquet"),
        ("https://ana:secret@example.org/a.jsonl?signature=1", "https://example.org/a.jsonl"),
    ],
)
def test_a_source_is_named_without_the_folders_of_a_user(packed: Path, name: str, shown: str) -> None:
    manifest, report = (
        json.loads((packed / file).read_text(encoding="utf-8")) for file in ("manifest.json", "report.json")
    )
    manifest["provenance"]["sources"][0]["name"] = name
    assert f"| `{shown}` | web |" in dataset_card(manifest, report)


def test_a_shard_has_no_card_so_it_takes_no_licence(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from rotools.cli.app import app

    words = ["pack", str(_corpus(tmp_path)), "--out", str(tmp_path / "pack"), "--shard", "1/2"]
    done = CliRunner().invoke(app, [*words, "--license", "mit"])
    assert done.exit_code != 0 and "the step judge has no dataset card" in str(done.exception) + done.output
