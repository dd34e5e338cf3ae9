"""The dataset card of a pack: README.md with sizes, what was removed and why, and how to load it.

A card says only what the files of the pack say. It holds no time, no machine and no name of a directory, so the same corpus gives the
same bytes, and who publishes it does not publish their home directory.

Source: the format of the Hugging Face hub, Markdown with a head in YAML (https://huggingface.co/docs/hub/datasets-cards).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rotools import _rotext
from rotools.files import refused

CARD = "README.md"
_SIZES = (
    *((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")),
    *((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M")),
)

Json = dict[str, Any]

_HELD_OUT = {
    "exact": "no equal text is trained on, but a near-duplicate may be",
    None: "duplicates were not removed, so a near-duplicate of such a document may be trained on",
}
_DUPLICATES = {"exact": "Equal texts were removed across all domains.", None: "Duplicates were not removed."}
_NO_WORD = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""What YAML does not read as a word."""


def dataset_card(manifest: Json, report: Json, *, license: str | None = None) -> str:
    """Return the card of a pack.

    Args:
        manifest: manifest.json of the pack.
        report: report.json of the pack.
        license: Licence of the texts, as an identifier of the hub such as `cc-by-4.0`. None: unknown.
    """
    license = " ".join(license.split()) if license else None
    documents = sum(phase[split]["documents"] for phase in manifest["phases"] for split in ("train", "valid"))
    head = [
        "language: ro",
        f"license: {_yaml(license or 'unknown')}",
        f"size_categories: [{size_category(documents)}]",
        "task_categories: [text-generation]",
        "tags: [rotext, pretraining, tokenized]",
    ]
    parts = [
        "\n".join(["---", *head, "---"]),
        "# Romanian text, in blocks of tokens",
        f"{documents:,} documents of Romanian text as {report['tokens']:,} token ids of {8 * int(manifest['dtype'][-1])} bits (a byte-level BPE tokenizer of "
        f"{manifest['vocab_size']:,} tokens), for the training of language models. Made with rotools {manifest['provenance']['version']}.",
        "## Sizes\n\n" + _sizes(manifest),
        "## Sources\n\n" + _sources(manifest),
        "## What was removed, and why\n\n" + _removed(manifest, report),
        "## What was changed\n\n" + _changed(manifest, report),
        "## Use\n\n" + _use(manifest),
        "## Licence\n\n"
        + (f"{license}." if license else "Unknown: the texts have the licences of their sources."),
    ]
    return "\n\n".join(parts) + "\n"


def write_card(pack: Path, *, license: str | None = None) -> Path:
    """Write the card of a pack, and return its path. The file appears whole.

    Args:
        pack: The directory.
        license: Licence of the texts; None: unknown.

    Raises:
        RotoolsError: The system refuses.
    """
    manifest, report = (_read(pack / name) for name in ("manifest.json", "report.json"))
    file = pack / CARD
    _rotext.write_file(file, dataset_card(manifest, report, license=license).encode())
    return file


def _read(file: Path) -> Json:
    with refused(file, "read"):
        content: Json = json.loads(file.read_text(encoding="utf-8"))
    return content


def size_category(documents: int) -> str:
    """Return the name that the hub has for a number of documents.

    Examples:
        >>> size_category(999), size_category(2_500_000), size_category(10**9)
        ('n<1K', '1M<n<10M', 'n>100M')
    """
    return next((name for limit, name in _SIZES if documents < limit), "n>100M")


def _sizes(manifest: Json) -> str:
    lines = ["| domain | split | documents | bytes of text | tokens | blocks |", "|---|---|---|---|---|---|"]
    for phase in manifest["phases"]:
        for split, name in (("train", "train"), ("valid", "held out")):
            part = phase[split]
            lines.append(
                f"| {phase['name']} | {name} | {part['documents']:,} | {part['bytes']:,} | {part['tokens']:,} | {part['blocks']:,} |"
            )
    share = manifest["config"]["valid_share"]
    held_out = _HELD_OUT.get(
        manifest["config"].get("dedup"), "no near-duplicate of such a document is trained on"
    )
    return "\n".join(lines) + (
        f"\n\nHeld out is a share of {share:g} of the documents, chosen by their content; {held_out}. The domains are trained on in this order."
    )


def _sources(manifest: Json) -> str:
    lines = ["| source | domain | documents | bytes of text |", "|---|---|---|---|"]
    lines += [
        f"| `{_source(one['name']).replace('|', '¦')}` | {one['phase']} | {one['documents']:,} | {one['bytes']:,} |"
        for one in manifest["provenance"]["sources"]
    ]
    return "\n".join(lines)


def _source(name: str) -> str:
    """Return what a card may say of a source: the name of a file, or an address without a user and a signature."""
    address = urlsplit(name)
    if address.scheme in ("", "file") or not address.netloc:
        return re.split(r"[/\\]", name.rstrip("/\\"))[-1] or name
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


def _yaml(text: str) -> str:
    """Return a text as YAML. A string of JSON is one of YAML too."""
    plain = re.fullmatch(r"[a-z][a-z0-9.-]*", text) and text not in _NO_WORD
    return text if plain else json.dumps(text, ensure_ascii=False)


def _removed(manifest: Json, report: Json) -> str:
    config, lines = manifest["config"], ["| domain | reason | documents |", "|---|---|---|"]
    for phase in report["phases"]:
        lines += [
            f"| {phase['name']} | {reason} | {count:,} |"
            for reason, count in _reasons(phase["read"])
            if count
        ]
    for key, reason in (
        ("exact", "an equal text was kept"),
        ("near", "a near-duplicate was kept"),
        ("contaminated", "shares 13 words in a row with an evaluation text"),
    ):
        if count := (report.get("dedup") or {}).get(key, 0):
            lines.append(f"| all | {reason} | {count:,} |")
    table = "\n".join(lines) if len(lines) > 2 else "No document was removed."
    notes = [
        "Documents were filtered by the rules below (the page “Filter rules” of rotools explains them); the first rule that a document breaks counts."
        if config.get("filter")
        else "Documents were not filtered.",
        _DUPLICATES.get(
            config.get("dedup"), "Duplicates and near-duplicates were removed across all domains."
        ),
        "Each record that was removed is in `rejects.jsonl.zst` with its place, and each decision in `ledger.parquet`.",
    ]
    return " ".join(notes) + "\n\n" + table


def _reasons(read: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for rule, count in ((read.get("filter") or {}).get("dropped") or {}).items():
        yield f"filter rule `{rule}`", count
    for reason, count in (read.get("rejected") or {}).items():
        # Filtered documents were counted by rule, and duplicates are those of all domains.
        if reason not in ("filtered", "duplicate", "near-duplicate", "contaminated"):
            yield f"`{reason}`", count


def _changed(manifest: Json, report: Json) -> str:
    config, lines = manifest["config"], []
    for phase in report["phases"]:
        read = phase["read"]
        repaired, filtered = read.get("normalize"), read.get("filter")
        if repaired and config.get("normalize"):
            rules = (
                ", ".join(f"{rule} {count:,}" for rule, count in repaired["rules"].items() if count) or "none"
            )
            lines.append(
                f"- {phase['name']}: {repaired['changed_documents']:,} of {repaired['documents']:,} documents were repaired (repairs by rule: {rules})."
            )
        if filtered and config.get("filter"):
            redacted = (
                ", ".join(f"{kind} {count:,}" for kind, count in filtered["redacted"].items() if count)
                or "none"
            )
            lines.append(
                f"- {phase['name']}: personal data that was replaced: {redacted}; boilerplate lines that were cut: {filtered['boilerplate_lines']:,}."
            )
    return "\n".join(lines) or "Nothing: the text is that of the sources."


def _use(manifest: Json) -> str:
    phase = manifest["phases"][0]["name"]
    return (
        "```python\nimport rotools\n\n"
        'pack = rotools.open_pack("FOLDER")\n'
        'print(pack.decode(next(pack.blocks("train"))))\n```\n\n'
        f"Without rotools: `numpy.memmap('train-{phase}-00000.bin', dtype='{manifest['dtype']}')` are the ids, each document ends in id "
        f"{manifest['eos_id']}, and `tokenizer.json` is a file of Hugging Face's `tokenizers`. The `.idx` files are those of Megatron-Core."
    )
