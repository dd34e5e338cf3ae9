from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, final

from rotools.errors import RotoolsError as RotoolsError

__all__ = [
    "ArrowArray",
    "ArrowStream",
    "BookJudge",
    "Kernel",
    "PdfBook",
    "Progress",
    "RotoolsError",
    "Tokenizer",
    "__debug_build__",
    "__version__",
    "assemble",
    "block",
    "decode_text",
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
    "split",
    "train",
    "verify",
    "why",
    "write_file",
]

__debug_build__: bool
"""Whether the core panics over a text that asks for it, for tests."""
__version__: str

@final
class Progress:
    """Counters and stop switch of one call into the core.

    The core only counts. Another thread reads the counters as often as it likes, so a progress bar costs the core nothing.
    """

    def __new__(cls) -> Progress: ...
    def cancel(self) -> None:
        """Ask the running call to stop. It raises `KeyboardInterrupt` within milliseconds."""
    def snapshot(self) -> tuple[str, int, int, int, int, int]:
        """Read the counters.

        Returns:
            (step, steps begun, total, done, bytes of text, documents). `total` and `done` count units of work, and `total`
            is 0 while it is unknown.
        """

@final
class Tokenizer:
    """A byte-level BPE tokenizer in memory. It can be used from several threads."""

    def __new__(cls, json: bytes, path: str | PathLike[str] | None = None) -> Tokenizer: ...
    @property
    def json(self) -> bytes:
        """The bytes of the tokenizer.json."""
    @property
    def vocab_size(self) -> int:
        """Number of ids: the largest id and one, special tokens included."""
    @property
    def pattern(self) -> str:
        """Pre-tokenizer by its name in llama.cpp."""
    @property
    def eos_id(self) -> int | None:
        """Id of the token that ends a document; None if there is none."""
    @property
    def special_tokens(self) -> list[tuple[str, int]]:
        """(text, id) of the special tokens, in the order of their ids."""
    def token_id(self, text: str) -> int | None:
        """Find the id of a token.

        Args:
            text: Text of the token.

        Returns:
            The id, or None if there is no such token.
        """
    def token(self, id: int) -> bytes:
        """Find the bytes of a token. They may begin or end inside a character.

        Args:
            id: Id of the token.

        Raises:
            RotoolsError: There is no such id.
        """
    def encode(self, text: str) -> list[int]:
        """Encode one text. The text of a special token is ordinary text.

        Args:
            text: Any text.

        Returns:
            The ids, without `<|endoftext|>`.
        """
    def encode_batch(self, texts: Sequence[str], threads: int = 0) -> list[list[int]]:
        """Encode many texts at once.

        Args:
            texts: Any texts.
            threads: Worker threads. 0: one for each core.

        Returns:
            The ids of each text, as `encode` gives them.
        """
    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids to text. Bytes that are not UTF-8 become U+FFFD.

        Args:
            ids: Ids of tokens.

        Raises:
            RotoolsError: There is no such id.
        """

@final
class BookJudge:
    """What a reader of books takes for a word: the language of a shelf, and the words that are known of it.

    Args:
        romanian: Whether the shelf is Romanian. If it is not, letters and their order are judged, and no words.
        words: Romanian words beside those of the built-in model.
        english: English words, which technical texts have.
    """

    def __new__(
        cls, *, romanian: bool = True, words: list[str] = ..., english: list[str] = ...
    ) -> BookJudge: ...

@final
class PdfBook:
    """A PDF that is being read. PDFium is not thread-safe: one book at a time in a process, on the thread that opened it."""

    def __new__(
        cls, path: str | PathLike[str], library: str | PathLike[str], judge: BookJudge | None = None
    ) -> PdfBook: ...
    @property
    def pages(self) -> int:
        """Number of pages."""
    def read_next(self) -> None:
        """Read the next page."""
    def judge(self) -> list[int]:
        """Judge all pages. Returns the numbers, from 0, of the pages that need OCR."""
    def text_layer(self) -> str:
        """Return the words of all text layers, usable or not, one page on each line."""
    def render(self, page: int, dpi: float) -> tuple[int, int, bytes]:
        """Draw a page. Returns (columns, rows, one grey byte a dot)."""
    def samples(self, most: int) -> list[int]:
        """Choose at most `most` pages on which OCR checks the text layer of a scan. Returns their numbers, from 0."""
    def doubted(self) -> list[int]:
        """Return the numbers, from 0, of the pages whose text layer OCR has put in doubt."""
    def recognized(self, page: int, tsv: str, dpi: float, height: int, sample: bool) -> None:
        """Take the words that tesseract found on a page, as its TSV."""
    def finish(self, dropped: list[int]) -> dict[str, Any]:
        """Put the text together without the pages `dropped`, numbered from 0. The book cannot be used afterwards."""

@final
class Kernel:
    """A step with its settings. `array` and `stream` take objects with `__arrow_c_array__` or `__arrow_c_stream__`."""

    @staticmethod
    def normalize(protect_turkish: bool) -> Kernel:
        """staticmethod(function) -> method

        Convert a function to be a static method.

        A static method does not receive an implicit first argument.
        To declare a static method, use this idiom:

             class C:
                 @staticmethod
                 def f(arg1, arg2, argN):
                     ...

        It can be called either on the class (e.g. C.f()) or on an instance
        (e.g. C().f()). Both the class and the instance are ignored, and
        neither is passed implicitly as the first argument to the method.

        Static methods in Python are similar to those found in Java or C++.
        For a more advanced concept, see the classmethod builtin.
        """
    @staticmethod
    def score(profile: str, thresholds: Sequence[tuple[str, float | None]]) -> Kernel:
        """staticmethod(function) -> method

        Convert a function to be a static method.

        A static method does not receive an implicit first argument.
        To declare a static method, use this idiom:

             class C:
                 @staticmethod
                 def f(arg1, arg2, argN):
                     ...

        It can be called either on the class (e.g. C.f()) or on an instance
        (e.g. C().f()). Both the class and the instance are ignored, and
        neither is passed implicitly as the first argument to the method.

        Static methods in Python are similar to those found in Java or C++.
        For a more advanced concept, see the classmethod builtin.
        """
    @staticmethod
    def sign(preset: str) -> Kernel:
        """staticmethod(function) -> method

        Convert a function to be a static method.

        A static method does not receive an implicit first argument.
        To declare a static method, use this idiom:

             class C:
                 @staticmethod
                 def f(arg1, arg2, argN):
                     ...

        It can be called either on the class (e.g. C.f()) or on an instance
        (e.g. C().f()). Both the class and the instance are ignored, and
        neither is passed implicitly as the first argument to the method.

        Static methods in Python are similar to those found in Java or C++.
        For a more advanced concept, see the classmethod builtin.
        """
    @staticmethod
    def encode(tokenizer: str | PathLike[str]) -> Kernel:
        """staticmethod(function) -> method

        Convert a function to be a static method.

        A static method does not receive an implicit first argument.
        To declare a static method, use this idiom:

             class C:
                 @staticmethod
                 def f(arg1, arg2, argN):
                     ...

        It can be called either on the class (e.g. C.f()) or on an instance
        (e.g. C().f()). Both the class and the instance are ignored, and
        neither is passed implicitly as the first argument to the method.

        Static methods in Python are similar to those found in Java or C++.
        For a more advanced concept, see the classmethod builtin.
        """
    @property
    def result(self) -> str | None:
        """Name of the column that gets the result in a table. None: the column of the text."""
    def array(self, data: object, column: str) -> ArrowArray:
        """Process an array of text or a record batch (a struct array)."""
    def stream(self, data: object, column: str) -> ArrowStream:
        """Process a stream of record batches to its end."""

@final
class ArrowArray:
    """An array, or a record batch as a struct array, which gives its capsules to a consumer."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

@final
class ArrowStream:
    """Record batches, which give their stream to a consumer."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def read_text(
    text: str, judge: BookJudge | None = None
) -> tuple[str, list[tuple[dict[str, Any], float, int]]]:
    """Normalize a text and measure it in stretches of about a page.

    Args:
        text: Any text.
        judge: Its language. None: Romanian, with the words of the built-in model.

    Returns:
        The text, and (measures, score, first byte) of each stretch.
    """

def doubtful(text: str, judge: BookJudge | None = None) -> list[tuple[int, int]]:
    """Find the words of a text that are not known.

    Args:
        text: Any text.
        judge: The words that are known. None: those of the built-in model.

    Returns:
        (first byte, end byte) of each.
    """

def assemble(
    records: Sequence[str | PathLike[str]],
    decisions: Sequence[tuple[str, str, str, str, float | None, float | None, float | None]],
    out: str | PathLike[str],
) -> Path:
    """Join the records of books into one file and write the ledger beside it.

    Args:
        records: Files of one JSON line each, in order.
        decisions: (document, source, action, rule, value, threshold, score).
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.

    Returns:
        Path of the ledger.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def normalize_text(text: str, *, protect_turkish: bool = True) -> str:
    """Repair a text.

    Args:
        text: Any text.
        protect_turkish: Keep ş in Turkish words.

    Returns:
        The repaired text: the same object if nothing had to change.
    """

def diff_text(
    text: str, limit: int | None = None, *, protect_turkish: bool = True
) -> list[tuple[str, int, str, str, str, str]]:
    """List the changes that normalizing a text makes.

    Args:
        text: Any text.
        limit: At most this many changes. None: all of them.
        protect_turkish: Keep ş in Turkish words.

    Returns:
        (rule, start byte, before, after, context before, context after) in the order of the text.
    """

def diff_files(
    inputs: list[str],
    limit: int,
    *,
    text_field: str = "text",
    split: str | None = None,
    protect_turkish: bool = True,
) -> list[tuple[str, tuple[str, int, str, str, str, str]]]:
    """List the first changes that normalizing files makes.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        limit: At most this many changes.
        text_field: Field of the text.
        split: `line` or `blank-line`: how text files are divided into documents. None: a file is a document.
        protect_turkish: Keep ş in Turkish words.

    Returns:
        (id of the document, change as in `diff_text`).

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def normalize_rules() -> list[tuple[str, str, str]]:
    """List the rules in the order in which they run.

    Returns:
        (id, class of defect, title).
    """

def normalize(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    text_field: str = "text",
    id_field: str | None = None,
    split: str | None = None,
    protect_turkish: bool = True,
    strict: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Repair files into one JSONL file.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        split: `line` or `blank-line`: how text files are divided into documents. None: a file is a document.
        protect_turkish: Keep ş in Turkish words.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        Counts of records, documents, bytes, rejects and repairs.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def decode_text(data: bytes, *, page: bool = False) -> tuple[str, str, float]:
    """Decode the bytes of a text or page by evidence.

    Args:
        data: The bytes.
        page: The bytes are HTML, which may name its charset.

    Returns:
        (text, charset, how sure: 0 to 1).
    """

def write_file(path: str | PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all, while no other run writes it.

    Args:
        path: The file.
        data: The content.

    Raises:
        RotoolsError: The system refuses, or another run writes the file. No part of it is left.
    """

def dedup(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    profile: str = "web",
    preset: str = "default",
    max_ram: int = 1073741824,
    accept_loss: bool = False,
    repeated_lines: int | None = None,
    decontaminate: Sequence[str] = ...,
    against: Sequence[str] = ...,
    shard: tuple[int, int] | None = None,
    text_field: str = "text",
    id_field: str | None = None,
    strict: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Remove duplicates and near-duplicates from files, into one JSONL file.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        profile: What the inputs hold: `web` or `books`.
        preset: `default`, `strict` or `exact`.
        max_ram: Memory of the whole run, in bytes.
        accept_loss: Allow near-duplicates to remove more than half of a source.
        repeated_lines: Cut lines of web text that occur in more documents than this.
        decontaminate: Evaluation files; a document that shares 13 words in a row with one is removed.
        against: Reference files: a document that is a copy of one in them is removed; they are not written.
        shard: (number, of): run only the first pass of this shard.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        `read` and `dedup` (counts) and `ledger` (path); of a shard `records`, `documents`, `bytes` and `folder`.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def filter(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    profile: str = "web",
    thresholds: Sequence[tuple[str, float | None]] = ...,
    redact: bool = True,
    boilerplate: bool = True,
    annotate: bool = False,
    diacritics: str = "flag",
    shard: tuple[int, int] | None = None,
    text_field: str = "text",
    id_field: str | None = None,
    strict: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Filter files into one JSONL file.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
        profile: `web` or `books`.
        thresholds: (rule, threshold) in place of the profile's; None switches the rule off.
        redact: Replace personal data.
        boilerplate: Cut cookie notices, buttons and links to other articles from web text.
        annotate: Remove nothing; write the measured values into the field `filter`.
        diacritics: Text without diacritics: `flag` it in the ledger, `drop` it or `keep` it.
        shard: (number, of): run only the first pass of this shard.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        `read` (counts) and `ledger` (path); of a shard `records`, `documents`, `bytes` and `folder`.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def dedup_estimate(documents: int, *, preset: str, max_ram: int, threads: int) -> dict[str, int]:
    """Estimate what deduplication takes.

    Args:
        documents: Number of documents.
        preset: `default`, `strict` or `exact`.
        max_ram: Memory limit of the run in bytes.
        threads: Worker threads. 0: one for each core.

    Returns:
        `memory`, `memory_needed` and `scratch`, in bytes.

    Raises:
        RotoolsError: There is no such preset.
    """

def judge(
    text: str, profile: str = "web", thresholds: Sequence[tuple[str, float | None]] = ...
) -> dict[str, Any]:
    """Measure a text and find the rule that removes it.

    Args:
        text: A repaired text.
        profile: `web` or `books`.
        thresholds: (rule, threshold) in place of the profile's; None switches the rule off.

    Returns:
        `dropped` (None, or the rule with value, threshold and side) and `measures`.

    Raises:
        RotoolsError: There is no such profile or rule.
    """

def redact(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Replace personal data in a text.

    Args:
        text: Any text.

    Returns:
        The text, and (kind, count) of what was replaced.
    """

def filter_rules() -> list[tuple[str, str, str, float | None, float | None]]:
    """List the filter rules in the order in which they are checked.

    Returns:
        (id, title, side, threshold for web, threshold for books).
    """

def likeness(first: str, second: str) -> tuple[float, float]:
    """Compare two texts by their word 3-grams.

    Args:
        first: A text.
        second: A text.

    Returns:
        (share of the first text's 3-grams that occur in the second, Jaccard similarity).
    """

def why(ledger: str | PathLike[str], id: str) -> dict[str, Any]:
    """Find the decisions about one document.

    Args:
        ledger: The Parquet file.
        id: The document's id, or its place as file:line.

    Returns:
        `rows`, `stands_for` and `examples`.

    Raises:
        RotoolsError: There is no ledger, or it is damaged or of another version.
    """

def ledger_summary(ledger: str | PathLike[str], examples: int, clusters: int) -> dict[str, Any]:
    """Count the decisions of a ledger.

    Args:
        ledger: The Parquet file.
        examples: Examples for each rule.
        clusters: Clusters of duplicates, the largest first.

    Returns:
        `rows`, `rules` with counts, values and examples, and `clusters`.

    Raises:
        RotoolsError: There is no ledger, or it is damaged or of another version.
    """

def pick(
    inputs: list[str],
    ids: list[str],
    *,
    text_field: str = "text",
    id_field: str | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Find the texts of documents by their ids.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        ids: Ids of documents.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        The text of each id that was found, as the files have it.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def inspect(
    inputs: list[str],
    *,
    text_field: str = "text",
    id_field: str | None = None,
    split: str | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read files once and describe them.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        split: `line` or `blank-line`: how text files are divided into documents. None: a file is a document.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        `sources`, `read` (counts), `lengths` and `first` (the first document).

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def split(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    threads: int = 0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Rewrite compressed files of JSON lines, so that the tasks of a cluster can share them.

    Args:
        inputs: Files, folders, globs or URLs.
        out: The folder of the new files.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        For each file: `source`, `out` (None: it is cut as it is), `note` (why it is not read at all), `bytes`, `size` and `frames`.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """
    ...

def head(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    size: int,
    text_field: str = "text",
    id_field: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the beginning of files as JSONL.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        out: The file to write.
        size: About this many bytes of text.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        What was taken, and how much of the input it is.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def train(
    inputs: list[str],
    out: str | PathLike[str],
    *,
    vocab_size: int = 40000,
    pattern: str = "llama-bpe",
    text_field: str = "text",
    normalize: bool = True,
    strict: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], int]:
    """Train a byte-level BPE tokenizer on files.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        out: The tokenizer.json to write.
        vocab_size: Size of the trained vocabulary.
        pattern: Pre-tokenizer by its name in llama.cpp: `gpt-2`, `llama-bpe` or `qwen2`.
        text_field: Field of the text.
        normalize: Repair the text first.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        Counts of what was read, and the size of the vocabulary.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def encode(
    inputs: list[str],
    tokenizer: str | PathLike[str],
    out: str | PathLike[str],
    *,
    text_field: str = "text",
    strict: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], int]:
    """Encode files to little-endian u16 ids (u32 for a vocabulary over 65,499).

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        tokenizer: A tokenizer.json.
        out: The file of ids to write.
        text_field: Field of the text.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        Counts of what was read, and the number of tokens.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def report(
    inputs: list[str],
    tokenizers: Sequence[str | PathLike[str]],
    *,
    text_field: str = "text",
    normalize: bool = True,
    strict: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Measure what tokenizers do to files.

    Args:
        inputs: Files, folders or globs; `-` is standard input.
        tokenizers: The tokenizer.json files.
        text_field: Field of the text.
        normalize: Repair the text first.
        strict: Stop at the first record that cannot be used.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        A report for each tokenizer, and counts of what was read.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def pack(
    phases: list[tuple[str, list[str], int, str]],
    out: str | PathLike[str],
    *,
    tokenizer: str | PathLike[str] | None = None,
    vocab_size: int = 40000,
    valid_share: float = 0.005,
    text_field: str = "text",
    id_field: str | None = None,
    normalize: bool = True,
    filter: bool = True,
    thresholds: Sequence[tuple[str, float | None]] = ...,
    redact: bool = True,
    boilerplate: bool = True,
    diacritics: str = "flag",
    dedup: str | None = ...,
    max_ram: int = 1073741824,
    accept_loss: bool = False,
    repeated_lines: int | None = None,
    decontaminate: Sequence[str] = ...,
    shard: tuple[int, int] | None = None,
    step: str | None = None,
    strict: bool = False,
    force: bool = False,
    describe: Callable[[Path], object] | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Pack phases into a directory of tokens.

    Args:
        phases: (name, inputs, epochs, kind) in the order of training.
        out: The directory to make.
        tokenizer: A tokenizer.json. None: train one on the corpus.
        vocab_size: Size of the trained vocabulary.
        valid_share: Share of the documents that is held out.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        normalize: Repair the text.
        filter: Filter each phase by its profile.
        thresholds: (rule, threshold) in place of the profile's; None switches the rule off.
        redact: Replace personal data.
        boilerplate: Cut cookie notices, buttons and links to other articles from web text.
        diacritics: Text without diacritics: `flag` it in the ledger, `drop` it or `keep` it.
        dedup: `default`, `strict` or `exact`. None: keep duplicates.
        max_ram: Memory of the whole run, in bytes.
        accept_loss: Allow near-duplicates to remove more than half of a source.
        repeated_lines: Cut lines of web text that occur in more documents than this.
        decontaminate: Evaluation files; a document that shares 13 words in a row with one is removed.
        shard: (number, of): run only a step of this shard.
        step: `judge`, `decide`, `count`, `train`, `encode` or `finish`: run only this step. With a shard alone: `judge`.
        strict: Stop at the first record that cannot be used.
        force: Replace an existing pack.
        describe: Called with the folder of the finished pack before it has its name. It may add files.
        threads: Worker threads. 0: one for each core.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        The content of report.json; of a shard `records`, `documents`, `bytes`, `read`, `input`, `whole` and `folder`; of another
        step `read`, `input`, `file` and `report`.

    Raises:
        RotoolsError: The arguments, the input or the system do not allow it.
    """

def verify(directory: str | PathLike[str], progress: Progress | None = None) -> dict[str, Any]:
    """Check every byte of a pack against its manifest.

    Args:
        directory: The pack.
        progress: Counters to watch, and the switch to stop the call.

    Returns:
        `shards`, `tokens`, `documents` and `bytes`.

    Raises:
        RotoolsError: A file is missing, damaged or not as the manifest says.
    """

def manifest(directory: str | PathLike[str]) -> dict[str, Any]:
    """Read the manifest of a pack.

    Args:
        directory: The pack.

    Returns:
        The content of manifest.json.

    Raises:
        RotoolsError: There is no pack, or it has another version.
    """

def block(directory: str | PathLike[str], phase: str, split: str, number: int) -> str:
    """Decode one block of a pack.

    Args:
        directory: The pack.
        phase: Name of the phase.
        split: `train` or `valid`.
        number: Number of the block, from 0.

    Returns:
        The text of its 2,048 tokens and of the last label.

    Raises:
        RotoolsError: There is no such pack, phase, split or block.
    """
