"""Repair, score and redact a column of Romanian text in pandas, Polars or Hugging Face datasets.

    python examples/normalize_dataframe.py [--library pandas|polars|datasets] [table.parquet] [--column text]

Polars and datasets hold Arrow data, so `rotools.kernels` works on the columns without copies. pandas takes a function for each
text. Without a table, a few sentences are used.
"""

import argparse
from typing import Any

import rotools
from rotools import kernels

SENTENCES = [
    "Ştiinţa şi învăţătura se fac cu răbdare.",
    "Scrieţi la ana.pop@exemplu.ro pentru mai multe detalii.",
    "Textul acesta este deja în regulă.",
]


def with_pandas(path: str | None, column: str) -> Any:
    import pandas as pd

    frame = pd.read_parquet(path) if path else pd.DataFrame({column: SENTENCES})
    frame[column] = frame[column].map(rotools.normalize)
    frame["kept"] = [rotools.judge(text).kept for text in frame[column]]
    frame[column] = [rotools.redact(text).text for text in frame[column]]
    return frame


def with_polars(path: str | None, column: str) -> Any:
    import polars as pl

    frame = pl.read_parquet(path) if path else pl.DataFrame({column: SENTENCES})
    frame = kernels.score(kernels.normalize(frame, column=column), column=column)
    kept = pl.col("filter").struct.field("dropped").struct.field("rule").is_null()
    redacted = pl.Series(column, [rotools.redact(text).text for text in frame[column]])
    return frame.with_columns(kept.alias("kept"), redacted).drop("filter")


def with_datasets(path: str | None, column: str) -> Any:
    import datasets

    data = datasets.Dataset.from_parquet(path) if path else datasets.Dataset.from_dict({column: SENTENCES})
    data = data.with_format("arrow").map(lambda table: kernels.normalize(table, column=column), batched=True)
    data = data.with_format(None)
    return data.map(
        lambda row: {
            "kept": rotools.judge(row[column]).kept,
            column: rotools.redact(row[column]).text,
        }
    )


def main() -> None:
    libraries = {"pandas": with_pandas, "polars": with_polars, "datasets": with_datasets}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help="a Parquet file")
    parser.add_argument("--column", default="text")
    parser.add_argument("--library", choices=libraries, default="polars")
    arguments = parser.parse_args()
    result = libraries[arguments.library](arguments.table, arguments.column)
    for text, kept in zip(result[arguments.column], result["kept"], strict=True):
        print("keep  " if kept else "remove", text)


if __name__ == "__main__":
    main()
