"""What each Python fuzz target does with its bytes. The targets of Rust are in fuzz/bodies.rs.

A body returns whether the bytes were taken; it raises on a finding. The seeds are the files of tests/golden/fuzz/NAME.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from lxml import etree

import rotools
from rotools.books import decisions, formats
from rotools.config import read_config
from rotools.errors import RotoolsError

GOLDEN = Path(__file__).parents[1] / "golden" / "fuzz"


@dataclass(frozen=True)
class Body:
    """One target: what it reads, what it begins with, and how many mutations `make test` tries."""

    read: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]
    times: int = 30


def kept(name: str) -> Callable[[], list[bytes]]:
    return lambda: [file.read_bytes() for file in sorted((GOLDEN / name).iterdir())]


REFUSALS = (RotoolsError, OSError, ValueError, EOFError, zipfile.BadZipFile, etree.LxmlError)
"""What a reader of a book says of a damaged file; the worker makes a reject of it. Another error is a defect of ours."""


def book(name: str, ending: str) -> Callable[[Path], Body]:
    """A reader of books: text that can be written, or a refusal."""

    def make(folder: Path) -> Body:
        path = folder / f"a{ending}"

        def read(data: bytes) -> bool:
            path.write_bytes(data)
            try:
                text = formats.read(path)
            except REFUSALS:
                return False
            text.text.encode()
            return True

        return Body(read, kept(name))

    return make


def sentence(use: Callable[[Path], object], name: str, file: str) -> Callable[[Path], Body]:
    """A small file: taken, or refused in one sentence with its place."""

    def make(folder: Path) -> Body:
        path = folder / file

        def read(data: bytes) -> bool:
            from rotrain.errors import RotrainError

            path.write_bytes(data)
            try:
                use(path)
            except (RotoolsError, RotrainError) as error:
                assert "\n" not in str(error) and error.place is not None, error
                return False
            return True

        return Body(read, kept(name))

    return make


def index(folder: Path) -> Body:
    """`.idx` of a pack: `verify` notices every change."""
    lines = [json.dumps({"text": f"Propoziția {i} are mere și pere."}) for i in range(60)]
    (folder / "web.jsonl").write_text("\n".join(lines), "utf-8")
    pack = folder / "pack"
    rotools.pack(folder / "web.jsonl", pack, vocab_size=300, filter=False, dedup=False)
    path = next(pack.glob("train-*.idx"))
    whole = path.read_bytes()

    def read(data: bytes) -> bool:
        path.write_bytes(data)
        try:
            rotools.verify(pack)
        except RotoolsError:
            return False
        assert data == whole, "a damaged index was taken"
        return True

    return Body(read, lambda: [whole], times=10)


def checkpoint(folder: Path) -> Body:
    """Weights with a hash that is right: what another program writes."""
    import torch

    from rotrain.errors import RotrainError
    from rotrain.files import read_record, write_record
    from rotrain.models import presets
    from rotrain.run.checkpoint import open_checkpoint, save

    config = presets.model_config("llama-mha", "nano")
    path = save(folder, 1, config, {"a": torch.ones(3, 2), "b": torch.zeros(5)}, None)
    file, state = path / "model.safetensors", read_record(path / "state.json")
    whole = file.read_bytes()

    def read(data: bytes) -> bool:
        file.write_bytes(data)
        state["files"]["model.safetensors"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        write_record(path / "state.json", state)
        try:
            open_checkpoint(path).weights()
        except RotrainError:
            return False
        return True

    return Body(read, lambda: [whole])


def template(path: Path) -> None:
    """A chat template of a stranger's model."""
    from rotrain.conversation import Conversation

    trained = SimpleNamespace(
        tokenizer=SimpleNamespace(token=lambda _: "<s>"), begin_id=0, eos_id=0, run=SimpleNamespace(path=path)
    )
    turns = [{"role": "user", "content": "Bună ziua"}, {"role": "assistant", "content": "Bună"}]
    text = path.read_text("utf-8", "replace")
    Conversation._render(SimpleNamespace(_trained=trained), text, turns)  # type: ignore[arg-type]


def gguf(path: Path) -> None:
    from rotrain.gguf_header import check_header

    check_header(path)


def study(path: Path) -> None:
    from rotrain.compare.study import read_study

    read_study(path)


BODIES: dict[str, Callable[[Path], Body]] = {
    **{name: book(name, f".{name}") for name in ("epub", "docx", "odt", "fb2", "rtf", "mobi", "html")},
    "decisions": sentence(lambda path: decisions.read(path.with_name("o")), "decisions", "o.decisions.jsonl"),
    "corpus_toml": sentence(read_config, "corpus_toml", "corpus.toml"),
    "study_toml": sentence(study, "study_toml", "study.toml"),
    "chat_template": sentence(template, "chat_template", "template.jinja"),
    "gguf": sentence(gguf, "gguf", "a.gguf"),
    "idx": index,
    "checkpoint": checkpoint,
}
