"""The parts of a book that is a zip file or an unpacked folder."""

import os
import posixpath
import unicodedata
import zipfile
import zlib
from pathlib import Path
from urllib.parse import unquote

from rotools.books.texts import MOST

__all__ = ["Archive", "is_unpacked", "resolve"]


def is_unpacked(folder: Path) -> bool:
    """Say whether a folder is an EPUB whose parts are files."""
    return (folder / "META-INF" / "container.xml").is_file()


def resolve(base: str, href: str) -> str:
    """Return the name of the part that `href` in the part `base` means.

    Examples:
        >>> resolve("OEBPS/content.opf", "Text/cap%201.xhtml#sus")
        'OEBPS/Text/cap 1.xhtml'
        >>> resolve("word/document.xml", "/word/header1.xml")
        'word/header1.xml'
    """
    name = unquote(href.partition("#")[0])
    joined = name.lstrip("/") if name.startswith("/") else posixpath.join(posixpath.dirname(base), name)
    return posixpath.normpath(joined) if joined else ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


class Archive:
    """Parts by name. All parts that are read share one limit, so a bomb ends early.

    Raises:
        ValueError: The file is no zip file, or unpacks to gigabytes.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self.path, self.budget = path, most
        self.zip: zipfile.ZipFile | None = None
        if path.is_dir():
            self.names = sorted(
                Path(folder, name).relative_to(path).as_posix()
                for folder, _, names in os.walk(path)
                for name in names
                if (Path(folder) / name).is_file() and not (Path(folder) / name).is_symlink()
            )
        else:
            try:
                self.zip = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
                raise ValueError(f"the zip file is damaged: {error}") from None
            if sum(entry.file_size for entry in self.zip.infolist()) > 8 * most:
                raise ValueError("the book unpacks to gigabytes")
            self.names = self.zip.namelist()
        self.exact = set(self.names)
        self.folded: dict[str, str] = {}
        for name in self.names:
            self.folded.setdefault(_folded(name), name)

    def find(self, name: str) -> str | None:
        """Return the part with this name. Else the one whose name differs in case or in the form of its accents."""
        return name if name in self.exact else self.folded.get(_folded(name))

    def read(self, name: str) -> bytes:
        """Read a part.

        Raises:
            ValueError: The part is missing, damaged or too large.
        """
        try:
            with (self.path / name).open("rb") if self.zip is None else self.zip.open(name) as stream:
                data = stream.read(self.budget + 1)
        except KeyError:
            raise ValueError(f"{name} is missing") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            # RuntimeError: the entry is encrypted. NotImplementedError: an unusual compression.
            raise ValueError(f"{name} cannot be unpacked: {error}") from None
        self.budget -= len(data)
        if self.budget < 0:
            raise ValueError(f"the book unpacks to more than {MOST >> 20} MB of text")
        return data
