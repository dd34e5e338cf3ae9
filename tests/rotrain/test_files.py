"""Folders that appear whole, also in the place of an older one."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from rotrain import files
from rotrain.errors import RotrainError
from rotrain.files import new_folder


def fill(out: Path, content: str) -> None:
    with new_folder(out, replace=True) as folder:
        (folder / "weights").write_text(content)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges two names")
def test_a_folder_that_is_replaced_is_there_at_each_moment(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "0")
    gone: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            try:
                os.close(os.open(out, os.O_RDONLY))
            except FileNotFoundError as error:
                gone.append(str(error))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(200):
        fill(out, str(number))
    ended.set()
    watcher.join()
    assert not gone
    assert (out / "weights").read_text() == "199" and left(tmp_path) == ["out"]


def test_without_an_exchange_of_names_the_older_folder_waits_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    out = tmp_path / "out"
    fill(out, "old")
    fill(out, "new")
    assert (out / "weights").read_text() == "new" and left(tmp_path) == ["out"]
    rename = os.rename

    def refuse(source: Path, target: Path) -> None:
        if source.name == ".out.tmp":
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(RotrainError):
        fill(out, "newest")
    assert (out / "weights").read_text() == "new" and left(tmp_path) == ["out"]


def test_of_a_link_the_folder_is_replaced(tmp_path: Path) -> None:
    there = tmp_path / "there"
    fill(there, "0")
    link = tmp_path / "link"
    link.symlink_to(there)
    for content in ("1", "2"):
        fill(link, content)
        assert link.is_symlink() and (there / "weights").read_text() == content
    assert left(tmp_path) == ["link", "there"]


def test_without_replace_an_older_folder_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "old")
    with pytest.raises(RotrainError), new_folder(out) as folder:
        (folder / "weights").write_text("new")
    assert (out / "weights").read_text() == "old" and left(tmp_path) == ["out"]
