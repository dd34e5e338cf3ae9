"""Romanian text for language models: read, repair, filter, deduplicate, tokenize, pack.

Each verb of the command line is a function here, with the same options and defaults:

| function | command | what it does |
|---|---|---|
| `normalize`, `diff`, `normalize_files`, `diff_files` | `rotools normalize` | repair text |
| `judge`, `redact`, `filter_files` | `rotools filter` | remove bad documents and personal data |
| `similarity`, `dedup` | `rotools dedup` | remove duplicates and near-duplicates |
| `books`, `review` | `rotools books`, `rotools review` | read books, and look at the result |
| `Tokenizer`, `train_tokenizer` | `rotools tokenizer train` | train a tokenizer |
| `encode_files`, `tokenizer_report` | `rotools tokenizer encode`, `report` | use and compare tokenizers |
| `pack` | `rotools pack` | do all of it |
| `plan` | `rotools plan` | estimate what `pack` needs |
| `open_pack`, `inspect`, `verify` | `rotools inspect`, `rotools verify` | look at packs and corpora |
| `why`, `explain`, `report` | `rotools why`, `rotools report` | see why documents were removed |
| `sample` | `rotools sample` | write text for a first try |
| `split` | `rotools split` | make compressed files that a cluster can share |

`rotools.kernels` has the steps for Arrow data. `filter_shard`, `dedup_shard` and `pack_shard` split a run over machines.

Some functions have the name of their module, so import other names with `from rotools.normalize import RULES`.

Examples:
    >>> import rotools
    >>> rotools.normalize("ştiinţă")
    'știință'
"""

from rotools._rotext import __version__
from rotools.books import BooksResult, books, review
from rotools.counts import ReadCounts, ShardResult
from rotools.dedup import DedupResult, Similarity, dedup, dedup_shard, similarity
from rotools.errors import InputError, InternalError, Place, ResourceError, RotoolsError, UsageError
from rotools.filter import (
    FILTER_RULES,
    BrokenRule,
    FilterResult,
    FilterRule,
    Judgement,
    Redaction,
    filter_files,
    filter_shard,
    judge,
    redact,
)
from rotools.inspect import CorpusSummary, inspect
from rotools.ledger import WhyResult, explain, why
from rotools.normalize import Change, NormalizeResult, diff, diff_files, normalize, normalize_files
from rotools.pack import PackResult, pack, pack_finish, pack_shard, pack_step
from rotools.pack_reader import Pack, PackPhase, PackSplit, open_pack
from rotools.phases import Phase
from rotools.plan import Plan, plan
from rotools.progress import Status
from rotools.report import ReportResult, report
from rotools.sample import SampleResult, sample
from rotools.split import SplitFile, SplitResult, split
from rotools.tokenizer import (
    EncodeResult,
    Tokenizer,
    TokenizerReport,
    TrainResult,
    encode_files,
    tokenizer_report,
    train_tokenizer,
)
from rotools.verify import VerifyResult, verify

__all__ = [
    "FILTER_RULES",
    "BooksResult",
    "BrokenRule",
    "Change",
    "CorpusSummary",
    "DedupResult",
    "EncodeResult",
    "FilterResult",
    "FilterRule",
    "InputError",
    "InternalError",
    "Judgement",
    "NormalizeResult",
    "Pack",
    "PackPhase",
    "PackResult",
    "PackSplit",
    "Phase",
    "Place",
    "Plan",
    "ReadCounts",
    "Redaction",
    "ReportResult",
    "ResourceError",
    "RotoolsError",
    "SampleResult",
    "ShardResult",
    "Similarity",
    "SplitFile",
    "SplitResult",
    "Status",
    "Tokenizer",
    "TokenizerReport",
    "TrainResult",
    "UsageError",
    "VerifyResult",
    "WhyResult",
    "__version__",
    "books",
    "dedup",
    "dedup_shard",
    "diff",
    "diff_files",
    "encode_files",
    "explain",
    "filter_files",
    "filter_shard",
    "inspect",
    "judge",
    "normalize",
    "normalize_files",
    "open_pack",
    "pack",
    "pack_finish",
    "pack_shard",
    "pack_step",
    "plan",
    "redact",
    "report",
    "review",
    "sample",
    "similarity",
    "split",
    "tokenizer_report",
    "train_tokenizer",
    "verify",
    "why",
]
