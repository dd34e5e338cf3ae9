from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, final

__all__ = [
    "ArrowArray",
    "ArrowStream",
    "Kernel",
    "PdfBook",
    "Progress",
    "RotoolsError",
    "__version__",
    "assemble",
    "block",
    "dedup",
    "dedup_estimate",
    "diff_files",
    "diff_text",
    "doubtful",
    "encode",
    "filter",
    "filter_rules",
    "head",
    "inspect",
    "judge",
    "ledger_summary",
    "likeness",
    "manifest",
    "normalize",
    "normalize_rules",
    "normalize_text",
    "pack",
    "pick",
    "read_text",
    "redact",
    "report",
    "tokenizer_info",
    "train",
    "verify",
    "why",
]

__version__: str

class RotoolsError(Exception):
    hint: str | None
    exit_code: int

@final
class Progress:
    def __new__(cls) -> Progress: ...
    def cancel(self) -> None: ...
    def snapshot(self) -> tuple[str, int, int, int, int, int]: ...

@final
class PdfBook:
    def __new__(cls, path: str | PathLike[str], library: str | PathLike[str]) -> PdfBook: ...
    @property
    def pages(self) -> int: ...
    def read_next(self) -> None: ...
    def judge(self) -> list[int]: ...
    def render(self, page: int, dpi: float) -> tuple[int, int, bytes]: ...
    def samples(self, most: int) -> list[int]: ...
    def doubted(self) -> list[int]: ...
    def recognized(self, page: int, tsv: str, dpi: float, height: int, sample: bool) -> None: ...
    def finish(self, dropped: list[int]) -> dict[str, Any]: ...

@final
class Kernel:
    @staticmethod
    def normalize(protect_turkish: bool) -> Kernel: ...
    @staticmethod
    def score(profile: str, thresholds: Sequence[tuple[str, float | None]]) -> Kernel: ...
    @staticmethod
    def sign(preset: str) -> Kernel: ...
    @staticmethod
    def encode(tokenizer: str | PathLike[str]) -> Kernel: ...
    @property
    def result(self) -> str | None: ...
    def array(self, data: object, column: str) -> ArrowArray: ...
    def stream(self, data: object, column: str) -> ArrowStream: ...

@final
class ArrowArray:
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

@final
class ArrowStream:
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def read_text(text: str) -> tuple[str, list[tuple[dict[str, Any], float, int]]]: ...
def doubtful(text: str) -> list[tuple[int, int]]: ...
def assemble(
    records: Sequence[str | PathLike[str]],
    decisions: Sequence[tuple[str, str, str, str, float | None, float | None, float | None]],
    out: str | PathLike[str],
) -> Path: ...
def normalize_text(text: str, *, protect_turkish: bool = True) -> str: ...
def diff_text(
    text: str, limit: int | None = None, *, protect_turkish: bool = True
) -> list[tuple[str, int, str, str, str, str]]: ...
def diff_files(
    inputs: list[str], limit: int, *, text_field: str, protect_turkish: bool = True
) -> list[tuple[str, tuple[str, int, str, str, str, str]]]: ...
def normalize_rules() -> list[tuple[str, str, str]]: ...
def normalize(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    text_field: str,
    id_field: str | None,
    protect_turkish: bool,
    strict: bool,
    threads: int,
    progress: Progress,
) -> dict[str, Any]: ...
def dedup(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    profile: str,
    preset: str,
    max_ram: int,
    accept_loss: bool,
    repeated_lines: int | None,
    decontaminate: list[str],
    shard: tuple[int, int] | None,
    text_field: str,
    id_field: str | None,
    strict: bool,
    threads: int,
    progress: Progress,
) -> dict[str, Any]: ...
def filter(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    profile: str,
    thresholds: list[tuple[str, float | None]],
    redact: bool,
    boilerplate: bool,
    annotate: bool,
    diacritics: str,
    shard: tuple[int, int] | None,
    text_field: str,
    id_field: str | None,
    strict: bool,
    threads: int,
    progress: Progress,
) -> dict[str, Any]: ...
def dedup_estimate(documents: int, *, preset: str, max_ram: int, threads: int) -> dict[str, int]: ...
def judge(
    text: str, profile: str = "web", thresholds: Sequence[tuple[str, float | None]] = ...
) -> dict[str, Any]: ...
def redact(text: str) -> tuple[str, list[tuple[str, int]]]: ...
def filter_rules() -> list[tuple[str, str, str, float | None, float | None]]: ...
def likeness(first: str, second: str) -> tuple[float, float]: ...
def why(ledger: str | PathLike[str], id: str) -> dict[str, Any]: ...
def ledger_summary(ledger: str | PathLike[str], examples: int, clusters: int) -> dict[str, Any]: ...
def pick(
    inputs: list[str], ids: list[str], *, text_field: str, id_field: str | None, progress: Progress
) -> dict[str, str]: ...
def inspect(
    inputs: list[str],
    *,
    text_field: str,
    id_field: str | None,
    threads: int,
    progress: Progress,
) -> dict[str, Any]: ...
def head(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    size: int,
    text_field: str,
    id_field: str | None,
    progress: Progress,
) -> dict[str, Any]: ...
def tokenizer_info(path: str | PathLike[str]) -> tuple[int, str, str | None, list[str]]: ...
def train(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    vocab_size: int,
    pattern: str,
    text_field: str,
    normalize: bool,
    strict: bool,
    threads: int,
    progress: Progress,
) -> tuple[dict[str, Any], int]: ...
def encode(
    inputs: list[str],
    tokenizer: str | PathLike[str],
    out: str | PathLike[str],
    *,
    text_field: str,
    strict: bool,
    threads: int,
    progress: Progress,
) -> tuple[dict[str, Any], int]: ...
def report(
    inputs: list[str],
    tokenizers: Sequence[str | PathLike[str]],
    *,
    text_field: str,
    normalize: bool,
    strict: bool,
    threads: int,
    progress: Progress,
) -> tuple[list[dict[str, Any]], dict[str, Any]]: ...
def pack(
    phases: list[tuple[str, list[str], int, str]],
    out: str | PathLike[str],
    *,
    tokenizer: str | PathLike[str] | None,
    vocab_size: int,
    valid_share: float,
    text_field: str,
    id_field: str | None,
    normalize: bool,
    filter: bool,
    thresholds: list[tuple[str, float | None]],
    redact: bool,
    boilerplate: bool,
    diacritics: str,
    dedup: str | None,
    max_ram: int,
    accept_loss: bool,
    repeated_lines: int | None,
    decontaminate: list[str],
    shard: tuple[int, int] | None,
    strict: bool,
    force: bool,
    threads: int,
    progress: Progress,
) -> dict[str, Any]: ...
def verify(directory: str | PathLike[str], progress: Progress) -> dict[str, Any]: ...
def manifest(directory: str | PathLike[str]) -> dict[str, Any]: ...
def block(directory: str | PathLike[str], phase: str, split: str, number: int) -> str: ...
