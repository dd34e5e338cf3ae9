"""Statements of the documents that a program can check."""

import re
import tomllib
from pathlib import Path
from typing import Any

from rotrain.models.presets import ARCHS

ROOT = Path(__file__).resolve().parent.parent


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_name_of_the_contract_is_its_list_of_layers() -> None:
    contracts = tomllib.loads(_read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [one for one in contracts if one["type"] == "layers"]
    names = [name for layer in layers["layers"] for name in layer.split(" | ")]
    assert re.findall(r"\w+", layers["name"].removeprefix("rotrain:")) == names
    packages = {
        path.stem for path in (ROOT / "python/rotrain").iterdir() if not path.name.startswith(("_", "py."))
    }
    assert packages == set(names), "each module has a layer"


def test_the_pages_name_each_architecture() -> None:
    for page in ("README.md", "docs/reference/architectures.md"):
        text = _read(page)
        assert [arch for arch in ARCHS if f"`{arch}`" not in text] == [], page
    sizes = {path.stem for path in (ROOT / "configs/train").glob("*.toml")}
    assert {f"{arch}-nano" for arch in ARCHS} <= sizes


def test_the_page_of_the_ledger_lists_each_stage() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "rust/rotext/src/pipeline").rglob("*.rs")]
    sources += [path.read_text(encoding="utf-8") for path in (ROOT / "python/rotools/books").glob("*.py")]
    written = {name for text in sources for name in re.findall(r'(?:stage: |\brow\(|stage=)"(\w+)"', text)}
    listed = set(
        re.findall(r"^\| `(\w+)` \| (?:`|the rules)", _read("docs/reference/ledger.md"), re.MULTILINE)
    )
    assert written <= listed, "a stage has no row on the page"
    assert {"read", "filter", "dedup"} <= written


def test_the_readme_fits_three_screens() -> None:
    """Three screens of 50 lines, on a terminal of 110 columns."""
    lines = _read("README.md").splitlines()
    assert sum(max(1, -(-len(line) // 110)) for line in lines) <= 150


def test_the_paths_of_the_guides_exist() -> None:
    for page in ("CONTRIBUTING.md", "DESIGN.md", "README.md"):
        for path in re.findall(
            r"`((?:docs|rust|python|tests|benches|fuzz|configs|examples)/[\w./-]*)`", _read(page)
        ):
            assert (ROOT / path).exists(), f"{page} names {path}"


def test_the_picture_of_the_rooms_has_each_room_of_rotrain() -> None:
    picture = _read("DESIGN.md").split("```")[1]
    rooms = {
        path.stem for path in (ROOT / "python/rotrain").iterdir() if not path.name.startswith(("_", "py."))
    }
    assert rooms - set(re.findall(r"\w+", picture)) == set()


def test_each_dependency_has_its_reason() -> None:
    rows = [line.split("|")[1] for line in _read("DESIGN.md").splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"[\w-]+", row)}
    project = tomllib.loads(_read("pyproject.toml"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    python = {re.match(r"[\w-]+", one).group().lower() for group in groups for one in group}  # type: ignore[union-attr]
    crates = {
        name
        for crate in ("rust/rotext", "rust/rotext-py")
        for table in _tables(tomllib.loads(_read(f"{crate}/Cargo.toml")))
        for name in table
    }
    assert (python | crates) - named - {"rotext"} == set()


def test_each_long_file_has_its_reason() -> None:
    folders = ("rust/rotext/src", "rust/rotext-py/src", "python")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".rs")
    ]
    long = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.read_text(encoding="utf-8").count("\n") > 400
    }
    appendix = _read("DESIGN.md").partition("## Appendix: long files")[2]
    assert set(re.findall(r"^\| `([^`]+)`", appendix, re.MULTILINE)) == long


def _tables(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables of dependencies of a crate, those of single systems too."""
    kinds = ("dependencies", "dev-dependencies")
    places = [manifest, *manifest.get("target", {}).values()]
    return [place[kind] for place in places for kind in kinds if kind in place]
