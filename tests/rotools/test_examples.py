"""The scripts in `examples/` run as their docstrings say."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from rotools_program import jsonl, texts

import rotools

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", ["pandas", "polars", "datasets"])
def test_a_data_frame_is_repaired(library: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"the package {library} is not installed")
    shown = run("normalize_dataframe.py", "--library", library)
    assert "Știința și învățătura" in shown and "ana.pop" not in shown
    assert shown.count("remove") == 3, "three short sentences are no document"
    import pyarrow as pa
    import pyarrow.parquet as pq

    documents = texts(12, 5)
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"body": [*documents, "Ştiu."]}), table)
    lines = run("normalize_dataframe.py", table, "--column", "body", "--library", library)
    assert lines.splitlines()[-1] == "remove Știu."
    assert lines.count("keep  ") == sum(rotools.judge(rotools.normalize(text)).kept for text in documents) > 6


def test_tokenizers_are_compared(tmp_path: Path) -> None:
    shown = run("compare_tokenizers.py").splitlines()
    fertility = [float(line.split()[1]) for line in shown[1:4]]
    assert fertility == sorted(fertility, reverse=True) and len(set(fertility)) == 3
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(30, 2))
    other = tmp_path / "other.json"
    size = str(len(rotools.train_tokenizer(corpus, other, vocab_size=360).tokenizer))
    shown = run("compare_tokenizers.py", corpus, "--with", other, "--with", other).splitlines()
    assert [line.split()[0] for line in shown[1:4]] == ["320", size, size]
