"""Run tesseract, a separate program: one process a page."""

import os
import shutil
import subprocess
from functools import cache

from rotools.errors import ResourceError

__all__ = ["find", "install", "read_picture"]


def install(model: str) -> str:
    """Return how to install tesseract and a model on Debian and Ubuntu."""
    return f"sudo apt-get install tesseract-ocr tesseract-ocr-{model.replace('_', '-')}"


@cache
def find(model: str = "ron") -> tuple[str | None, str]:
    """Return the program and its version, or None and what is missing, in words.

    Args:
        model: Tesseract's name of the language.
    """
    program = shutil.which("tesseract")
    if program is None:
        return None, "tesseract is not installed"
    try:
        said = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=60)
        version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"tesseract does not run ({error})"
    if model not in said.stdout.split():
        return None, f"tesseract has no model of the language ({model})"
    return program, (version.stdout or version.stderr).split("\n")[0]


def read_picture(
    width: int, height: int, pixels: bytes, *, dpi: int, seconds: float, model: str = "ron"
) -> str:
    """Recognize the words of a grey picture, as tesseract's TSV with their boxes.

    Args:
        width: Columns.
        height: Rows.
        pixels: One byte a dot, row after row.
        dpi: Resolution in dots per inch.
        seconds: Time after which tesseract is stopped.
        model: Tesseract's name of the language.

    Raises:
        ResourceError: Tesseract is missing, failed, or took too long.
    """
    program, said = find(model)
    if program is None:
        raise _failure(said, model)
    # One thread: books are read in parallel, and OpenMP's threads would compete for the same cores.
    command = [program, "stdin", "stdout", "-l", model, "--psm", "3", "--dpi", str(dpi), "tsv"]
    try:
        done = subprocess.run(
            command,
            input=b"P5 %d %d 255\n" % (width, height) + pixels,
            capture_output=True,
            timeout=seconds,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except subprocess.TimeoutExpired:
        raise _failure(f"tesseract took more than {seconds:.0f} s for a page", model) from None
    if done.returncode != 0:
        raise _failure(f"tesseract failed: {done.stderr.decode(errors='replace').strip()[-200:]}", model)
    return done.stdout.decode(errors="replace")


def _failure(what: str, model: str) -> ResourceError:
    return ResourceError(what, hint=install(model))
