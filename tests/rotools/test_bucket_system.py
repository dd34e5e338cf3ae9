"""Inputs in a bucket: a server of S3 on this machine (`make test-system` installs moto)."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import noisy_corpus
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rotools_program import contents, jsonl, rotools, steps, texts

moto_server = pytest.importorskip("moto.server", reason="needs moto[server]: make test-system installs it")
SECRET = "a-secret-that-must-not-be-shown"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A client of an empty bucket `crawl`; the environment of the programs names its server."""
    import boto3

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    setting = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in setting}
    os.environ.update(setting)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="crawl")
    yield client
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    server.stop()


@pytest.fixture(scope="module")
def corpus(bucket: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, and the same files below `crawl/part/`."""
    folder = tmp_path_factory.mktemp("part")
    jsonl(folder / "a.jsonl", texts(4_000, 1))
    noisy_corpus.parquet(folder / "b.parquet")
    (folder / "c.jsonl.zst").write_bytes(noisy_corpus.pzstd(noisy_corpus.lines(named=False)))
    for path in folder.iterdir():
        bucket.upload_file(str(path), "crawl", f"part/{path.name}")
    bucket.put_object(Bucket="crawl", Key="part/.hidden/x.jsonl", Body=b"{")
    return folder


def renamed(pack: Path, old: str, new: str) -> dict[str, Any]:
    """The content of a pack with another name for the folder of its input."""
    found: dict[str, Any] = {}
    for name, content in contents(pack).items():
        if name.endswith(".parquet"):
            rows = pq.read_table(io.BytesIO(content)).to_pylist()
            found[name] = json.loads(json.dumps(rows, default=str).replace(old, new))
        else:
            if name.endswith(".zst"):
                content = pa.input_stream(io.BytesIO(content), compression="zstd").read()
            found[name] = content.replace(old.encode(), new.encode())
            if name == "README.md":
                # The card has the name of a local file without its folder.
                found[name] = content.replace(f"{new}/".encode(), b"")
    return found


def test_a_pack_from_a_bucket_has_the_bytes_of_a_local_one(bucket: Any, corpus: Path, tmp_path: Path) -> None:
    options = ("--vocab-size", 400)
    rotools("pack", corpus, "--out", tmp_path / "here", *options)
    shown = rotools("pack", "s3://crawl/part", "--out", tmp_path / "there", *options).stderr
    here, there = contents(tmp_path / "here"), contents(tmp_path / "there")
    tokens = [name for name in here if name.endswith(".bin")]
    assert tokens and all(here[name] == there[name] for name in tokens)
    assert renamed(tmp_path / "here", str(corpus), "s3://crawl/part") == renamed(
        tmp_path / "there", "s3://crawl/part", "s3://crawl/part"
    )
    assert all(SECRET.encode() not in content for content in there.values()) and SECRET not in shown
    for inputs in (
        ["s3://crawl/part/*"],
        [f"s3://crawl/part/{path.name}" for path in sorted(corpus.iterdir())],
    ):
        seen = json.loads(rotools("inspect", *inputs, "--json").stdout)
        assert [source["name"] for source in seen["sources"]] == [
            f"s3://crawl/part/{path.name}" for path in sorted(corpus.iterdir())
        ]


def test_tasks_that_are_killed_read_the_bucket_once(bucket: Any, corpus: Path, tmp_path: Path) -> None:
    options = ["--vocab-size", "400"]
    rotools("pack", "s3://crawl/part", "--out", tmp_path / "alone", *options)
    out = tmp_path / "tasks"
    command = ["pack", "s3://crawl/part", "--out", str(out), *options]
    rng = random.Random(1)
    for number in (1, 2):
        shard = [*command, "--shard", f"{number}/2"]
        frames = tmp_path / "tasks.shards" / f"{number}-of-2" / "journal" / "frames"
        process = subprocess.Popen([sys.executable, "-m", "rotools", *shard, "--quiet"])
        wanted = rng.randrange(1_000, 50_000)
        while process.poll() is None and not (frames.exists() and frames.stat().st_size > wanted):
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    found = [json.loads(rotools(*command, "--shard", f"{number}/2", "--json").stdout) for number in (1, 2)]
    # A bit more than the units: to the next line end, the first bytes of each file, the foot of the table.
    lines = sum(path.stat().st_size for path in corpus.iterdir() if path.suffix != ".parquet")
    total = sum(path.stat().st_size for path in corpus.iterdir())
    read = [shard["read"] for shard in found]
    assert lines <= sum(read) <= 1.05 * total and all(shard["input"] == total for shard in found)
    assert max(read) < 0.55 * total
    rotools(*command)
    assert contents(out) == contents(tmp_path / "alone")


def test_all_steps_over_a_bucket(bucket: Any, corpus: Path, tmp_path: Path) -> None:
    command = ["pack", "s3://crawl/part", "--vocab-size", "400", "--out"]
    rotools(*command, tmp_path / "alone")
    rng, total = random.Random(2), sum(path.stat().st_size for path in corpus.iterdir())
    read = {"judge": 0, "count": 0, "encode": 0}
    for step in steps(2):
        task = [*command, str(tmp_path / "steps"), *step]
        if "2/2" in step:
            process = subprocess.Popen([sys.executable, "-m", "rotools", *task, "--quiet"])
            time.sleep(rng.uniform(0.4, 0.9))
            process.kill()
            process.wait()
        done = json.loads(rotools(*task, "--json").stdout)
        if step[1] in read:
            read[step[1]] += done["read"]
        elif step[1] != "finish":
            assert done["read"] == 0
    assert all(size <= 1.05 * total for size in read.values())
    assert contents(tmp_path / "steps") == contents(tmp_path / "alone")


def test_an_object_that_changes_between_two_passes(bucket: Any, tmp_path: Path) -> None:
    body = jsonl(tmp_path / "c.jsonl", texts(8_000, 5)).read_bytes()
    bucket.put_object(Bucket="crawl", Key="changing.jsonl", Body=body)
    out = tmp_path / "out.jsonl"
    frames = tmp_path / ".out.jsonl.partial" / "journal" / "frames"
    command = [sys.executable, "-m", "rotools", "dedup", "s3://crawl/changing.jsonl", "--out", str(out)]
    process = subprocess.Popen([*command, "--quiet"], stderr=subprocess.PIPE)
    while process.poll() is None and not (frames.exists() and frames.stat().st_size > 1000):
        time.sleep(0.002)
    bucket.put_object(Bucket="crawl", Key="changing.jsonl", Body=body.replace(b"mare", b"tare"))
    shown = process.communicate()[1].decode()
    assert process.returncode == 1 and not out.exists()
    # The server's version of the object tells, or, if the object was opened after the change, the hash of its first chunk.
    assert "s3://crawl/changing.jsonl: the " in shown and " changed while it was read\nhint: " in shown


def test_what_is_missing_is_named(bucket: Any, tmp_path: Path) -> None:
    for url in ("s3://crawl/none.jsonl", "s3://crawl/none/", "s3://nowhere/a.jsonl", "s3://crawl/none*"):
        shown = rotools("inspect", url, code=1).stderr
        assert url in shown and "no " in shown and "hint: check" in shown


@contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """A server that answers everything with an error of S3."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if self.command == "GET" else b"")

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, "InvalidAccessKeyId", "refuses access"),
        (403, "SignatureDoesNotMatch", "refuses access"),
        (400, "ExpiredToken", "the credentials are expired"),
        (403, "AccessDenied", "refuses access"),
    ],
)
def test_credentials_that_are_refused(
    status: int, code: str, says: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(status, code) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        shown = rotools("inspect", "s3://crawl/part/", code=1).stderr
    assert says in shown and "AWS_ACCESS_KEY_ID" in shown and SECRET not in shown
    assert len(shown.splitlines()) == 2
