"""The model card of an exported folder: what it is, what it was trained on, how good it is, and how to load it.

A card says only what the files of the run say. What is not known (the licence of the text, the figures of a run that was not
evaluated) is said to be unknown.

Source: the format of the Hugging Face hub, Markdown with a head in YAML (https://huggingface.co/docs/hub/model-cards).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rotrain.files import read_record, sha256_file
from rotrain.models import count
from rotrain.run.load import TrainedModel

CARD = "README.md"


def model_card(trained: TrainedModel, architecture: str, name: str, *, license: str | None = None) -> str:
    """Return the card of a model.

    Args:
        trained: The model.
        architecture: Its class in `transformers`.
        name: Name of the folder, for the title.
        license: Licence of the weights, as an SPDX identifier in lower case. None: unknown.
    """
    config = trained.model.config
    head = ["language: ro", "library_name: transformers", "pipeline_tag: text-generation", "tags: [rotext]"]
    if license is not None:
        head.append(f"license: {license}")
    parts = [
        "\n".join(["---", *head, "---"]),
        f"# {name}",
        f"A Romanian language model: {config.arch} ({architecture}), {count.param_count(config):,} parameters, a context of "
        f"{config.context:,} tokens and a vocabulary of {config.vocab_size:,}. {_purpose(trained)} What it writes can be wrong or offensive.",
        "## Use\n\n```python\nfrom transformers import pipeline\n\n"
        f'pipe = pipeline("text-generation", model="{name}")\n'
        'print(pipe("A fost odată", max_new_tokens=40, do_sample=True, temperature=0.8)[0]["generated_text"])\n```',
        "## Training\n\n" + _training(trained),
        "## Figures\n\n" + _figures(trained.run.path / "evaluation.json", trained.sha256),
        "## Licence\n\n"
        + (
            f"{license}."
            if license
            else "Unknown: ask the person who trained the model, and mind the licence of the text."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def loading(name: str, card: str) -> str:
    """Return a card whose example loads the repository `name`, where it named a folder.

    Examples:
        >>> loading("me/x", 'pipe = pipeline("text-generation", model="x")')
        'pipe = pipeline("text-generation", model="me/x")'
    """
    return re.sub(r'(pipeline\("text-generation", model=")[^"/]*"', rf'\g<1>{name}"', card)


def _purpose(trained: TrainedModel) -> str:
    if trained.chat_template is None:
        return "It is a base model: it continues text, and was not taught to follow instructions."
    return "It has a chat template."


def _training(trained: TrainedModel) -> str:
    record = trained.run.read_config() if trained.run.metrics.exists() else None
    if record is None:
        return "Unknown: the folder came from another program."
    config, data = record["config"], record["data"]
    lines = [
        f"steps: {trained.step:,}, with {config['batch']['sequences']} sequences of {config['context']} tokens each",
        f"curriculum: {config['curriculum']}",
        f"optimizer: {config['optim']['name']}, rate {config['optim']['lr']:g}, schedule {config['schedule']['shape']}",
        f"seed: {config['seed']}",
        f"text: a pack of `rotools` with the manifest {data['manifest_sha256'][:12]} and the tokenizer {data['tokenizer_sha256'][:12]}",
        *(
            f"phase {phase['name']}: {phase['train']['documents']:,} documents, {phase['train']['tokens']:,} tokens"
            for phase in _phases(Path(config["data"]) / "manifest.json", data["manifest_sha256"])
        ),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _phases(manifest: Path, sha256: str) -> list[dict[str, Any]]:
    try:
        if sha256_file(manifest) != sha256:
            return []  # another pack is there now
        phases: list[dict[str, Any]] = read_record(manifest)["phases"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
        return []  # the pack is not here
    return phases


def _figures(file: Path, sha256: str) -> str:
    try:
        record = read_record(file)
        if record["model"]["sha256"] != sha256:
            return "The evaluation of the run is of other weights."
        texts: dict[str, Any] = record["text"]
    except (FileNotFoundError, ValueError, KeyError):
        return "Not measured."
    units = sorted({str(score.get("unit")) for score in texts.values()})
    over = {
        "document": "The 95 % intervals are over documents.",
        "window": "The 95 % intervals are over the windows of one document.",
    }
    both = "The 95 % intervals are over documents; where there is one document, over its windows."
    rows = [
        f"Bits per byte of held-out text; lower is better. {over.get(units[0], '') if len(units) == 1 else both}".rstrip(),
        "",
        "| text | bits per byte | documents | bytes |",
        "|---|---|---|---|",
    ]
    for name, score in texts.items():
        found = score["bits_per_byte"]
        ends = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
        rows.append(f"| {name} | {found['value']:.3f}{ends} | {score['documents']:,} | {score['bytes']:,} |")
    return "\n".join(rows)
