"""`rotools dedup` and `rotools why` as a user runs them, against all pairs and sets of strings."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rotools_program import contents, jsonl, rotools, texts


def words(text: str) -> list[str]:
    """Words as the keys see them: without case and diacritics."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def grams(text: str) -> set[tuple[str, ...]]:
    """The set of word 3-grams."""
    found = words(text)
    return {tuple(found[i : i + 3]) for i in range(max(len(found) - 2, 1))}


def edited(text: str, rng: random.Random) -> str:
    """A near copy: a word in thirty is another one, perhaps without diacritics."""
    copy = [rng.choice(["altul", "nou", "12"]) if rng.random() < 1 / 60 else word for word in text.split()]
    joined = " ".join(copy)
    if rng.random() < 0.5:
        joined = joined.translate(str.maketrans("ăâîșț", "aaist"))
    return joined


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """300 documents, near copies of 60 of them, 10 exact copies."""
    rng = random.Random(3)
    documents = [text for text in texts(300, 11) if len(text.split()) > 4]
    copies = [edited(text, rng) for text in documents[:60]]
    return jsonl(tmp_path / "corpus.jsonl", documents + copies + documents[100:110])


def records(path: Path) -> dict[str, str]:
    """Texts by id."""
    return {r["id"]: r["text"] for r in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def test_every_removal_is_right_and_has_its_reason(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    outcome = json.loads(rotools("dedup", corpus, "--out", out, "--json").stdout)
    before, after = records(corpus), records(out)
    assert after.items() <= before.items()
    rejected = outcome["read"]["rejected"]
    # Short copies may have no edit at all.
    assert rejected["duplicate"] == outcome["dedup"]["exact"] >= 10
    assert len(before) - len(after) == sum(rejected.values())
    assert rejected["near-duplicate"] == outcome["dedup"]["near"] > 35
    ledger = pq.read_table(outcome["ledger"]).to_pylist()
    assert {row["document"] for row in ledger} == before.keys() - after.keys()
    for row in ledger:
        assert row["partner"] in after and row["action"] == "drop" and row["stage"] == "dedup"
        mine, other = grams(before[row["document"]]), grams(after[row["partner"]])
        containment, jaccard = len(mine & other) / len(mine), len(mine & other) / len(mine | other)
        assert row["score"] == pytest.approx(jaccard)
        value = {"exact": 1.0, "near-containment": containment, "near-jaccard": jaccard}[row["rule"]]
        assert row["value"] == pytest.approx(value) and row["value"] >= row["threshold"]
        assert len(before[row["document"]].encode()) <= len(after[row["partner"]].encode())
    # No two documents that stay are copies of each other: all pairs.
    sets = [grams(text) for text in after.values()]
    for i, a in enumerate(sets):
        assert all(len(a & b) / len(a | b) < 0.95 for b in sets[:i])


def test_exact_alone_keeps_the_first_of_equal_texts_in_one_pass(corpus: Path, tmp_path: Path) -> None:
    lines = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    blind = json.loads(lines[100])["text"].translate(str.maketrans("ăâîșț", "aaist")).replace(" ", "  ")
    corpus.write_text("".join(lines) + json.dumps({"id": "blind", "text": blind}) + "\n", encoding="utf-8")
    outs = [tmp_path / f"{threads}.jsonl" for threads in (1, 2)]
    for threads, out in enumerate(outs, 1):
        outcome = json.loads(
            rotools("dedup", corpus, "--out", out, "--preset", "exact", "--threads", threads, "--json").stdout
        )
    assert outs[0].read_bytes() == outs[1].read_bytes()
    first: dict[str, int] = {}
    expected = []
    goes = {}
    for line, record in enumerate(map(json.loads, corpus.read_text(encoding="utf-8").splitlines()), 1):
        plain = "".join(
            c for c in unicodedata.normalize("NFD", record["text"]) if not unicodedata.combining(c)
        )
        key = " ".join(plain.split())
        if key in first:
            goes[record["id"]] = f"{corpus}:{first[key]}"
        else:
            first[key] = line
            expected.append(record["id"])
    assert list(records(outs[0])) == expected and "blind" in goes and len(goes) >= 11
    ledger = pq.read_table(outcome["ledger"]).to_pylist()
    assert {row["document"]: row["partner"] for row in ledger} == goes
    assert {row["rule"] for row in ledger} == {"exact"}
    assert outcome["dedup"]["exact"] == len(goes) and outcome["dedup"]["documents"] == len(expected) + len(
        goes
    )
    assert goes["blind"] in rotools("why", "blind", "--ledger", outcome["ledger"]).stdout

    # `pack` removes the same, across phases, and says so; what needs a first pass is refused.
    packed = tmp_path / "pack"
    options = ["--out", packed, "--vocab-size", 400, "--no-filter", "--preset", "exact"]
    report = json.loads(
        rotools("pack", "--phase", f"a={corpus}", "--phase", f"b={corpus}", *options, "--json").stdout
    )
    read = [phase["read"] for phase in report["phases"]]
    assert [part["documents"] for part in read] == [len(expected), 0]
    assert report["dedup"]["exact"] == len(goes) + len(goes) + len(expected)
    assert json.loads((packed / "manifest.json").read_text())["config"]["dedup"] == "exact"
    for needs in (["--repeated-lines", 3], ["--decontaminate", corpus], ["--shard", "1/2"]):
        refused = rotools("pack", corpus, "--force", *options, *needs, code=2).stderr
        assert "preset default or strict" in refused


def test_why_answers_in_words(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    outcome = json.loads(rotools("dedup", corpus, "--out", out, "--json").stdout)
    ledger = pq.read_table(outcome["ledger"]).to_pylist()
    for rule in ("exact", "near-containment"):
        row = next(row for row in ledger if row["rule"] == rule)
        answer = rotools("why", row["document"], "--ledger", outcome["ledger"]).stdout
        assert (
            row["partner"] in answer and f"{corpus}:{row['line']}" in answer and "dropped by dedup" in answer
        )
        assert answer == rotools("why", f"{corpus}:{row['line']}", "--ledger", outcome["ledger"]).stdout
        other = rotools("why", row["partner"], "--ledger", outcome["ledger"]).stdout
        assert "represents" in other and row["document"] in other
    found = json.loads(rotools("why", row["document"], "--ledger", outcome["ledger"], "--json").stdout)
    assert found["rows"] == [row]
    assert "no decision about it" in rotools("why", "nobody", "--ledger", outcome["ledger"]).stdout


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    table = pa.table({"document": ["a"]})
    pq.write_table(table.replace_schema_metadata({"rotools.ledger.version": "2"}), path)
    assert "format version 2" in rotools("why", "a", "--ledger", path, code=1).stderr
    pq.write_table(table, path)
    assert "not a ledger" in rotools("why", "a", "--ledger", path, code=1).stderr
    pq.write_table(table.replace_schema_metadata({"rotools.ledger.version": "1"}), path)
    assert "columns" in rotools("why", "a", "--ledger", path, code=1).stderr
    path.write_bytes(path.read_bytes()[:-5])
    assert "damaged" in rotools("why", "a", "--ledger", path, code=1).stderr
    assert "no such file" in rotools("why", "a", "--pack", tmp_path / "no", code=1).stderr


def test_the_result_depends_neither_on_threads_nor_on_the_order_of_files(
    corpus: Path, tmp_path: Path
) -> None:
    lines = corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    parts = []
    for number in range(3):
        parts.append(tmp_path / f"part{number}.jsonl")
        parts[-1].write_text("".join(lines[number::3]), encoding="utf-8")
    outs = []
    for threads in (1, 2, 7):
        folder = tmp_path / f"threads{threads}"
        folder.mkdir()
        rotools("dedup", *parts, "--out", folder / "o.jsonl", "--threads", threads)
        outs.append(contents(folder))
    assert outs[0] == outs[1] == outs[2]
    kept = set(records(folder / "o.jsonl").values())
    for order in (parts[::-1], [parts[1], parts[2], parts[0]], [corpus]):
        rotools("dedup", *order, "--out", tmp_path / "o.jsonl", "--max-ram", "300M")
        assert set(records(tmp_path / "o.jsonl").values()) == kept


def test_records_are_written_unchanged(tmp_path: Path) -> None:
    lines = ['{"n": 1.50, "text": "Ană   are\\u0020mere", "x": [1, 2]}', '{"id": 7, "text": "alt text"}']
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([*lines, lines[0]]) + "\n", encoding="utf-8")
    rotools("dedup", path, "--out", tmp_path / "o.jsonl")
    assert (tmp_path / "o.jsonl").read_text(encoding="utf-8") == "\n".join(lines) + "\n"
    rotools("dedup", "-", "--out", tmp_path / "s.jsonl", given=path.read_bytes())
    assert (tmp_path / "s.jsonl").read_bytes() == (tmp_path / "o.jsonl").read_bytes()


def test_killed_at_any_moment_it_ends_in_the_same_bytes_and_leaves_nothing(
    corpus: Path, tmp_path: Path
) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    whole.mkdir()
    again.mkdir()
    began = time.monotonic()
    rotools("dedup", corpus, "--out", whole / "o.jsonl")
    took = time.monotonic() - began
    rng = random.Random(7)
    command = [sys.executable, "-m", "rotools", "dedup", corpus, "--out", again / "o.jsonl"]
    for _ in range(5):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1.0) * took)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        done = again / "o.jsonl"
        assert not done.exists() or done.read_bytes() == (whole / "o.jsonl").read_bytes()
    left = again / ".o.jsonl.partial"
    left.mkdir(exist_ok=True)
    (left / "bands-0.scratch").write_bytes(b"left by a run that was killed")
    rotools(*command[3:])
    assert contents(again) == contents(whole)


@pytest.mark.parametrize("verb", ["dedup", "filter"])
def test_two_runs_on_one_output_refuse(verb: str, corpus: Path, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / ".o.jsonl.partial.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = rotools(verb, corpus, "--out", tmp_path / "o.jsonl", code=1).stderr
    assert "another run" in message and "hint:" in message
    rotools(verb, corpus, "--out", tmp_path / "o.jsonl")


def test_a_scratch_disk_that_fills_up_says_so_and_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-B", "-m", "rotools", "dedup", str(corpus), "--out", str(folder / "o.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 1 and done.stderr.count("error:") == 1 and str(folder) in done.stderr
    assert "Traceback" not in done.stderr and list(folder.iterdir()) == []


def test_wrong_usage(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    assert "memory" in rotools("dedup", corpus, "--out", out, "--max-ram", "1M", code=2).stderr
    assert "512M" in rotools("dedup", corpus, "--out", out, "--max-ram", "much", code=2).stderr
    many = rotools("dedup", corpus, "--out", out, "--max-ram", "300M", "--threads", "64", code=2).stderr
    assert "for 64 threads" in many and "fewer --threads" in many
    rotools("dedup", corpus, "--out", out, "--profile", "verse", code=2)
    assert str(tmp_path) in rotools("dedup", corpus, "--out", tmp_path / "no" / "o", code=1).stderr
    assert str(tmp_path) in rotools("dedup", corpus, "--out", tmp_path, code=1).stderr


def test_a_source_of_copies_stops_the_run_until_it_is_accepted(tmp_path: Path) -> None:
    frame = texts(1, 4)[0] * 3
    path = jsonl(tmp_path / "pages.jsonl", [f"{frame} pagina {n}" for n in range(150)])
    stopped = rotools("dedup", path, "--out", tmp_path / "o.jsonl", code=1).stderr
    assert "99 %" in stopped and str(path) in stopped and "--accept-loss" in stopped
    assert not (tmp_path / "o.jsonl").exists()
    rotools("dedup", path, "--out", tmp_path / "o.jsonl", "--accept-loss")
    assert len(records(tmp_path / "o.jsonl")) == 1
    # A text three times over is no prose to the filter.
    words = ["pack", path, "--out", tmp_path / "p", "--vocab-size", 400, "--no-filter"]
    stopped = rotools(*words, code=1).stderr
    assert "--accept-loss" in stopped and not (tmp_path / "p").exists()


def docs_of(pack: Path, stem: str) -> set[str]:
    """Ids in the token files of a phase and split."""
    return {
        row["id"] for path in pack.glob(f"{stem}-*.docs.parquet") for row in pq.read_table(path).to_pylist()
    }


def test_pack_removes_across_phases_but_web_never_removes_a_book(tmp_path: Path) -> None:
    rng = random.Random(9)
    base = [text for text in texts(400, 21) if len(text.split()) > 40]
    longer = [text + " și încă ceva la sfârșit" for text in base[:50]]
    web = jsonl(tmp_path / "web.jsonl", base[50:] + longer)
    books = tmp_path / "books.jsonl"
    books.write_text(
        "".join(
            json.dumps({"id": f"book{n}", "text": text}, ensure_ascii=False) + "\n"
            for n, text in enumerate([*base[:50], *(edited(t, rng) for t in base[:20])])
        ),
        encoding="utf-8",
    )
    out = tmp_path / "pack"
    phases = ["--phase", f"web={web}", "--phase", f"books={books}"]
    report = json.loads(
        rotools("pack", *phases, "--out", out, "--vocab-size", 500, "--no-filter", "--json").stdout
    )
    kept_books = docs_of(out, "train-books") | docs_of(out, "valid-books")
    ledger = pq.read_table(out / "ledger.parquet").to_pylist()
    gone = {row["document"]: row["partner"] for row in ledger}
    assert kept_books | {d for d in gone if d.startswith("book")} == {f"book{n}" for n in range(70)}
    assert all(partner.startswith("book") for d, partner in gone.items() if d.startswith("book"))
    # Every web page that is a book that stays and a few words more went, though it is longer. Where the book itself went
    # for its edited copy, the page may be too unlike that one.
    web_ids = [f"d{n}" for n in range(len(base) - 50, len(base))]
    assert {d for d in gone if not d.startswith("book")} <= set(web_ids)
    assert all(web_ids[n] in gone for n in range(50) if f"book{n}" in kept_books)
    assert report["dedup"]["near"] + report["dedup"]["exact"] == len(gone)
    answer = rotools("why", web_ids[0], "--pack", out).stdout
    assert gone[web_ids[0]] in answer and "3-grams" in answer
    assert contents(out).keys() >= {"ledger.parquet"}


def test_what_is_like_a_held_out_document_is_not_trained_on(tmp_path: Path) -> None:
    rng = random.Random(13)
    base = [text for text in texts(300, 31) if len(text.split()) > 60]
    path = jsonl(tmp_path / "web.jsonl", base + [edited(text, rng) for text in base])
    out = tmp_path / "pack"
    rotools(
        "pack", path, "--out", out, "--vocab-size", 500, "--valid-share", 0.3, "--accept-loss", "--no-filter"
    )
    before = records(path)
    valid, train = docs_of(out, "valid-web"), docs_of(out, "train-web")
    assert len(valid) > 30 and len(train) > 60
    held = [grams(before[d]) for d in valid]
    for document in train:
        mine = grams(before[document])
        assert all(len(mine & other) / len(mine | other) < 0.97 for other in held)


def test_lines_of_many_documents_are_cut_from_web_text_only(tmp_path: Path) -> None:
    notice, talk = "Acest site folosește module cookie.", "– Nu știu, domnule, răspunse el încet."
    pages = [f"{text}\n{talk}\n{notice}" for text in texts(60, 41)]
    path = jsonl(tmp_path / "web.jsonl", [*pages, notice])
    out = tmp_path / "o.jsonl"
    words = ["dedup", path, "--out", out, "--repeated-lines"]
    outcome = json.loads(rotools(*words, 20, "--json").stdout)
    kept = records(out)
    assert all(text.endswith(talk) and notice not in text for text in kept.values())
    # The one that is nothing but the notice is left out.
    assert outcome["read"]["rejected"]["empty"] == 1 and "d60" not in kept
    assert outcome["read"]["cut"]["lines"] >= len(kept) and outcome["dedup"]["repeated_lines"] == 1
    answer = rotools("why", "d3", "--ledger", outcome["ledger"]).stdout
    assert "1 lines" in answer and "more than 20 documents" in answer
    rotools(*words, 61)
    assert notice in records(out)["d3"]
    rotools(*words, 20, "--profile", "books")
    assert notice in records(out)["d3"]
    pack = ["pack", "--phase", f"web={path}", "--vocab-size", 500, "--no-filter", "--out", tmp_path / "p"]
    report = json.loads(rotools(*pack, "--repeated-lines", 20, "--json").stdout)
    assert report["phases"][0]["read"]["cut"]["lines"] >= 50
    assert "--dedup" in rotools(*pack, "--repeated-lines", 20, "--no-dedup", code=2).stderr


def test_documents_that_share_words_with_an_evaluation_are_removed(tmp_path: Path) -> None:
    documents = texts(80, 51)
    passage = " ".join(f"cuvântul{n}" for n in range(13))
    documents[7] += f" {passage.upper().replace('Â', 'A')}!"
    documents[9] += " " + passage.rsplit(" ", 1)[0]
    path = jsonl(tmp_path / "web.jsonl", documents)
    exam = tmp_path / "exam.jsonl"
    half = len(passage) // 2
    split = passage.index(" ", half)
    items = {"context": {"intrebare": passage[:split]}, "variante": [passage[split + 1 :]], "n": 3}
    exam.write_text(json.dumps(items, ensure_ascii=False) + "\n", encoding="utf-8")
    out = tmp_path / "o.jsonl"
    command = ["dedup", path, "--out", out, "--decontaminate"]
    outcome = json.loads(rotools(*command, exam, "--json").stdout)
    assert outcome["read"]["rejected"]["contaminated"] == 1 == outcome["dedup"]["contaminated"]
    assert records(path).keys() - records(out).keys() == {"d7"}
    assert "evaluation" in rotools("why", "d7", "--ledger", outcome["ledger"]).stdout
    short = tmp_path / "short.txt"
    short.write_text("prea scurt", encoding="utf-8")
    assert "13 words" in rotools(*command, short, code=1).stderr


def test_the_memory_limit_is_kept(tmp_path: Path) -> None:
    """A million short documents: 240 MB of bands and keys, sorted with a fraction of that."""
    rng = random.Random(61)
    words = [f"{a}{b}{c}" for a in "bcdf" for b in ("a", "ă", "e", "în") for c in ("nu", "ți", "șor", "re")]
    path = tmp_path / "many.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(1000):
            lines = (" ".join(rng.choices(words, k=9)) for _ in range(1000))
            file.writelines(f'{{"text": "{line}"}}\n' for line in lines)
    # Through a small process of its own: a child's peak begins with the memory of what it was forked from.
    watch = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    )
    command = [
        sys.executable,
        "-c",
        watch,
        sys.executable,
        "-m",
        "rotools",
        "dedup",
        str(path),
        "--json",
        "--quiet",
    ]
    for threads in ("2", "8"):  # each holds chunks of its own
        limits = ["--out", str(tmp_path / f"{threads}.jsonl"), "--max-ram", "320M", "--threads", threads]
        done = subprocess.run([*command, *limits], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["dedup"]["documents"] == 1_000_000
        assert int(done.stderr) * 1024 < 320 << 20


PIECES = [
    "Muzeul orașului a deschis o sală nouă, în care sînt arătate uneltele găsite lîngă rîu.",
    "Vizitatorii pot vedea căni de lut, fusuri, o rîșniță și mai multe monede rupte în două.",
    "Directorul spune că lucrurile cele mai vechi au fost scoase din pămînt de un elev.",
    "Intrarea costă zece lei, iar duminica nu se plătește nimic pînă la ora prînzului.",
    "O parte din obiecte va pleca în toamnă la o expoziție din capitală, apoi se întoarce.",
    "Cei care vor să ajute pot aduce fotografii vechi, pe care muzeul le copiază pe loc.",
    "Paznicul, un om tăcut, povestește cu plăcere despre vremea cînd sala era grajd.",
    "Lîngă ușă stă o carte groasă în care fiecare își poate scrie numele și părerea.",
    "Copiii primesc la plecare o fișă cu întrebări și un creion făcut din lemn de tei.",
    "Primăria a plătit vitrinele, iar restul banilor a venit din donațiile localnicilor.",
]


def modern(text: str) -> str:
    """The spelling of 1993."""
    return re.sub(r"(?<=\w)î(?=\w)", "â", text.replace("sînt", "sunt"))


def kept_of(documents: list[str], tmp_path: Path, *options: object) -> list[str]:
    source = jsonl(tmp_path / "in.jsonl", documents)
    rotools("dedup", source, "--out", tmp_path / "out.jsonl", "--accept-loss", "--quiet", *options)
    return list(records(tmp_path / "out.jsonl"))


@pytest.mark.parametrize(
    "other",
    [
        modern,
        lambda text: re.sub(r"(\w{4})(\w{4})", "\\1\u00ad\\2", text),
        lambda text: text.replace("ă", "&#259;").replace("î", "&icirc;"),
        lambda text: text.replace("ș", "ş"),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: "".join(
            c for c in unicodedata.normalize("NFD", modern(text)) if not unicodedata.combining(c)
        ),
    ],
    ids=["spelling", "soft hyphens", "entities", "cedillas", "blanks", "no diacritics"],
)
def test_what_the_normalizer_repairs_makes_no_other_text(other: object, tmp_path: Path) -> None:
    text = " ".join(PIECES)
    assert callable(other) and other(text) != text
    assert len(kept_of([text, other(text)], tmp_path)) == 1
    report = rotools("why", "d0", "--ledger", tmp_path / "out.jsonl.ledger.parquet", code=0).stdout
    report += rotools("why", "d1", "--ledger", tmp_path / "out.jsonl.ledger.parquet", code=0).stdout
    assert "same text" in report


@pytest.mark.parametrize(
    "dirty",
    [
        lambda text: (
            text.replace("muzeul", "rnuzeul").replace("carte", "car¬te").replace("vechi", "v3chi") + " !!!"
        ),
        lambda text: f"<div><p>{text}</p></div>",
        lambda text: text.replace("Directorul", "**Directorul**").replace("Copiii", "__Copiii__"),
        lambda text: text.replace("ă", "a").replace("ș", "s") + " Sfarsit de articol.",
    ],
    ids=["misread", "tags", "stars", "no diacritics"],
)
def test_the_cleaner_copy_stays(dirty: object, tmp_path: Path) -> None:
    text = modern(" ".join(PIECES))
    assert callable(dirty)
    assert kept_of([dirty(text), text], tmp_path) == ["d1"]
    assert kept_of([text, dirty(text)], tmp_path) == ["d0"]


def test_a_part_of_a_text_is_not_better_than_the_whole(tmp_path: Path) -> None:
    whole, part = modern(" ".join(PIECES)), modern(" ".join(PIECES[:9]))
    assert kept_of([part, f"<p>{whole}</p>"], tmp_path) == ["d1"]


def test_an_article_in_another_frame_is_a_copy_and_an_answer_to_it_is_not(tmp_path: Path) -> None:
    article = modern("\n".join([" ".join(PIECES[:5]), " ".join(PIECES[5:])]))
    frame = (
        "Acasă Știri Sport Cultură Vremea Contact {0} Urmărește-ne pe rețele Abonează-te la buletinul de {0}"
    )
    pages = [
        f"{frame.format('luni')}\n{article}\nCitește și despre podul nou",
        f"Gazeta de vale, ediția de joi\n{article}\n"
        f"{frame.format('joi')} Toate drepturile rezervate redacției noastre din oraș",
    ]
    assert len(kept_of(pages, tmp_path)) == 1
    row = rotools("why", "d1", "--ledger", tmp_path / "out.jsonl.ledger.parquet").stdout
    row += rotools("why", "d0", "--ledger", tmp_path / "out.jsonl.ledger.parquet").stdout
    assert "in passages of 20 words" in row
    answer = f"{' '.join(PIECES[:5])}\n" + " ".join(
        f"Eu cred altceva despre punctul {n}, și o spun aici." for n in range(9)
    )
    assert kept_of([article, modern(answer)], tmp_path) == ["d0", "d1"]


def test_a_reference_is_only_read(corpus: Path, tmp_path: Path) -> None:
    known = texts(30, 5)
    reference = jsonl(tmp_path / "known.jsonl", [*known, known[3], known[4] + " încă o vorbă"])
    before = reference.read_bytes()
    fresh = texts(20, 6)
    new = jsonl(
        tmp_path / "new.jsonl", [*fresh[:10], known[7], *fresh[10:], known[9] + " și un sfârșit", fresh[2]]
    )
    found = []
    for threads in (1, 3):
        out = tmp_path / f"{threads}.jsonl"
        done = rotools(
            "dedup", new, "--out", out, "--against", reference, "--threads", threads, "--json", "--quiet"
        )
        counts = json.loads(done.stdout)["dedup"]
        assert (counts["documents"], counts["exact"], counts["near"]) == (23, 2, 1)
        found.append((out.read_bytes(), rotools("why", "d10", "--ledger", f"{out}.ledger.parquet").stdout))
        assert list(records(out).values()) == fresh
    assert found[0] == found[1] and "d7" in found[0][1]
    assert reference.read_bytes() == before
    # All of it is known: nothing is left, and that is no error of a source that loses too much.
    assert kept_of(known[:5], tmp_path, "--against", reference) == []
    rotools("dedup", new, "--out", tmp_path / "e.jsonl", "--against", reference, "--preset", "exact", code=2)
