"""The verbs of rotrain that write, on a tiny model."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import Lab, Verb

sys.path.insert(0, str(Path(__file__).parents[1] / "rotrain"))
from packs import write_pack

from rotrain.files import open_line, open_record
from rotrain.run.metrics import TIME_FIELDS

SETTINGS = (
    "context=32", "batch.sequences=4", "batch.micro=4", "evaluation.every=4", "evaluation.max_tokens=200",
    "evaluation.sample_tokens=4", "checkpoint.every=2", "checkpoint.keep=1", "runtime.device=cpu", "runtime.precision=fp32",
    "runtime.threads=1",
)  # fmt: skip
FIT = (
    *("fit", "--arch", "llama-mha", "--size", "nano", "--steps", "4", "--data", "pack"),
    *(word for setting in SETTINGS for word in ("--set", setting)),
)
STUDY = f"""
data = "pack"
out = "out/study"
size = "nano"
steps = 2
archs = ["llama-mha"]
seeds = [0]
variants = ["q8_0"]
set = {json.dumps(SETTINGS)}
[evaluate]
max_bytes = 1000
probes = "none"
against_tokens = 200
"""
CLOCK = (*TIME_FIELDS, "run", "average", "seconds", "machine", "created", "timing", "elapsed_s")
"""Where a run lies, and when and on what it ran."""


def made(folder: Path, lab: Lab, *commands: tuple[str, ...]) -> None:
    """A pack, and what the commands make."""
    shared = lab.space / "pack"
    if not shared.exists():
        write_pack(shared, train={"web": 40}, valid_documents=4, shards=1)
    shutil.copytree(shared, folder / "pack")
    (folder / "study.toml").write_text(STUDY, "utf-8")
    for words in commands:
        ended = lab.run(words, folder)
        assert ended.code == 0, ended


def after(*commands: tuple[str, ...]) -> Callable[[Path, Lab], None]:
    return lambda folder, lab: made(folder, lab, *commands)


def without_clock(value: Any) -> Any:
    """A record without its seal and the fields that depend on the clock, at every depth."""
    if isinstance(value, dict):
        return {key: without_clock(inner) for key, inner in value.items() if key not in CLOCK}
    return [without_clock(inner) for inner in value] if isinstance(value, list) else value


def content(name: str, data: bytes) -> Any:
    """What of a file must be equal after a kill. A page is made of the files that are compared, and draws the clock."""
    if name.endswith((".html", ".md", ".csv", ".tex", ".lock")) or "/steps/" in name:
        return None
    try:
        if name.endswith("metrics.jsonl"):
            return [without_clock(open_line(line)) for line in data.splitlines(keepends=True)]
        if name.endswith(".json") and "tokenizer" not in name:
            return without_clock(open_record(data))
    except ValueError:
        return data
    return data


RUN = (*FIT, "--out", "run")
EVALUATE = ("evaluate", "run", "--data", "pack", "--probes", "none", "--max-bytes", "2000", "--quiet")
VERBS = (
    Verb("fit", (*FIT, "--out", "out/run"), after(), read=content, keeps=("run",)),
    Verb("export hf", ("export", "run", "--to", "hf", "--out", "out/hf"), after(RUN), refuses=True),
    Verb("export gguf", ("export", "run", "--to", "gguf", "--out", "out/a.gguf"), after(RUN), refuses=True),
    Verb("quantize gguf", ("quantize", "run", "--method", "q8_0", "--out", "out/q.gguf"), after(RUN), read=content, refuses=True),
    Verb("quantize torch", ("quantize", "run", "--method", "rtn", "--bits", "8", "--out", "out/q"), after(RUN), read=content,
         refuses=True),
    Verb("evaluate", (*EVALUATE, "--out", "out/e.json"), after(RUN), read=content),
    Verb("average", ("average", "run", "--last", "2", "--out", "out/avg"), after((*RUN, "--set", "checkpoint.keep=9")), read=content,
         refuses=True),
    Verb("report", ("report", "run", "--out", "out/page.html"), after(RUN, EVALUATE)),
    Verb("compare", ("compare", "study.toml"), after(), read=content, keeps=("study",)),
)  # fmt: skip
