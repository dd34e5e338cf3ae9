"""Publish a model on the Hugging Face hub: the folder of `export --to hf`, with its card."""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, UsageError, install, reason
from rotrain.exporters.card import CARD, loading
from rotrain.exporters.export import export
from rotrain.progress import Progress

PREFIX = "hub:"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# A model and its card. A folder may also hold keys, data or an optimizer: nothing else of it leaves the machine.
_MODEL = re.compile(
    r"README\.md|config\.json|generation_config\.json|[^/]+\.safetensors(\.index\.json)?"
    r"|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|chat_template\.jinja"
)


@dataclass(frozen=True)
class PushResult:
    """A model on the hub.

    Attributes:
        url: Its page.
        files: Names of the files that were uploaded.
        left_out: Names in the folder that were not uploaded, because they are no part of a model.
        private: Whether others cannot see it, as the hub says.
    """

    url: str
    files: list[str]
    left_out: list[str]
    private: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain push --json` prints it."""
        return {"url": self.url, "files": self.files, "left_out": self.left_out, "private": self.private}


def push(
    model: str | PathLike[str],
    to: str,
    *,
    public: bool = False,
    license: str | None = None,
    progress: Progress | None = None,
) -> PushResult:
    """Upload a model to the hub. The token is that of `hf auth login`, or of the variable `HF_TOKEN`.

    Args:
        model: Run directory, which is exported first; or an exported folder, of which the files of a model are uploaded.
        to: `hub:OWNER/NAME`. The repository is made if it does not exist.
        public: Whether everybody may see the model. A new repository is public then; one that exists stays as it is.
        license: Licence for the card of a run.
        progress: Receives the notes of the export.

    Raises:
        UsageError: The name is not `hub:OWNER/NAME`, or `license` is given with a folder that has a card already.
        RotrainError: The model cannot be exported, the repository is public and `public` is False, or the hub refuses.

    Examples:
        >>> push("runs/llama-mha-nano", "hub:me/llama-mha-nano").url  # doctest: +SKIP
        'https://huggingface.co/me/llama-mha-nano'
    """
    name = to.removeprefix(PREFIX)
    if not to.startswith(PREFIX) or not _NAME.fullmatch(name):
        raise UsageError(
            f"a place on the hub is hub:OWNER/NAME, not {to!r}", hint="for example hub:me/my-model"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise RotrainError("the hub needs the package huggingface_hub", hint=install("hf"))
    with tempfile.TemporaryDirectory(prefix="rotrain-push-") as temporary:
        folder = Path(model)
        if (folder / "checkpoints").is_dir():
            folder = Path(temporary) / name.rpartition("/")[2]
            export(model, "hf", folder, license=license, progress=progress)
        else:
            _check_exported(folder)
            if license is not None:
                raise UsageError(
                    "--license is for the card of a run; this folder already has a card",
                    place=folder,
                    hint="give --license to `rotrain export`, or edit README.md in the folder",
                )
        found = {path.name: path.is_file() for path in folder.iterdir()}
        files = sorted(name for name, is_file in found.items() if is_file and _MODEL.fullmatch(name))
        url, private = _upload(name, folder, files, public=public)
        return PushResult(url, files, sorted(set(found) - set(files)), private)


def _check_exported(folder: Path) -> None:
    """Refuse a folder that is no model of `transformers`. A run has a config.json too, with paths of this machine."""
    try:
        described = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        described = None
    if not isinstance(described, dict) or "model_type" not in described:
        raise RotrainError(
            "there is no run and no exported folder here",
            place=folder,
            hint="export the model with `rotrain export RUN --to hf --out FOLDER`",
        )
    if not any(folder.glob("*.safetensors")):
        raise RotrainError(
            "the folder has no weights in *.safetensors",
            place=folder,
            hint="save them with transformers again",
        )


def _upload(name: str, folder: Path, files: list[str], *, public: bool) -> tuple[str, bool]:
    """Upload files to a repository, which is made if it does not exist. Return its page, and whether it is private."""
    from huggingface_hub import CommitOperationAdd, HfApi

    place = f"{PREFIX}{name}"
    api = HfApi()
    try:
        page = api.create_repo(name, private=not public, exist_ok=True)
        # The hub ignores `private` for a repository that exists.
        private = bool(api.repo_info(name).private)
    except Exception as error:
        raise _refused(error, place) from None
    if not private and not public:
        raise RotrainError(
            "the repository is already public", place=place, hint="add --public, or choose another name"
        )
    try:
        content: dict[str, Path | bytes] = {file: folder / file for file in files}
        if CARD in content:
            content[CARD] = loading(name, (folder / CARD).read_text("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        added = [CommitOperationAdd(file, one) for file, one in content.items()]
        api.create_commit(name, added, commit_message="Upload the model")
    except Exception as error:
        raise _refused(error, place) from None
    return str(page), private


def _refused(error: Exception, place: str) -> RotrainError:
    """An error of the hub, of its HTTP client, or of the disk: their base classes change between versions."""
    lines = reason(error).splitlines() or [type(error).__name__]
    return RotrainError(
        f"the hub refuses the model: {lines[0]}",
        place=place,
        hint="log in with `hf auth login`, and check the name and the network",
    )
