"""The name of the distribution: every hint and every page that tells a user what to install."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from rotools.distribution import NAME, install

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
# The log keeps what was typed on its day.
KINDS = ("*.py", "*.pyi", "*.rs", "*.md", "*.toml", "*.sh", "*.html", "*.j2", "Makefile")
REQUIREMENT = re.compile(r"\b(rotools|rotrain|rotext)\[([a-z, -]+)\]")
CALL = re.compile(r"""\binstall\(["']([a-z-]+)["']\)""")


def _files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *KINDS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split()]
    return [file for file in files if file.is_file() and file != Path(__file__).resolve()]


def test_the_name_is_that_of_the_project_file() -> None:
    assert PROJECT["name"] == NAME
    assert PROJECT["name"] != "rotools"  # another project on the package index


@pytest.mark.parametrize("file", _files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_requirement_names_the_distribution_and_an_extra(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for name, extras in REQUIREMENT.findall(text):
        assert name == NAME, f"{file}: {name}[{extras}] is another project"
        assert set(extras.replace(" ", "").split(",")) <= EXTRAS, f"{file}: no extra {extras}"
    assert not re.search(r"pip install ['\"]?(rotools|rotrain)\b", text), f"{file}: installs another project"
    for extra in CALL.findall(text):
        assert extra in EXTRAS, f"{file}: no extra {extra}"


def test_hints_name_the_extra() -> None:
    for extra in EXTRAS:
        assert install(extra) == f"pip install '{NAME}[{extra}]'"


def test_all_contains_every_extra_of_a_user() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    named = set(everything.partition("[")[2].rstrip("]").split(","))
    assert named == EXTRAS - {"all", "cuda", "dev", "docs"}
