"""Publish a model on the Hugging Face hub: the folder of `export --to hf`, with its card."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, UsageError, install, reason
from rotrain.exporters.export import export
from rotrain.progress import Progress

PREFIX = "hub:"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class PushResult:
    """A model on the hub.

    Attributes:
        url: Its page.
        files: Names of the files.
        private: Whether others cannot see it.
    """

    url: str
    files: list[str]
    private: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the result, as `rotrain push --json` prints it."""
        return {"url": self.url, "files": self.files, "private": self.private}


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
        model: Run directory, which is exported first; or an exported folder, which is uploaded as it is.
        to: `hub:OWNER/NAME`. The repository is made if it does not exist.
        public: Whether a new repository can be seen by everybody.
        license: Licence for the card of a run.
        progress: Receives the notes of the export.

    Raises:
        UsageError: The name is not `hub:OWNER/NAME`.
        RotrainError: The model cannot be exported, or the hub refuses it.

    Examples:
        >>> push("runs/llama-mha-nano", "hub:me/llama-mha-nano").url  # doctest: +SKIP
        'https://huggingface.co/me/llama-mha-nano'
    """
    name = to.removeprefix(PREFIX)
    if not to.startswith(PREFIX) or not _NAME.fullmatch(name):
        raise UsageError(
            f"a place on the hub is hub:OWNER/NAME, not {to!r}", hint="for example hub:me/my-model"
        )
    try:
        import huggingface_hub
    except ImportError:
        raise RotrainError("the hub needs the package huggingface_hub", hint=install("hf")) from None
    with tempfile.TemporaryDirectory(prefix="rotrain-push-") as temporary:
        folder = Path(model)
        if (folder / "checkpoints").is_dir():
            folder = Path(temporary) / name.rpartition("/")[2]
            export(model, "hf", folder, license=license, progress=progress)
        elif not (folder / "config.json").is_file():
            raise RotrainError("there is no run and no exported folder here", place=folder)
        api = huggingface_hub.HfApi()
        try:
            page = api.create_repo(name, private=not public, exist_ok=True)
            api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload the model")
        except (
            Exception
        ) as error:  # of the hub, of its HTTP client, of the disk: their base classes change between versions
            raise RotrainError(
                f"the hub refuses the model: {reason(error).splitlines()[0]}",
                place=to,
                hint="log in with `hf auth login`, and check the name and the network",
            ) from None
        return PushResult(str(page), sorted(path.name for path in folder.iterdir()), not public)
