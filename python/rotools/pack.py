"""Turn a corpus into a pack: blocks of tokens in a directory. The format is in docs/reference/pack-format.md.

`pack` does all. `pack_shard`, `pack_step` and `pack_finish` are its steps, for many machines (docs/how-to/cluster.md).
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from rotools import _rotext
from rotools.card import write_card
from rotools.counts import ShardResult, StepResult, shard_result
from rotools.errors import UsageError
from rotools.filter import Thresholds
from rotools.options import (
    MAX_RAM,
    VALID_SHARE,
    VOCAB_SIZE,
    DiacriticsPolicy,
    Engine,
    Paths,
    Preset,
    ShardStep,
    Step,
    paths,
    size_bytes,
)
from rotools.phases import CorePhase, PhasesLike, resolve
from rotools.progress import Callback, run
from rotools.tokenizer import Tokenizer

__all__ = ["PackOptions", "PackResult", "pack", "pack_finish", "pack_shard", "pack_step"]


@dataclass(frozen=True)
class PackResult:
    """Counts of `pack`."""

    out: Path
    """The pack. Open it with `open_pack`."""
    tokens: int
    blocks: int
    text_bytes: int
    """UTF-8 bytes of the encoded texts."""
    vocab_size: int
    report: dict[str, Any]
    """The content of report.json: the counts of each phase."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as `rotools pack --json` prints it."""
        return {"out": str(self.out), **self.report}


class PackOptions(TypedDict, total=False):
    """The keyword arguments of `pack` that also decide what a shard does."""

    phases: PhasesLike | None
    config: str | PathLike[str] | None
    tokenizer: str | PathLike[str] | Tokenizer | None
    vocab_size: int
    valid_share: float
    normalize: bool
    filter: bool
    thresholds: Thresholds | None
    redact: bool
    boilerplate: bool
    diacritics: DiacriticsPolicy
    dedup: bool
    preset: Preset
    accept_loss: bool
    repeated_lines: int | None
    decontaminate: Paths
    max_ram: int | str
    text_field: str
    id_field: str | None
    strict: bool
    force: bool
    threads: int
    progress: Callback | None
    log: Callable[[str], None] | None


def pack(
    inputs: Paths | None = None,
    out: str | PathLike[str] = "pack",
    *,
    phases: PhasesLike | None = None,
    config: str | PathLike[str] | None = None,
    tokenizer: str | PathLike[str] | Tokenizer | None = None,
    vocab_size: int = VOCAB_SIZE,
    valid_share: float = VALID_SHARE,
    normalize: bool = True,
    filter: bool = True,
    thresholds: Thresholds | None = None,
    redact: bool = True,
    boilerplate: bool = True,
    diacritics: DiacriticsPolicy = "flag",
    dedup: bool = True,
    preset: Preset = "default",
    accept_loss: bool = False,
    repeated_lines: int | None = None,
    decontaminate: Paths = (),
    max_ram: int | str = MAX_RAM,
    text_field: str = "text",
    id_field: str | None = None,
    license: str | None = None,
    engine: Engine = "local",
    address: str = "auto",
    strict: bool = False,
    force: bool = False,
    threads: int = 0,
    progress: Callback | None = None,
    log: Callable[[str], None] | None = None,
) -> PackResult:
    """Repair, filter and deduplicate a corpus, train a tokenizer, encode, and pack blocks of tokens.

    The directory appears complete or not at all. A run that was killed continues when it is called again.

    Args:
        inputs: Files of one phase, `web`: JSON, Parquet, Arrow, CSV, WARC or .txt files, folders, globs; `-` is standard input.
        out: The directory to make.
        phases: In place of `inputs`: inputs by the names of their phases, or a list of `Phase`, in the order of training.
        config: In place of `inputs`: a corpus file in TOML.
        tokenizer: A tokenizer.json or a `Tokenizer`. None: train one on the corpus.
        vocab_size: Size of a tokenizer that is trained here.
        valid_share: Share of the documents that is held out, from 0 to 0.5.
        normalize: Repair the text.
        filter: Remove what is not Romanian prose, by the profile of the phase.
        thresholds: Thresholds in place of the profiles'; None switches a rule off.
        redact: Replace personal data.
        boilerplate: Cut cookie notices, buttons and links to other articles from web text.
        diacritics: Text without diacritics: `flag` it in the ledger, `drop` it or `keep` it.
        dedup: Remove duplicates and near-duplicates, across all phases.
        preset: `default` (14 bands of 8 propose near-duplicates), `strict` (26 of 11), or `exact` (equal texts only).
        accept_loss: Allow near-duplicates to remove more than half of a source.
        repeated_lines: Cut lines of web text that occur in more documents than this.
        decontaminate: Evaluation files; a document that shares 13 words in a row with one is removed.
        max_ram: Memory of the whole run, in bytes or as `4G`. What needs more goes to disk.
        text_field: Field of the text.
        id_field: Field of the id. None: `id` where there is one, else file:line.
        license: Licence of the texts for the dataset card (README.md of the pack), such as `cc-by-4.0`. None: unknown.
        engine: `ray` runs all steps on a Ray cluster.
        address: Head of the Ray cluster as HOST:PORT; `auto` is the cluster of this machine.
        strict: Stop at the first record that cannot be used.
        force: Replace an existing pack.
        threads: Worker threads. 0: one for each core.
        progress: Called with the state of the work (see `rotools.progress`).
        log: Called with a sentence when a shard of Ray is done, or when books were written again after a review.

    Returns:
        Counts. The same are in report.json of the pack.

    Raises:
        RotoolsError: An option is wrong, a file cannot be read or written, or no document is left.

    Examples:
        >>> import json, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> lines = [json.dumps({"text": f"Propoziția {i} are mere și pere."}) for i in range(40)]
        >>> _ = (folder / "web.jsonl").write_text("\\n".join(lines))
        >>> result = pack(folder / "web.jsonl", folder / "pack", vocab_size=300, filter=False, dedup=False)
        >>> result.vocab_size, sorted(path.name for path in result.out.iterdir())[:2]
        (300, ['README.md', 'ledger.parquet'])
    """
    options = {name: value for name, value in locals().items() if name not in ("inputs", "out")}
    for name in ("phases", "config", "license", "engine", "address", "progress", "log"):
        del options[name]
    listed = resolve(inputs, phases, config)
    with ExitStack() as stack:
        core = {**_core_options(options, stack), "describe": partial(write_card, license=license)}
        _replay_reviews(listed, log)
        if engine == "ray":
            from rotools.ray import pack_on_cluster

            report = pack_on_cluster(
                listed, Path(out), address=address, say=log or (lambda line: None), **core
            )
        else:
            report = run(lambda counters: _rotext.pack(listed, out, progress=counters, **core), progress)
    return _pack_result(Path(out), report)


def _pack_result(out: Path, report: dict[str, Any]) -> PackResult:
    return PackResult(out, report["tokens"], report["blocks"], report["bytes"], report["vocab_size"], report)


def pack_shard(
    shard: tuple[int, int],
    inputs: Paths | None = None,
    out: str | PathLike[str] = "pack",
    *,
    step: ShardStep = "judge",
    **options: Unpack[PackOptions],
) -> ShardResult:
    """Run a step of `pack` on one shard. `pack` with the same options does what is missing.

    The steps are `judge` (shards), `decide`, `count` (shards), `train`, `encode` (shards) and finish. A shard reads the same part
    of the input in each step. With a given tokenizer there is no `count` and no `train`.

    Args:
        shard: (number, of): number from 1, and how many shards there are.
        inputs: As for `pack`: all inputs, not a part of them.
        out: The directory that `pack` is going to make.
        step: What the shard does.
        options: The keyword arguments of `pack`, the same for all shards and steps.

    Returns:
        Counts of the shard.

    Raises:
        RotoolsError: An option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere."}')
        >>> pack_shard((2, 2), folder / "web.jsonl", folder / "pack", filter=False).documents
        1
    """
    return shard_result(out, _run_step(step, shard, inputs, out, options))


def pack_step(
    step: Literal["decide", "train"],
    inputs: Paths | None = None,
    out: str | PathLike[str] = "pack",
    **options: Unpack[PackOptions],
) -> StepResult:
    """Run a step of `pack` that one machine does. It reads no input, but what the shards of the step before wrote.

    Args:
        step: `decide` which documents are removed, or `train` the tokenizer.
        inputs: As for `pack`.
        out: The directory that `pack` is going to make.
        options: The keyword arguments of `pack`, the same for all steps.

    Returns:
        What the step found.

    Raises:
        RotoolsError: The step before is not complete; an option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere."}')
        >>> corpus = {"inputs": folder / "web.jsonl", "out": folder / "pack", "filter": False}
        >>> _ = pack_shard((1, 1), **corpus)
        >>> found = pack_step("decide", **corpus)
        >>> found.report["documents"], found.read
        (1, 0)
    """
    found = _run_step(step, None, inputs, out, options)
    return StepResult(Path(out), Path(found["file"]), found["read"], found["input"], found["report"])


def pack_finish(
    inputs: Paths | None = None,
    out: str | PathLike[str] = "pack",
    *,
    license: str | None = None,
    **options: Unpack[PackOptions],
) -> PackResult:
    """Join what the shards of `pack` encoded. It reads no input.

    Args:
        inputs: As for `pack`.
        out: The directory to make.
        license: Licence of the texts for the dataset card.
        options: The keyword arguments of `pack`, the same for all steps.

    Returns:
        Counts, as `pack` returns them. The pack has the bytes of one that `pack` makes alone.

    Raises:
        RotoolsError: A step before is not complete; an option is wrong, or a file cannot be read or written.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "web.jsonl").write_text('{"text": "Ana are mere și pere."}')
        >>> corpus = {"inputs": folder / "web.jsonl", "out": folder / "pack", "filter": False, "vocab_size": 258}
        >>> for shard in ((1, 2), (2, 2)):
        ...     _ = pack_shard(shard, **corpus)
        >>> _ = pack_step("decide", **corpus)
        >>> _ = [pack_shard((number, 2), step="count", **corpus) for number in (1, 2)]
        >>> _ = pack_step("train", **corpus)
        >>> _ = [pack_shard((number, 2), step="encode", **corpus) for number in (1, 2)]
        >>> pack_finish(**corpus).text_bytes
        22
    """
    found = _run_step("finish", None, inputs, out, options, describe=partial(write_card, license=license))
    return _pack_result(Path(out), found["report"])


def _run_step(
    step: Step,
    shard: tuple[int, int] | None,
    inputs: Paths | None,
    out: str | PathLike[str],
    options: PackOptions,
    describe: Callable[[Path], object] | None = None,
) -> dict[str, Any]:
    """Run a step of the core, and return what it reports."""
    rest: dict[str, Any] = dict(options)
    listed = resolve(inputs, rest.pop("phases", None), rest.pop("config", None))
    progress, log = rest.pop("progress", None), rest.pop("log", None)
    with ExitStack() as stack:
        core = _core_options(rest, stack)
        if step == "judge":
            _replay_reviews(listed, log)
        return run(
            lambda counters: _rotext.pack(
                listed, out, shard=shard, step=step, describe=describe, progress=counters, **core
            ),
            progress,
        )


def _core_options(options: dict[str, Any], stack: ExitStack) -> dict[str, Any]:
    """Convert the options of `pack` to those of the binding. `stack` keeps a temporary file for as long as it is needed."""
    dedup, preset = options.pop("dedup", True), options.pop("preset", "default")
    if not dedup and (options.get("repeated_lines") or paths(options.get("decontaminate", ()))):
        raise UsageError(
            "--repeated-lines and --decontaminate are part of --dedup", hint="run without --no-dedup"
        )
    options["dedup"] = preset if dedup else None
    options["max_ram"] = size_bytes(options.get("max_ram", MAX_RAM))
    options["decontaminate"] = paths(options.get("decontaminate", ()))
    options["thresholds"] = list((options.get("thresholds") or {}).items())
    if isinstance(tokenizer := options.get("tokenizer"), Tokenizer):
        # The core reads a file. The pack gets the same bytes.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rotools-tokenizer-"))
        options["tokenizer"] = Path(folder) / "tokenizer.json"
        tokenizer.save(options["tokenizer"])
    return options


def _replay_reviews(phases: list[CorePhase], log: Callable[[str], None] | None) -> None:
    """Write books again that were reviewed since `rotools books` wrote them."""
    for _, files, _, _ in phases:
        for name in files:
            if Path(name + ".decisions.jsonl").exists():
                from rotools.books.assemble import replay

                if replay(Path(name)) and log is not None:
                    log(f"{name}: written again with the decisions of the review")
