"""`import rotools`: every function does what its command does, and agrees with files and other programs."""

import ast
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st
from rotools_program import contents, jsonl, texts
from rotools_program import rotools as command

import rotools
from rotools import _rotext
from rotools.cli.app import app
from rotools.dedup import DedupOptions
from rotools.filter import FilterOptions
from rotools.options import size_bytes
from rotools.pack import PackOptions
from rotools.pack_reader import BLOCK_TOKENS, _cut

VERBS: dict[str, Callable[..., Any]] = {
    "pack": rotools.pack,
    "normalize": rotools.normalize_files,
    "filter": rotools.filter_files,
    "dedup": rotools.dedup,
    "books": rotools.books,
    "review": rotools.review,
    "tokenizer train": rotools.train_tokenizer,
    "tokenizer encode": rotools.encode_files,
    "tokenizer report": rotools.tokenizer_report,
    "inspect": rotools.inspect,
    "plan": rotools.plan,
    "verify": rotools.verify,
    "why": rotools.why,
    "report": rotools.report,
    "sample": rotools.sample,
    "split": rotools.split,
}


def commands(words: str, found: Any) -> dict[str, Any]:
    """All verbs of the command line, by their words."""
    inner = getattr(found, "commands", None)
    if inner is None:
        return {words.strip(): found}
    return {
        name: verb for word, one in inner.items() for name, verb in commands(f"{words} {word}", one).items()
    }


def printed(result: Any) -> Any:
    """A result as the command prints it: JSON has no tuples."""
    return json.loads(json.dumps(result.to_dict()))


def output(*arguments: object) -> Any:
    """The JSON that a command prints."""
    return json.loads(command(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = texts(60, 7)
    documents[3] = "Cumpără acum!"
    documents[5] = documents[4]
    documents[8] += " ştiinţă"
    return jsonl(tmp_path_factory.mktemp("corpus") / "web.jsonl", documents)


@pytest.fixture(scope="module")
def packed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> rotools.PackResult:
    return rotools.pack(corpus, tmp_path_factory.mktemp("packed") / "pack", vocab_size=500)


def test_importing_rotools_loads_no_heavy_package() -> None:
    heavy = ["torch", "pydantic", "rich", "numpy", "typer", "jinja2", "pyarrow", "http.server"]
    code = f"import sys, rotools; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_command_prints_the_version() -> None:
    assert command("--version").stdout == f"rotools {rotools.__version__}\n"


def test_every_verb_has_a_function() -> None:
    assert set(commands("", typer.main.get_command(app))) == set(VERBS)
    assert {function.__name__ for function in VERBS.values()} <= set(rotools.__all__)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_and_its_function_have_the_same_defaults(verb: str) -> None:
    parameters = inspect.signature(VERBS[verb]).parameters
    shared = 0
    for option in commands("", typer.main.get_command(app))[verb].params:
        in_both = option.name in parameters and not option.required
        if in_both and parameters[option.name].default is not inspect.Parameter.empty:
            assert plain(option.default) == plain(parameters[option.name].default), option.name
            shared += 1
    assert shared or verb in ("review", "verify")


def plain(value: object) -> object:
    """A default in one form: sizes in bytes, paths as text, and None for an empty list."""
    if isinstance(value, str) and value[-1:] == "G":
        return size_bytes(value)
    return str(value) if isinstance(value, Path) else value if value != () else None


@pytest.mark.parametrize(
    ("function", "options", "main"),
    [
        (rotools.filter_shard, FilterOptions, rotools.filter_files),
        (rotools.dedup_shard, DedupOptions, rotools.dedup),
        (rotools.pack_shard, PackOptions, rotools.pack),
    ],
)
def test_a_shard_takes_the_options_of_its_merge(
    function: Callable[..., Any], options: Any, main: Callable[..., Any]
) -> None:
    named = set(inspect.signature(main).parameters) - {"inputs", "out", "engine", "address", "license"}
    assert options.__optional_keys__ == named


@pytest.mark.parametrize(
    ("core", "function"),
    [
        (_rotext.normalize, rotools.normalize_files),
        (_rotext.filter, rotools.filter_files),
        (_rotext.dedup, rotools.dedup),
        (_rotext.inspect, rotools.inspect),
        (_rotext.train, rotools.train_tokenizer),
        (_rotext.encode, rotools.encode_files),
        (_rotext.report, rotools.tokenizer_report),
        (_rotext.pack, rotools.pack),
        (_rotext.judge, rotools.judge),
    ],
)
def test_the_binding_has_the_defaults_of_the_library(
    core: Callable[..., Any], function: Callable[..., Any]
) -> None:
    wanted = inspect.signature(function).parameters
    compared = 0
    for name, parameter in inspect.signature(core).parameters.items():
        if parameter.default in (parameter.empty, ...) or name not in wanted:
            continue
        assert plain(parameter.default) == plain(wanted[name].default), name
        compared += 1
    assert compared


def test_the_stub_has_the_docstrings_of_the_binding() -> None:
    stub = Path(rotools.__file__).with_name("_rotext.pyi").read_text(encoding="utf-8")
    checked = {"RotoolsError", "__debug_build__", "__version__"}
    for node in ast.parse(stub).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound = getattr(_rotext, node.name)
            assert ast.get_docstring(node) == inspect.getdoc(bound), node.name
            checked.add(node.name)
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    wanted = inspect.getdoc(inspect.getattr_static(bound, inner.name))
                    assert ast.get_docstring(inner) == wanted, f"{node.name}.{inner.name}"
                    assert wanted, f"{node.name}.{inner.name} has no docstring"
    assert checked == set(_rotext.__all__)


def test_every_public_name_is_documented() -> None:
    for name in rotools.__all__:
        value = getattr(rotools, name)
        if callable(value):
            assert inspect.getdoc(value), name
            if inspect.isfunction(value):
                assert "Examples:" in (value.__doc__ or ""), name


def test_texts(corpus: Path) -> None:
    assert rotools.normalize("ştiinţă") == "știință"
    assert [change.rule for change in rotools.diff("ştiinţă")] == ["cedilla", "cedilla"]
    found = rotools.diff_files(corpus, 100)
    shown = output("normalize", corpus, "--diff", 100)["changes"]
    assert [{"id": id, **change._asdict()} for id, change in found] == shown and found
    judgement = rotools.judge("Cumpără acum!")
    assert judgement.dropped == rotools.BrokenRule("words", 2.0, judgement.dropped.threshold, "below")  # type: ignore[union-attr]
    assert judgement.measures == _rotext.judge("Cumpără acum!")["measures"] and not judgement.kept
    assert {rule.id for rule in rotools.FILTER_RULES} >= {"words", "language"}
    assert rotools.redact("Scrie la ana@exemplu.ro.").replaced == {"personal-email": 1}
    assert rotools.similarity("a b c d", "a b c d") == (1.0, 1.0)


def test_files_give_what_the_commands_give(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result: Any
    for verb, call in (
        ("normalize", lambda: rotools.normalize_files(corpus, out)),
        ("filter", lambda: rotools.filter_files(str(corpus), out)),
        ("dedup", lambda: rotools.dedup([corpus], out)),
    ):
        wanted = output(verb, corpus, "--out", out)
        written = out.read_bytes()
        result = call()
        assert result.to_dict() == wanted and out.read_bytes() == written
        assert json.dumps(result.to_dict()) == json.dumps(wanted), "the order of the fields"
    assert result.read.documents == 59
    assert printed(rotools.inspect(corpus)) == output("inspect", corpus)
    row = rotools.why("d5", ledger=result.ledger)
    assert row.to_dict() == output("why", "d5", "--ledger", result.ledger)
    assert "same text as" in rotools.explain(row.rows[0])


def test_options_reach_the_core(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    off: dict[str, float | None] = {rule.id: None for rule in rotools.FILTER_RULES}
    assert rotools.filter_files(corpus, out, thresholds=off).read.documents == 60
    rotools.filter_files(corpus, out, annotate=True)
    assert all("filter" in json.loads(line) for line in out.open(encoding="utf-8"))
    renamed = tmp_path / "renamed.jsonl"
    renamed.write_text('{"body": "ştiu", "name": "x"}\n', encoding="utf-8")
    rotools.normalize_files(renamed, out, text_field="body", id_field="name", threads=1)
    assert json.loads(out.read_text(encoding="utf-8")) == {"body": "știu", "name": "x"}
    with pytest.raises(rotools.UsageError, match="memory"):
        rotools.dedup(corpus, out, max_ram="1M")


def test_shards_merge_to_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    whole, merged = tmp_path / "whole.jsonl", tmp_path / "merged.jsonl"
    rotools.filter_files(corpus, whole)
    shards = [rotools.filter_shard((number, 2), corpus, merged) for number in (1, 2)]
    assert sum(shard.records for shard in shards) == 60 and shards[0].folder.exists()
    rotools.filter_files(corpus, merged)
    assert merged.read_bytes() == whole.read_bytes()
    rotools.dedup(corpus, whole)
    for number in (1, 2):
        rotools.dedup_shard((number, 2), corpus, merged)
    rotools.dedup(corpus, merged)
    assert merged.read_bytes() == whole.read_bytes()


def test_a_tokenizer_agrees_with_tokenizers(corpus: Path, tmp_path: Path) -> None:
    oracle = pytest.importorskip("tokenizers")
    tok = rotools.Tokenizer.train([corpus], vocab_size=400)
    path = tmp_path / "tokenizer.json"
    tok.save(path)
    theirs = oracle.Tokenizer.from_file(str(path))
    documents = [*texts(40, 3), "", "a", "😀 Ştii?\n\n\tdouă", "x" * 10_000]
    wanted = [theirs.encode(text, add_special_tokens=False).ids for text in documents]
    assert [tok.encode(text) for text in documents] == wanted
    for threads in (0, 1, 3, 100):
        assert tok.encode_batch(documents, threads=threads) == wanted
    assert tok.encode_batch([]) == []
    for text, ids in zip(documents, wanted, strict=True):
        assert tok.decode(ids) == text == tok.decode(np.array(ids, dtype=np.uint16))
    assert len(tok) == tok.vocab_size == theirs.get_vocab_size() == 400
    eos = theirs.token_to_id("<|endoftext|>")
    assert tok.eos_id == eos == tok.token_id("<|endoftext|>") == tok.special_tokens["<|endoftext|>"]
    # The text of a special token is ordinary text.
    assert eos not in tok.encode("<|endoftext|>") and tok.token(eos) == b"<|endoftext|>"
    assert tok.token_id("no such token") is None


def test_a_tokenizer_is_a_value(corpus: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    trained = rotools.train_tokenizer(corpus, first, vocab_size=400)
    assert trained.to_dict() == output("tokenizer", "train", corpus, "--out", first, "--vocab-size", 400)
    tok = rotools.Tokenizer.load(first)
    tok.save(second)
    assert first.read_bytes() == second.read_bytes()
    copy = pickle.loads(pickle.dumps(tok))
    assert copy == tok == trained.tokenizer and hash(copy) == hash(tok)
    assert copy.encode("Ana are mere") == tok.encode("Ana are mere")
    for ids in ([400], [5, 70_000]):
        with pytest.raises(rotools.UsageError, match="no token"):
            tok.decode(ids)
    with pytest.raises(rotools.UsageError, match="no token"):
        tok.token(400)
    with pytest.raises(rotools.InputError):
        rotools.Tokenizer(b"{}")
    with pytest.raises(rotools.ResourceError, match=r"none\.json"):
        rotools.Tokenizer.load(tmp_path / "none.json")


def test_encoded_files_and_reports(corpus: Path, tmp_path: Path) -> None:
    path, ids = tmp_path / "tokenizer.json", tmp_path / "ids.bin"
    tok = rotools.train_tokenizer(corpus, path, vocab_size=400).tokenizer
    wanted = output("tokenizer", "encode", corpus, "--tokenizer", path, "--out", ids)
    written = ids.read_bytes()
    result = rotools.encode_files(corpus, ids, tok)
    assert result.to_dict() == wanted and ids.read_bytes() == written
    encoded = [
        id
        for line in corpus.open(encoding="utf-8")
        for id in [*tok.encode(json.loads(line)["text"]), tok.eos_id]
    ]
    assert np.fromfile(ids, "<u2").tolist() == encoded and result.tokens == len(encoded)
    assert printed(rotools.tokenizer_report(corpus, [path])) == output(
        "tokenizer", "report", corpus, "--tokenizer", path
    )
    small = rotools.Tokenizer.train(corpus, vocab_size=300)
    reports = rotools.tokenizer_report(corpus, [tok, small]).reports
    assert [report["vocab_size"] for report in reports] == [400, 300]
    assert reports[0]["fertility"] < reports[1]["fertility"]


def test_a_pack_is_the_commands_pack(corpus: Path, packed: rotools.PackResult, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    wanted = output("pack", corpus, "--out", out, "--vocab-size", 500)
    assert contents(out) == contents(packed.out)
    assert packed.to_dict() == {**wanted, "out": str(packed.out)}
    assert (packed.tokens, packed.blocks, packed.vocab_size) == (
        wanted["tokens"],
        wanted["blocks"],
        wanted["vocab_size"],
    )
    assert rotools.verify(out).to_dict() == output("verify", out)
    with pytest.raises(rotools.RotoolsError, match="exists already"):
        rotools.pack(corpus, out, vocab_size=500)
    # A tokenizer in memory gives the bytes that its file gives.
    tok = rotools.open_pack(out).tokenizer
    again = rotools.pack(corpus, out, tokenizer=tok, force=True)
    file = rotools.pack(corpus, tmp_path / "file", tokenizer=packed.out / "tokenizer.json")
    assert contents(again.out) == contents(file.out)


def test_a_pack_is_merged_from_shards(corpus: Path, packed: rotools.PackResult, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    shards = [rotools.pack_shard((number, 2), corpus, out, vocab_size=500) for number in (1, 2)]
    assert sum(shard.records for shard in shards) == 60
    rotools.pack(corpus, out, vocab_size=500)
    assert contents(out) == contents(packed.out)


def test_phases_are_named_in_three_ways(corpus: Path, tmp_path: Path) -> None:
    config = tmp_path / "corpus.toml"
    config.write_text(
        f'[[phase]]\nname = "web"\ninputs = ["{corpus}"]\n'
        f'[[phase]]\nname = "more"\ninputs = ["{corpus}"]\nepochs = 2\n',
        encoding="utf-8",
    )
    options: Any = {"vocab_size": 400, "dedup": False}
    from_config = rotools.pack(out=tmp_path / "a", config=config, **options)
    listed = [rotools.Phase("web", corpus), rotools.Phase("more", [corpus], epochs=2)]
    from_list = rotools.pack(out=tmp_path / "b", phases=listed, **options)
    assert contents(from_config.out) == contents(from_list.out)
    mapped = rotools.pack(out=tmp_path / "c", phases={"web": corpus, "more": [corpus]}, **options)
    assert [phase.epochs for phase in rotools.open_pack(mapped.out).phases] == [1, 1]
    assert [phase.epochs for phase in rotools.open_pack(from_list.out).phases] == [1, 2]
    for wrong in ({}, {"inputs": corpus, "config": config}):
        with pytest.raises(rotools.UsageError, match="in one way"):
            rotools.pack(out=tmp_path / "d", **wrong)  # type: ignore[arg-type]


def test_blocks_and_documents_are_those_of_the_files(packed: rotools.PackResult) -> None:
    pack = rotools.open_pack(packed.out)
    assert [phase.name for phase in pack.phases] == ["web"]
    [phase] = pack.phases
    tokens = np.fromfile(packed.out / "train-web-00000.bin", "<u2")
    blocks = list(pack.blocks("train"))
    assert len(blocks) == phase.train.blocks == packed.blocks - phase.valid.blocks > 1
    for number, block in enumerate(blocks):
        assert block.shape == (BLOCK_TOKENS,) and block.dtype == np.uint16
        assert (block == tokens[number * BLOCK_TOKENS : (number + 1) * BLOCK_TOKENS]).all()
        shown = command("inspect", packed.out, "--block", number).stdout.removesuffix("\n")
        label = tokens[(number + 1) * BLOCK_TOKENS]
        assert pack.decode([*block.tolist(), int(label)]) == shown == pack.block_text(number)
    with pytest.raises(ValueError):
        blocks[0][0] = 0  # The file is mapped for reading.
    documents = list(pack.documents("web"))
    assert len(documents) == phase.train.documents
    assert (np.concatenate(documents) == tokens).all()
    assert all(
        (document == pack.eos_id).sum() == 1 == (document[-1] == pack.eos_id) for document in documents
    )
    held_out = list(pack.documents("web", "valid"))
    assert len(held_out) == phase.valid.documents >= 1
    for call in (lambda: pack.documents("poems"), lambda: pack.blocks("test")):  # type: ignore[arg-type]
        with pytest.raises(rotools.UsageError):
            call()


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_blocks_cross_pack_shards(lengths: list[int]) -> None:
    tokens = np.arange(sum(lengths), dtype=np.uint16)
    shards = np.split(tokens, np.cumsum(lengths)[:-1]) if lengths else []
    count = max(len(tokens) - 1, 0) // BLOCK_TOKENS
    blocks = list(_cut(shards, count))
    assert len(blocks) == count
    if blocks:
        assert (np.concatenate(blocks) == tokens[: count * BLOCK_TOKENS]).all()


def test_the_other_verbs(corpus: Path, packed: rotools.PackResult, tmp_path: Path) -> None:
    page = rotools.report(packed.out, tmp_path / "report.html")
    assert page.to_dict() == output("report", packed.out, "--out", tmp_path / "report.html")
    assert "<html" in page.out.read_text(encoding="utf-8") and page.rows > 0
    estimate = rotools.plan(corpus, vocab_size=400)
    assert estimate.documents == 60 and estimate.whole and set(estimate.to_dict()) >= {"steps", "memory"}
    story = tmp_path / "poveste.txt"
    story.write_text("A fost odată ca niciodată un împărat mare.\n" * 9, encoding="utf-8")
    out = tmp_path / "books.jsonl"
    result = rotools.books(story, out)
    assert result.kept == 1 and result.to_dict() == output("books", story, "--out", out)
    opened = rotools.review(out)
    assert [row["id"] for row in opened.listing()] == ["poveste.txt"]
    assert opened.write_page().name == "books.jsonl.review.html"


def test_the_sample(tmp_path: Path) -> None:
    pytest.importorskip("rowordnet")
    written = rotools.sample(tmp_path / "sample.jsonl")
    assert written.documents == len(written.out.read_text(encoding="utf-8").splitlines())
    assert written.to_dict() == output("sample", "--out", tmp_path / "sample.jsonl")


def test_errors_keep_their_parts(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(corpus.read_bytes() + b'{"text": \n')
    calls: list[tuple[Callable[[], object], type[rotools.RotoolsError], rotools.Place | None, int]] = [
        (lambda: rotools.judge("x", "poems"), rotools.UsageError, None, 2),  # type: ignore[arg-type]
        (
            lambda: rotools.normalize_files(tmp_path / "no.jsonl", out),
            rotools.ResourceError,
            rotools.Place(str(tmp_path / "no.jsonl")),
            1,
        ),
        (
            lambda: rotools.normalize_files(broken, out, strict=True),
            rotools.InputError,
            rotools.Place(str(broken), 61),
            1,
        ),
    ]
    for call, kind, place, code in calls:
        with pytest.raises(kind) as caught:
            call()
        error = caught.value
        assert type(error) is kind and isinstance(error, rotools.RotoolsError)
        assert error.exit_code == code and error.what and error.hint
        assert (error.place and (error.place.path, error.place.line)) == (place and (place.path, place.line))
        assert str(error) == (f"{error.place}: {error.what}" if error.place else error.what)
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is kind and vars(copy) == vars(error) and str(copy) == str(error)


def test_progress_is_reported_and_can_stop_the_work(tmp_path: Path) -> None:
    big = jsonl(tmp_path / "big.jsonl", texts(3000, 1))
    out = tmp_path / "out.jsonl"
    seen: list[rotools.Status] = []
    rotools.normalize_files(big, out, progress=seen.append, threads=1)
    assert seen and {status.step for status in seen} - {""}
    assert all(0 <= status.done <= status.total for status in seen if status.total)
    out.unlink()
    for stop in (KeyboardInterrupt, ZeroDivisionError):

        def refuse(status: rotools.Status, stop: type[BaseException] = stop) -> None:
            raise stop

        with pytest.raises(stop):
            rotools.normalize_files(big, out, progress=refuse)
        assert {path.name for path in tmp_path.iterdir()} == {"big.jsonl"}
