"""Normalization through the binding and the command line; the rows are those of docs/reference/normalization-rules.md."""

import gzip
import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rotools_program import rotools

from rotools.normalize import RULES, diff, normalize

BOOK = Path(__file__).parents[2] / "docs" / "reference" / "normalization-rules.md"


class Row(NamedTuple):
    """A row of the rule book, unescaped."""

    line: int
    rule: str
    before: str
    after: str | None


def unescape(code: str) -> str:
    """A code span of the rule book as text."""
    plain = {"n": "\n", "t": "\t", "|": "|", "\\": "\\"}
    return re.sub(
        r"\\(?:u\{([0-9A-Fa-f]+)\}|(.))",
        lambda m: chr(int(m[1], 16)) if m[1] else plain[m[2]],
        code,
    )


def rows() -> Iterator[Row]:
    """The rows of the tables `before | after` and `kept | why`."""
    rule, head = "", ""
    for number, line in enumerate(BOOK.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            named = re.fullmatch(r"### `(.+)`", line)
            rule = named[1] if named else ""
        if line in ("| before | after |", "| kept | why |"):
            head = line
        elif not line.startswith("|"):
            head = ""
        elif head and not line.startswith("|---"):
            codes = [unescape(code) for code in re.findall(r"`([^`]*)`", line)]
            yield Row(number, rule, codes[0], codes[1] if head == "| before | after |" else None)


ROWS = list(rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line {row.line}")
def test_row_of_the_rule_book(row: Row) -> None:
    wanted = row.before if row.after is None else row.after
    assert normalize(row.before) == wanted
    rules = {change.rule for change in diff(row.before)}
    assert (row.rule in rules) if row.after is not None else not rules
    assert normalize(wanted) == wanted


def test_every_rule_has_rows() -> None:
    repairs = Counter(row.rule for row in ROWS if row.after is not None)
    traps = Counter(row.rule for row in ROWS if row.after is None)
    for rule in RULES:
        assert repairs[rule.id] >= 2 and traps[rule.id] >= 1, rule.id


@given(st.text())
def test_normalizing_twice_changes_nothing_more(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once
    assert not diff(once)


def test_changes_tell_rule_and_place() -> None:
    text = "Domnul Ştefan &amp; fiii"
    first, second = diff(text)
    assert (first.rule, first.before, first.after) == ("cedilla", "Ş", "Ș")
    assert text.encode()[first.start :].startswith("Ştefan".encode())
    assert (second.rule, second.before, second.after) == ("entity", "&amp;", "&")
    assert first.context_before == "Domnul "
    assert diff(text, 1) == [first]


def test_turkish_words_are_protected_by_option() -> None:
    assert normalize("Beşiktaş") == "Beşiktaş"
    assert normalize("Beşiktaş", protect_turkish=False) == "Beșiktaș"


BROKEN = ["Ştiinţa şi viaţa", "text bun, fără defecte", "Rom&acirc;nia &ndash; È™i\u200b"]
REPAIRED = ["Știința și viața", "text bun, fără defecte", "România – și"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three documents with fields that must survive."""
    path = tmp_path / "corpus.jsonl"
    lines = [json.dumps({"id": f"d{i}", "year": 1900 + i, "text": t}) for i, t in enumerate(BROKEN)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, object]]:
    """The records of a JSONL file, compressed or not."""
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.input_stream(str(path), compression=compression) as stream:
        data = stream.read()
    return [json.loads(line) for line in data.decode().splitlines()]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"])
def test_files_are_repaired_record_for_record(corpus: Path, tmp_path: Path, name: str) -> None:
    out, report = tmp_path / name, tmp_path / "report.json"
    rotools("normalize", corpus, "--out", out, "--report", report)
    assert read(out) == [{"id": f"d{i}", "year": 1900 + i, "text": t} for i, t in enumerate(REPAIRED)]
    counts = json.loads(report.read_text(encoding="utf-8"))["normalize"]
    assert counts["documents"] == 3 and counts["changed_documents"] == 2
    assert {rule: n for rule, n in counts["rules"].items() if n} == {
        "double-encoding": 1,
        "entity": 2,
        "cedilla": 4,
        "zero-width": 1,
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([corpus.name, name, report.name])


def test_every_kind_of_input_gives_the_same_texts(corpus: Path, tmp_path: Path) -> None:
    data = corpus.read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    with pa.output_stream(str(tmp_path / "b.jsonl.zst"), compression="zstd") as stream:
        stream.write(data)
    pq.write_table(pa.table({"id": [f"d{i}" for i in range(3)], "text": BROKEN}), tmp_path / "c.parquet")
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, text in enumerate(BROKEN):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    for source in ("a.jsonl.gz", "b.jsonl.zst", "c.parquet", "folder"):
        out = tmp_path / f"{source}.out.jsonl"
        rotools("normalize", tmp_path / source, "--out", out)
        assert [record["text"] for record in read(out)] == REPAIRED, source
    out = tmp_path / "stdin.jsonl"
    rotools("normalize", "-", "--out", out, given=data)
    assert [record["text"] for record in read(out)] == REPAIRED


def test_output_is_normalized_and_stable(corpus: Path, tmp_path: Path) -> None:
    once, twice = tmp_path / "once.jsonl", tmp_path / "twice.jsonl"
    rotools("normalize", corpus, "--out", once, "--threads", 1)
    rotools("normalize", once, "--out", twice, "--threads", 3)
    assert once.read_bytes() == twice.read_bytes()


def test_diff_shows_places_with_their_rules(corpus: Path) -> None:
    shown = rotools("normalize", corpus, "--diff", 2).stdout.splitlines()
    assert shown == [
        "d0 byte 0  [cedilla] …[-Ş-]{+Ș+}tiinţa şi viaţa…",
        "d0 byte 6  [cedilla] …Ştiin[-ţ-]{+ț+}a şi viaţa…",
    ]
    everything = json.loads(rotools("normalize", corpus, "--diff", 100, "--json").stdout)["changes"]
    assert [change["rule"] for change in everything] == [
        *["cedilla"] * 4,
        *["entity"] * 2,
        "double-encoding",
        "zero-width",
    ]
    assert everything[-1]["before"] == "\u200b" and everything[-1]["after"] == ""


def test_diff_is_coloured_on_a_terminal_only(corpus: Path) -> None:
    assert "\x1b[" not in rotools("normalize", corpus, "--diff", 1).stdout
    leader, follower = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm-256color"}
    command = [sys.executable, "-m", "rotools", "normalize", str(corpus), "--diff", "1"]
    subprocess.run(command, stdout=follower, check=True, env=environment)
    os.close(follower)
    shown = os.read(leader, 65536)
    os.close(leader)
    assert b"\x1b[31m[-" in shown and b"\x1b[32m{+" in shown


def test_json_goes_to_stdout_and_people_read_stderr(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = rotools("normalize", corpus, "--out", out, "--json", "--diff", 1)
    result = json.loads(done.stdout)
    assert result["out"] == str(out) and result["documents"] == 3 and len(result["changes"]) == 1
    told = rotools("normalize", corpus, "--out", out).stderr
    assert "3 documents" in told and "cedilla: 4" in told


def test_wrong_usage_gives_one_sentence(corpus: Path, tmp_path: Path) -> None:
    assert "--out" in rotools("normalize", corpus, code=2).stderr
    assert (
        "once"
        in rotools("normalize", "-", "--diff", 1, "--out", tmp_path / "x.jsonl", code=2, given=b"").stderr
    )
    missing = rotools("normalize", tmp_path / "no.jsonl", "--out", tmp_path / "x.jsonl", code=1)
    assert "no.jsonl" in missing.stderr and "Traceback" not in missing.stderr
    wrong = rotools("normalize", corpus, "--text-field", "body", "--out", tmp_path / "x.jsonl", code=1)
    assert "--text-field" in wrong.stderr
    assert not (tmp_path / "x.jsonl").exists()
    # A folder that is not there: no half file, no traceback.
    lost = rotools("normalize", corpus, "--out", tmp_path / "no" / "x.jsonl", code=1)
    assert "Traceback" not in lost.stderr


def test_the_protection_of_turkish_words_can_be_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "turkish.txt"
    path.write_text("Echipa Beşiktaş şi oraşul Eskişehir.", encoding="utf-8")
    for words, expected in (
        ([], "Echipa Beşiktaş și orașul Eskişehir."),
        (["--no-protect-turkish"], "Echipa Beșiktaș și orașul Eskișehir."),
    ):
        rotools("normalize", path, "--out", tmp_path / "out.jsonl", *words)
        assert read(tmp_path / "out.jsonl")[0]["text"] == expected
