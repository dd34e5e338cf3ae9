"""Inputs on a web server and on a hub: the bytes of a local run, or one sentence."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import noisy_corpus
import pytest
from range_server import Site, serving
from rotools_program import contents, jsonl, rotools, texts


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two files of several requests each."""
    folder = tmp_path_factory.mktemp("files")
    plain = jsonl(folder / "a.jsonl", texts(8_000, 1)).read_bytes()
    table = noisy_corpus.parquet(folder / "b.parquet").read_bytes()
    return {"/a.jsonl": plain, "/a.jsonl.zst": noisy_corpus.pzstd(plain), "/b.parquet": table}


def local(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name.lstrip("/")).write_bytes(content)


def dedup(folder: Path, *inputs: object, code: int = 0) -> str:
    folder.mkdir(exist_ok=True)
    return rotools("dedup", *inputs, "--out", folder / "o.jsonl", code=code).stderr


def written(folder: Path, run: str, place: str) -> bytes:
    """The documents of a run, with the same place for all inputs: those of a table name their source."""
    return (folder / run / "o.jsonl").read_bytes().replace(place.encode(), b"PLACE")


@pytest.mark.parametrize("name", ["/a.jsonl", "/a.jsonl.zst", "/b.parquet"])
def test_a_file_of_a_web_server(name: str, site: Site, files: dict[str, bytes], tmp_path: Path) -> None:
    site.files = files
    local(files, tmp_path)
    dedup(tmp_path / "here", tmp_path / name.lstrip("/"))
    dedup(tmp_path / "there", f"{site.address}{name}?signature=secret")
    assert written(tmp_path, "there", site.address) == written(tmp_path, "here", str(tmp_path))
    # A signed address is as good as a password: it is in no output.
    assert all(b"secret" not in content for content in contents(tmp_path / "there").values())
    # The file is asked for in a few large parts: two passes, and of a table two columns of each row group.
    assert len(site.asked) < (130 if name == "/b.parquet" else 30)


def test_a_connection_that_is_cut_is_tried_again(site: Site, files: dict[str, bytes], tmp_path: Path) -> None:
    site.files = files
    local(files, tmp_path)
    dedup(tmp_path / "here", tmp_path / "a.jsonl", tmp_path / "b.parquet")
    site.cut_every, site.busy_every = 3, 5
    dedup(tmp_path / "there", f"{site.address}/a.jsonl", f"{site.address}/b.parquet")
    assert written(tmp_path, "there", site.address) == written(tmp_path, "here", str(tmp_path))


def test_a_file_that_changes_is_one_sentence(site: Site, files: dict[str, bytes], tmp_path: Path) -> None:
    site.files = dict(files)

    def change(number: int) -> None:
        if number == 6:
            site.files["/a.jsonl"] = files["/a.jsonl"].replace(b"mare", b"tare")

    site.before = change
    shown = dedup(tmp_path / "there", f"{site.address}/a.jsonl", code=1)
    assert "/a.jsonl: the object changed while it was read" in shown and "hint:" in shown
    assert not (tmp_path / "there" / "o.jsonl").exists()


def test_what_a_server_refuses_is_one_sentence(site: Site, tmp_path: Path) -> None:
    site.files = {"/a.jsonl": b'{"text": "Ana are mere."}\n'}

    def says(path: str) -> str:
        shown = rotools("inspect", path, code=1).stderr
        assert "hint:" in shown and len(shown.splitlines()) == 2
        return shown

    assert "no such object" in says(f"{site.address}/b.jsonl")
    site.token = "t"
    assert "refuses access" in says(f"{site.address}/a.jsonl?sig=secret")
    assert "secret" not in says(f"{site.address}/a.jsonl?sig=secret")
    site.token, site.whole_only = "", True
    assert "does not send parts" in says(f"{site.address}/a.jsonl")
    port = site.address.rpartition(":")[2]
    assert "unknown format" in says(_with(site, "/x.bin", b"\x01\x02\x03\x04" * 100))
    assert port in site.address


def _with(site: Site, path: str, content: bytes) -> str:
    site.whole_only = False
    site.files[path] = content
    return f"{site.address}{path}"


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with serving() as site:
        gone = site.address
    shown = rotools("inspect", f"{gone}/a.jsonl", code=1).stderr
    assert "the server cannot be read" in shown and "Connection refused" in shown


def test_a_data_set_of_the_hub(
    site: Site, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "c" * 40
    tree = f"/api/datasets/o/n/tree/{commit}"
    listed: list[dict[str, Any]] = [
        {"type": "file", "path": f"data{name}", "size": len(content)} for name, content in files.items()
    ]
    listed += [{"type": "directory", "path": "data", "size": 0}, {"type": "file", "path": "x.md", "size": 1}]
    for revision in ("main", "v2"):
        site.api[f"/api/datasets/o/n/revision/{revision}"] = {"body": {"sha": commit}}
    # The list has pages.
    more = f"{tree}?recursive=true&cursor=2"
    site.api[f"{tree}?recursive=true"] = {
        "body": listed[:1],
        "link": f'<{site.address}{more}>; rel="next"',
    }
    site.api[more] = {"body": listed[1:]}
    site.api[f"{tree}/data?recursive=true"] = {"body": [one for one in listed if "data" in one["path"]]}
    site.files = {f"/datasets/o/n/resolve/{commit}/data{name}": content for name, content in files.items()}
    site.files[f"/datasets/o/n/resolve/{commit}/x.md"] = b"#"
    site.token = "hf_secret"
    monkeypatch.setenv("HF_ENDPOINT", site.address)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    local(files, tmp_path)
    dedup(tmp_path / "here", tmp_path / "a.jsonl")
    dedup(tmp_path / "there", "hf://datasets/o/n@v2/data/a.jsonl")
    assert (tmp_path / "there" / "o.jsonl").read_bytes() == (tmp_path / "here" / "o.jsonl").read_bytes()
    for folder in ("hf://datasets/o/n/data", "hf://datasets/o/n", "hf://datasets/o/n/data/*.*"):
        seen = json.loads(rotools("inspect", folder, "--json").stdout)
        names = [source["name"] for source in seen["sources"] if source["format"] != "unread"]
        assert names == [f"hf://datasets/o/n/data{name}" for name in sorted(files)]
    assert "no such data set" in rotools("inspect", "hf://datasets/o/m", code=1).stderr
    assert "HF_TOKEN" in rotools("inspect", "hf://datasets/o/m", code=1).stderr
    assert "hf://datasets/OWNER/NAME/path" in rotools("inspect", "hf://o/n", code=2).stderr


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a b.jsonl", texts(3, 1))
    seen = json.loads(rotools("inspect", path.as_uri(), "--json").stdout)
    assert seen["sources"][0]["name"] == os.fspath(path)
    assert "three slashes" in rotools("inspect", "file://server/a.jsonl", code=2).stderr
