"""Find the books of a shelf, and name every other file in it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from rotools.books.formats import SUFFIXES, UNREAD, suffix
from rotools.books.formats.archive import is_unpacked
from rotools.errors import InputError, Place, ResourceError, UsageError
from rotools.files import shown

__all__ = ["Other", "Shelf", "find_books"]


@dataclass(frozen=True)
class Other:
    """A file that is not tried."""

    id: str
    path: Path
    rule: str
    """`unknown-format`, `not-a-file`, or `no-book` for what programs leave in folders."""
    ending: str
    """`.djvu`; `without ending`."""
    book: bool
    """The ending says that it is a book."""


@dataclass
class Shelf:
    """The files of all inputs, each in the order of the ids."""

    books: list[tuple[str, Path]] = field(default_factory=list)
    """Id and file, or the folder of an unpacked EPUB."""
    others: list[Other] = field(default_factory=list)


def _no_book(name: str) -> bool:
    """Say whether a program left the file there: a lock of Word or LibreOffice, a note of a file manager, a hidden file."""
    return name.startswith((".", "~$")) or name.lower() in ("thumbs.db", "desktop.ini", "ehthumbs.db")


def find_books(inputs: list[Path], out: Path | None = None) -> Shelf:
    """Find every book. The id is the path of the file in its folder.

    Args:
        inputs: Files and folders.
        out: The output of this run. It and the files beside it are not part of the shelf.

    Raises:
        RotoolsError: A path does not exist, or there is no file of a kind that can be read.
    """
    found: dict[Path, str] = {}
    others: dict[Path, Other] = {}
    for given in inputs:
        if not given.exists():
            raise ResourceError("no such file or directory", Place(shown(str(given))), "check the path")
        if given.is_file():
            if suffix(given) not in SUFFIXES:
                kinds = ", ".join(sorted(SUFFIXES))
                raise UsageError(f"books are {kinds}", Place(shown(str(given))), "convert it to one of these")
            found.setdefault(given, shown(given.name))
        elif is_unpacked(given):
            found.setdefault(given, shown(given.absolute().name))
        else:
            _walk(given, out, found, others)
    shelf = Shelf(
        sorted((name, path) for path, name in found.items()),
        sorted((other for other in others.values() if other.path not in found), key=lambda other: other.id),
    )
    if not shelf.books:
        kinds = ", ".join(sorted(SUFFIXES))
        there = sorted({other.ending for other in shelf.others if other.rule != "no-book"})
        what = "there are no books" + (f"; there are: {', '.join(there[:20])}" if there else "")
        raise InputError(what, Place(shown(str(inputs[0]))), f"books are files that end in {kinds}")
    return shelf


def _walk(given: Path, out: Path | None, found: dict[Path, str], others: dict[Path, Other]) -> None:
    for folder, folders, names in os.walk(given):
        here = Path(folder)
        beside = out is not None and here.resolve() == out.parent.resolve()
        for name in sorted(folders):
            inner = here / name
            if is_unpacked(inner):
                found.setdefault(inner, shown(inner.relative_to(given).as_posix()))
            elif not name.startswith((".", "__MACOSX")) and not _is_work(inner):
                continue
            folders.remove(name)
        folders.sort()
        for name in names:
            path = here / name
            if beside and out is not None and name.lstrip(".").startswith(out.name):
                continue
            ending = suffix(path)
            readable = ending in SUFFIXES
            # A pipe or a device is not a book, and reading one may never end.
            regular = path.is_file()
            if readable and regular and not _no_book(name):
                found.setdefault(path, shown(path.relative_to(given).as_posix()))
                continue
            rule = "no-book" if _no_book(name) else "unknown-format" if regular else "not-a-file"
            others.setdefault(
                path,
                Other(
                    shown(path.relative_to(given).as_posix()), path, rule, shown(ending) or "without ending",
                    rule != "no-book" and (readable or ending in UNREAD),
                ),
            )  # fmt: skip


def _is_work(folder: Path) -> bool:
    """Say whether the folder has the results of another run, which are texts and no books."""
    return folder.suffix == ".work" and (folder / "lock").is_file()
