"""Read formats for which there is no library with other programs: .doc and .djvu.

A program runs in a process of its own. It inherits the memory limit of the worker, and it is ended after a time.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from rotools.books.texts import MOST, Text, decode
from rotools.errors import ResourceError

__all__ = ["MissingProgram", "names", "read_djvu", "read_doc"]

_DOC = ("antiword", "catdoc", "soffice", "libreoffice")
_DJVU = ("djvutxt",)
_INSTALL = {"doc": "sudo apt-get install antiword", "djvu": "sudo apt-get install djvulibre-bin"}


class MissingProgram(ResourceError):
    """The program that reads a format is not installed."""


def names(kind: str) -> list[str]:
    """List the programs that are installed and read a kind of file."""
    wanted = {"doc": _DOC, "djvu": _DJVU}.get(kind, ())
    return [program for program in wanted if shutil.which(program)]


def _run(command: list[str], seconds: float) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} took more than {seconds:.0f} s") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-200:]
        raise ValueError(f"{command[0]} failed: {said or f'exit code {done.returncode}'}")
    if len(done.stdout) > MOST:
        raise ValueError(f"the book has more than {MOST >> 20} MB of text")
    return done.stdout


def read_doc(path: Path, seconds: float) -> Text:
    """Read a document of Word 97 to 2003.

    Raises:
        MissingProgram: None of the programs is installed.
        TimeoutError: The program took too long.
        ValueError: The program cannot read the file.
    """
    with path.open("rb") as file:
        start = file.read(1 << 20)
    if "EncryptedPackage".encode("utf-16-le") in start:
        raise ValueError("the document is protected by a password")
    # An absolute path does not look like an option.
    source = str(path.absolute())
    match names("doc"):
        case ["antiword", *_]:
            data = _run(["antiword", "-m", "UTF-8.txt", "-w", "0", source], seconds)
        case ["catdoc", *_]:
            data = _run(["catdoc", "-d", "utf-8", "-w", source], seconds)
        case [office, *_]:
            with tempfile.TemporaryDirectory() as folder:
                profile = f"-env:UserInstallation=file://{folder}/profile"
                form = "txt:Text (encoded):UTF8"
                _run(
                    [office, profile, "--headless", "--convert-to", form, "--outdir", folder, source], seconds
                )
                made = next(Path(folder).glob("*.txt"), None)
                if made is None:
                    raise ValueError(f"{office} wrote no text")
                data = made.read_bytes()
        case _:
            raise MissingProgram("a .doc file needs antiword, catdoc or LibreOffice", hint=_INSTALL["doc"])
    return Text("\n".join(line.strip() for line in decode(data).split("\n") if line.strip()))


def read_djvu(path: Path, seconds: float) -> Text:
    """Read the text layer of a DjVu book.

    Raises:
        MissingProgram: `djvutxt` is not installed.
        TimeoutError: The program took too long.
        ValueError: The program cannot read the file.
    """
    if not names("djvu"):
        raise MissingProgram("a .djvu file needs djvutxt", hint=_INSTALL["djvu"])
    data = _run(["djvutxt", str(path.absolute())], seconds)
    return Text("\n".join(line.strip() for line in decode(data).replace("\f", "\n").split("\n")))
