"""Each kind of file is read, or told in one sentence: compressions, JSON, charsets, tables, archives, folders."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import struct
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from rotools_program import jsonl, rotools

TEXTS = [
    f"{number}. Ploaia a stat spre seară, iar copiii au ieșit în grădină să strângă merele căzute sub pomi."
    for number in range(12)
]
PLAIN = "".join(
    json.dumps({"id": f"d{i}", "text": t}, ensure_ascii=False) + "\n" for i, t in enumerate(TEXTS)
).encode()


def read(path: object, *options: object, given: bytes | None = None, out: Path) -> tuple[dict, list[dict]]:
    """The counts of `normalize`, and the records it wrote. The account is always whole."""
    done = rotools("normalize", path, "--out", out, "--json", *options, given=given)
    counts = json.loads(done.stdout)
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert counts["records"] == counts["documents"] + sum(counts["rejected"].values())
    assert counts["documents"] == len(records)
    rejects = Path(f"{out}.rejects.jsonl")
    kept = rejects.read_text(encoding="utf-8").splitlines() if rejects.exists() else []
    assert len(kept) == sum(counts["rejected"].values())
    return counts, records


def refused(*arguments: object) -> str:
    message = rotools(*arguments, code=1).stderr
    assert message.startswith("error:") and "\nhint:" in message and message.count("\n") == 2, message
    return message


def zstd(plain: bytes) -> bytes:
    return pa.Codec("zstd").compress(plain, asbytes=True)


def lz4(plain: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(plain)
    return bytes(sink.getvalue())


SKIPPABLE = struct.pack("<II", 0x184D2A50, 5) + b"hello"
HALF = PLAIN.index(b"\n", len(PLAIN) // 2) + 1
COMPRESSED = {
    "gzip of two members": gzip.compress(PLAIN[:HALF]) + gzip.compress(PLAIN[HALF:]),
    "gzip with zeros behind it": gzip.compress(PLAIN) + bytes(1000),
    "zstd of two frames": zstd(PLAIN[:HALF]) + zstd(PLAIN[HALF:]),
    "zstd behind a skippable frame": SKIPPABLE + zstd(PLAIN),
    "zstd with skippable frames everywhere": SKIPPABLE
    + zstd(PLAIN[:HALF])
    + SKIPPABLE
    + zstd(PLAIN[HALF:])
    + SKIPPABLE,
    "xz of two streams": lzma.compress(PLAIN[:HALF]) + lzma.compress(PLAIN[HALF:]),
    "bzip2 of two streams": bz2.compress(PLAIN[:HALF]) + bz2.compress(PLAIN[HALF:]),
    "lz4": lz4(PLAIN),
    "lz4 of two frames": lz4(PLAIN[:HALF]) + SKIPPABLE + lz4(PLAIN[HALF:]),
    "lz4 behind a skippable frame": SKIPPABLE + lz4(PLAIN),
    "gzip of gzip": gzip.compress(gzip.compress(PLAIN)),
    "zstd of xz": zstd(lzma.compress(PLAIN)),
    "not compressed": PLAIN,
}


@pytest.mark.parametrize("kind", COMPRESSED)
def test_the_first_bytes_say_the_compression(kind: str, tmp_path: Path) -> None:
    for name in ("web.jsonl", "web.jsonl.gz", "web.jsonl.zst"):
        path = tmp_path / name
        path.write_bytes(COMPRESSED[kind])
        counts, records = read(path, out=tmp_path / "out.jsonl")
        assert [record["text"] for record in records] == TEXTS and not counts["rejected"]
    _, records = read("-", given=COMPRESSED[kind], out=tmp_path / "out.jsonl")
    assert [record["text"] for record in records] == TEXTS


@pytest.mark.parametrize(
    "kind", ["gzip of two members", "xz of two streams", "lz4", "zstd of two frames", "bzip2 of two streams"]
)
def test_damage_costs_one_file(kind: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    plain = "".join(
        json.dumps({"text": f"{number} " + "".join(chr(rng.randrange(97, 123)) for _ in range(200))}) + "\n"
        for number in range(20_000)
    ).encode()
    pack = {"gzip": gzip.compress, "xz": lzma.compress, "lz4": lz4, "zstd": zstd, "bzip2": bz2.compress}[
        kind.split()[0]
    ]
    packed = pack(plain)
    good, cut = jsonl(tmp_path / "a.jsonl", TEXTS), tmp_path / "b.jsonl"
    cut.write_bytes(packed[: len(packed) * 2 // 3])
    last = jsonl(tmp_path / "c.jsonl", TEXTS)
    out = tmp_path / "out.jsonl"
    done = rotools("normalize", good, cut, last, "--out", out, "--json")
    counts = json.loads(done.stdout)
    assert counts["rejected"]["damaged"] == 1 and str(cut) in counts["damaged"][0]["what"]
    assert 24 <= counts["documents"] < 20_024
    if kind != "zstd of two frames":  # one block of pyarrow may be the whole frame
        assert counts["documents"] > 1000, "what is before the damage stays"
    assert "warning" in rotools("normalize", good, cut, last, "--out", out, "--quiet").stderr
    again = out.read_bytes()
    rotools("normalize", good, cut, last, "--out", out, "--threads", 1)
    assert out.read_bytes() == again
    assert "byte" in refused("normalize", good, cut, last, "--out", tmp_path / "no.jsonl", "--strict")
    assert not (tmp_path / "no.jsonl").exists()


def test_only_damage_is_an_error(tmp_path: Path) -> None:
    kinds = {
        "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n": "Git LFS pointer",
        "<!DOCTYPE html>\n<html><body>404</body></html>\n": "HTML",
        '{\n  "version": "1.0",\n  "truncation": null,\n  "model": {}\n}\n': "tokenizer",
        "%PDF-1.7 x": "PDF",
        "Rar!\x1a\x07": "RAR",
        "PARE" + "x" * 40: "encrypted",
        "PAR1" + "x" * 40: "Parquet file is damaged",
        "ARROW1\0\0" + "x" * 40: "Arrow file is damaged",
    }
    good = jsonl(tmp_path / "good.jsonl", TEXTS)
    for content, word in kinds.items():
        path = tmp_path / "bad.jsonl"
        path.write_text(content, encoding="latin-1")
        for verb in ("normalize", "filter", "pack"):
            assert word in refused(verb, path, "--out", tmp_path / "x.out")
        counts, _ = read(path, good, out=tmp_path / "out.jsonl")
        assert counts["rejected"] == {"damaged": 1} and counts["documents"] == len(TEXTS)
    gz = tmp_path / "tail.jsonl.gz"
    gz.write_bytes(gzip.compress(PLAIN) + b"other bytes")
    counts, records = read(gz, out=tmp_path / "out.jsonl")
    assert len(records) == len(TEXTS) and "follow" in counts["damaged"][0]["what"]


def test_a_damaged_file_in_a_pack_resumes_and_repeats(tmp_path: Path) -> None:
    good = jsonl(tmp_path / "good.jsonl", [t + f" {n}" for t in TEXTS for n in range(20)])
    bad = tmp_path / "bad.jsonl.gz"
    bad.write_bytes(gzip.compress(PLAIN * 50)[:-200])
    for shard in ("1/2", "2/2"):
        rotools(
            "pack",
            good,
            bad,
            "--no-filter",
            "--accept-loss",
            "--vocab-size",
            300,
            "--shard",
            shard,
            "--out",
            tmp_path / "a",
        )
    rotools("pack", good, bad, "--no-filter", "--accept-loss", "--vocab-size", 300, "--out", tmp_path / "a")
    rotools(
        "pack",
        good,
        bad,
        "--no-filter",
        "--accept-loss",
        "--vocab-size",
        300,
        "--threads",
        1,
        "--out",
        tmp_path / "b",
    )
    for file in ("manifest.json", "train-web-00000.bin", "rejects.jsonl.zst"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


JSONS = {
    "NaN": ('{"text": "un text", "p": NaN, "q": [-Infinity, Infinity]}', 1, {"not-a-number": 1}),
    "half a pair in the text": ('{"text": "un \\ud83d text"}', 1, {"lone-surrogate": 1}),
    "half a pair elsewhere": ('{"text": "un text", "a": {"b": "\\udc00"}}', 1, {"lone-surrogate": 1}),
    "a mark inside": ('{"text": "unu"}\n\ufeff{"text": "doi"}\n\ufeff\ufeff{"text": "trei"}', 3, {}),
    "several on a line": ('{"text": "unu"}{"text": "doi"} {"text": "trei"}\n{"text": "patru"}', 4, {}),
    "an array": ('[{"text": "unu"}, {"text": "doi"},\n{"text": "tr]ei"}]', 3, {}),
    "arrays": ('[{"text": "unu"}]\n[{"text": "doi"}]\n', 2, {}),
    "record separators": ('\x1e{"text": "unu"}\n\x1e{"text": "doi"}\n', 2, {}),
    "an array without its brackets": ('{"text": "unu"},\n{"text": "doi"}, {"text": "trei"},\n', 3, {}),
    "pretty": (
        json.dumps({"text": "unu", "x": [1, {"y": "}"}]}, indent=2)
        + "\n"
        + json.dumps({"text": "doi"}, indent=4),
        2,
        {},
    ),
    "a pretty array": (
        json.dumps([{"text": t} for t in TEXTS], indent=1, ensure_ascii=False),
        len(TEXTS),
        {},
    ),
    "deep": ('{"text": "unu", "x": ' + "[" * 60_000 + "]" * 60_000 + "}", 1, {}),
    "deep objects": ('{"x": ' + '{"a":' * 60_000 + "1" + "}" * 60_000 + ', "text": "unu"}', 1, {}),
}


@pytest.mark.parametrize("kind", JSONS)
def test_json_in_any_shape(kind: str, tmp_path: Path) -> None:
    content, documents, notes = JSONS[kind]
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be"):
        path = tmp_path / "web.json"
        path.write_bytes(content.encode(encoding))
        done = rotools("normalize", path, "--out", tmp_path / "out.jsonl", "--json")
        counts = json.loads(done.stdout)
        assert counts["documents"] == documents and not counts["rejected"], (kind, encoding)
        assert counts["read"] == notes
        written = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
        assert "NaN" not in written and "Infinity" not in written and "\\ud83d" not in written
        if "deep" not in kind:  # Python's own parser is recursive
            assert all(json.loads(line)["text"] for line in written.splitlines())


def test_a_field_inside_an_object_is_named_with_a_dot(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_text(
        '{"translation": {"en": "one", "ro": "unu și atât"}, "meta": {"id": "a"}}\n'
        '{"translation": {"x": {"ro": "nu"}, "ro": "doi și atât"}, "meta": {"id": "b"}}\n'
        '{"translation": "trei"}\n{"translation.ro": "patru și atât", "meta": {"id": "d"}}\n',
        encoding="utf-8",
    )
    command = ("normalize", path, "--text-field", "translation.ro", "--id-field", "meta.id", "--json")
    counts = json.loads(rotools(*command, "--out", tmp_path / "out.jsonl").stdout)
    assert counts["documents"] == 3 and counts["rejected"] == {"missing-field": 1}
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record.get("translation", {}).get("ro") for record in records[:2]] == [
        "unu și atât",
        "doi și atât",
    ]


def test_a_spreadsheet_names_its_separator(tmp_path: Path) -> None:
    for name, head in (("a", "sep=;\r\n"), ("b", "\ufeffsep=;\n"), ("c", "")):
        path = tmp_path / f"{name}.csv"
        sign = ";" if head else "|"
        path.write_bytes(f"{head}id{sign}text\nx{sign}un text, cu virgulă\n".encode())
        counts = json.loads(rotools("normalize", path, "--out", tmp_path / "out.jsonl", "--json").stdout)
        assert counts["documents"] == 1, name
        record = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
        assert (record["id"], record["text"]) == ("x", "un text, cu virgulă")


def test_the_window_of_zstd_is_part_of_the_memory(tmp_path: Path) -> None:
    line = b'{"text": "Un text scurt, dar destul de bun."}\n'
    # A frame with a window of 2 GiB and one raw block, which is the last.
    frame = b"\x28\xb5\x2f\xfd\x00\xa8" + ((len(line) << 3) | 1).to_bytes(3, "little") + line
    path = tmp_path / "web.jsonl.zst"
    path.write_bytes(frame)
    for preset in ("default", "exact"):
        command = ("dedup", path, "--out", tmp_path / "out.jsonl", "--preset", preset)
        message = rotools(*command, "--max-ram", "1G", code=2).stderr
        assert "the window of a zstd file takes 2048 MB" in message and "--long=27" in message
        rotools(*command, "--max-ram", "4G")


def test_broken_json_is_rejected_wherever_it_is(tmp_path: Path) -> None:
    broken = [
        '{"text": "un text", "x": "\\u00g0"}',
        '{"text": "un text", "x": "\\q"}',
        '{"text": "un text", "x": ["a", "\\u12"]}',
        '{"text": "un text", "x": "a\tb"}',
        '{"text": "un text", "x": 01}',
        '{"text": "un text", "x": +1}',
        '{"text": "un text", "x": nan}',
        '{"text": "un text", "x": [1,]}',
        '{"text": "un text",}',
        '{"text": "un text", "x": ' + "[" * 60_000 + "]" * 59_999 + "}",
        '{"text": "un text"} rest',
        "[" * 60_000,
    ]
    path = tmp_path / "web.jsonl"
    good = '{"text": "un text bun"}'
    path.write_text("\n".join([good, *broken, good]), encoding="utf-8")
    counts, records = read(path, out=tmp_path / "out.jsonl")
    assert counts["rejected"] == {"broken-json": len(broken)} and len(records) == 2
    assert rotools("inspect", path).returncode == 0


def test_text_is_decoded_by_evidence(tmp_path: Path) -> None:
    text = "Învățătorul își amintește că în tinerețe părinții săi țineau la știință și la artă, iar bunica îi spunea povești."
    cedilla = text.replace("ș", "ş").replace("ț", "ţ")
    mac = {"ă": 0xBE, "ș": 0xBF, "ț": 0xDF, "â": 0x89, "î": 0x94, "Î": 0xEB}
    forms = {
        "cp1250": (cedilla.encode("cp1250"), "windows-1250"),
        "iso-8859-16": (text.encode("iso-8859-16"), None),
        "cp852": (cedilla.encode("cp852"), "cp852"),
        "mac": (bytes(mac.get(c, ord(c) & 0xFF) for c in text), "macromanian"),
        "utf-16 without a mark": (text.encode("utf-16-le"), "utf-16le"),
        "utf-16 big": (text.encode("utf-16-be"), "utf-16be"),
        "utf-32": (text.encode("utf-32"), "utf-32le"),
        "utf-8 with a mark": (text.encode("utf-8-sig"), "utf-8"),
    }
    for kind, (content, charset) in forms.items():
        path = tmp_path / "carte.txt"
        path.write_bytes(content)
        counts, records = read(path, out=tmp_path / "out.jsonl")
        assert records[0]["text"] == text, kind
        if charset == "utf-8":
            assert counts["read"] == {}
        elif charset:
            assert counts["read"] == {charset: 1}
    path.write_bytes(text.encode() + b" Afar\xe3 ningea \x96 mult. \xff" + "ă".encode()[:1])
    counts, records = read(path, out=tmp_path / "out.jsonl")
    assert records[0]["text"].startswith(text + " Afară ningea – mult.") and "\ufffd" in records[0]["text"]
    assert counts["read"] == {"bad-utf8": 1, "lost-bytes": 1}
    ledger = tmp_path / "f.jsonl"
    rotools("filter", path, "--out", ledger)
    rows = pq.read_table(f"{ledger}.ledger.parquet").to_pylist()
    assert {"bad-utf8", "lost-bytes"} <= {row["rule"] for row in rows if row["stage"] == "read"}


def test_books_and_corpora_have_one_decoder(tmp_path: Path) -> None:
    from rotools.books import formats

    text = "Bunicul își pregătea în fiecare dimineață căruța și pleca spre târg, cu sacii plini de făină."
    for encoding in ("cp852", "utf-16-le", "cp1250"):
        content = text.replace("ș", "ş").replace("ț", "ţ").encode(encoding)
        (tmp_path / "a.txt").write_bytes(content)
        _, records = read(tmp_path / "a.txt", out=tmp_path / "out.jsonl")
        assert (
            formats.read(tmp_path / "a.txt").text.replace("ş", "ș").replace("ţ", "ț")
            == records[0]["text"]
            == text
        )
    (tmp_path / "a.html").write_text(
        f'<html><head><meta charset="utf-16"></head><body><p>{text}</p></body></html>', encoding="utf-8"
    )
    assert formats.read(tmp_path / "a.html").text == text


def table(ids: pa.Array | None = None, texts: pa.Array | None = None) -> pa.Table:
    columns = {"text": pa.array(TEXTS) if texts is None else texts}
    return pa.table({"id": ids, **columns} if ids is not None else columns)


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_parquet_of_each_codec(codec: str, tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "a.parquet", compression=codec)
    _, records = read(tmp_path / "a.parquet", out=tmp_path / "out.jsonl")
    assert [record["text"] for record in records] == TEXTS
    for verb in ("normalize", "filter"):
        rotools(verb, "-", "--out", tmp_path / "out.jsonl", given=(tmp_path / "a.parquet").read_bytes())
    shown = json.loads(rotools("inspect", "-", "--json", given=(tmp_path / "a.parquet").read_bytes()).stdout)
    assert shown["read"]["documents"] == len(TEXTS)


TYPES = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


@pytest.mark.parametrize("form", ["parquet", "arrow file", "arrow stream"])
def test_ids_and_texts_of_every_type(form: str, tmp_path: Path) -> None:
    numbers = list(range(len(TEXTS)))
    words = [f"d{number}" for number in numbers]
    ids = {str(kind): (pa.array(numbers, kind), [str(n) for n in numbers]) for kind in TYPES}
    ids["float"] = pa.array([n + 0.5 for n in numbers], pa.float32()), [str(n + 0.5) for n in numbers]
    ids["double"] = pa.array([float(n) for n in numbers]), [str(float(n)) for n in numbers]
    ids["dictionary"] = pa.array(words).dictionary_encode(), words
    ids["fixed"] = (
        pa.array([w.ljust(4, "x").encode() for w in words], pa.binary(4)),
        [w.ljust(4, "x") for w in words],
    )
    ids["bytes"] = pa.array([bytes([1, n]) for n in numbers], pa.binary()), [f"01{n:02x}" for n in numbers]
    ids["large"] = pa.array(words, pa.large_string()), words
    ids["view"] = pa.array(words).cast(pa.string_view()), words
    texts = {
        "string": pa.array(TEXTS),
        "large": pa.array(TEXTS, pa.large_string()),
        "view": pa.array(TEXTS).cast(pa.string_view()),
        "binary view": pa.array([t.encode() for t in TEXTS]).cast(pa.binary_view()),
        "dictionary": pa.array(TEXTS).dictionary_encode(),
    }
    tables = [(table(column), expected) for column, expected in ids.values()]
    tables += [(table(pa.array(words), column), words) for column in texts.values()]
    for made, expected in tables:
        path = tmp_path / ("a.parquet" if form == "parquet" else "a.arrow")
        if form == "parquet":
            pq.write_table(made, path)
        else:
            writer = pa.ipc.new_file if form == "arrow file" else pa.ipc.new_stream
            with pa.OSFile(str(path), "wb") as sink, writer(sink, made.schema) as out:
                out.write_table(made, max_chunksize=5)
        _, records = read(path, out=tmp_path / "out.jsonl")
        assert [record["text"] for record in records] == TEXTS, made.schema
        assert [record["id"] for record in records] == expected, made.schema


def test_dotted_columns(tmp_path: Path) -> None:
    nested = pa.array([{"en": "x", "ro": t} for t in TEXTS[:-1]] + [None])
    pq.write_table(
        pa.table({"translation": nested, "meta.id": pa.array(range(len(TEXTS)))}), tmp_path / "a.parquet"
    )
    options = ("--text-field", "translation.ro", "--id-field", "meta.id")
    counts, records = read(tmp_path / "a.parquet", *options, out=tmp_path / "out.jsonl")
    assert [r["text"] for r in records] == TEXTS[:-1] and [r["id"] for r in records] == [
        str(n) for n in range(len(TEXTS) - 1)
    ]
    assert counts["rejected"] == {"wrong-type": 1}
    message = refused(
        "normalize", tmp_path / "a.parquet", "--text-field", "translation.de", "--out", tmp_path / "o.jsonl"
    )
    assert "translation.ro" in message and "meta.id" in message
    assert "not text" in refused(
        "normalize", tmp_path / "a.parquet", "--text-field", "translation", "--out", tmp_path / "o.jsonl"
    )


def test_one_bad_string_costs_one_record(tmp_path: Path) -> None:
    content = [t.encode() for t in TEXTS]
    content[3] = b"Un \xff text"
    bad = pa.Array.from_buffers(pa.string(), len(content), pa.array(content).buffers())
    pq.write_table(table(texts=bad), tmp_path / "a.parquet")
    counts, records = read(tmp_path / "a.parquet", out=tmp_path / "out.jsonl")
    assert counts["rejected"] == {"invalid-utf8": 1} and len(records) == len(TEXTS) - 1


def test_tables_as_text(tmp_path: Path) -> None:
    rows = [("d0", 'Unu, „doi” și "trei".'), ("d1", "Două\nrânduri; aici."), ("d2", "Simplu\tca bună ziua")]
    for ending, delimiter in (("csv", ","), ("csv", ";"), ("tsv", "\t"), ("csv.gz", ",")):
        lines = [f'"id"{delimiter}"text"'] + [
            f'{i}{delimiter}"{t.replace(chr(34), chr(34) * 2)}"' for i, t in rows
        ]
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            content = "\r\n".join(lines).encode(encoding)
            path = tmp_path / f"a.{ending}"
            path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
            _, records = read(path, out=tmp_path / "out.jsonl")
            assert [record["id"] for record in records] == ["d0", "d1", "d2"]
            assert "Două\nrânduri" in records[1]["text"]
    path = tmp_path / "short.csv"
    path.write_text("id,text\n1,bun\n2\n3,\n", encoding="utf-8")
    counts, _ = read(path, out=tmp_path / "out.jsonl")
    assert counts["rejected"] == {"missing-field": 1, "empty": 1}
    assert "there are: id, text" in refused(
        "normalize", path, "--text-field", "body", "--out", tmp_path / "o.jsonl"
    )


def test_a_zip_archive_is_its_files(tmp_path: Path) -> None:
    path = tmp_path / "crawl.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/web.jsonl", PLAIN)
        archive.writestr("b/web.jsonl.gz", gzip.compress(PLAIN), zipfile.ZIP_STORED)
        archive.writestr("c.txt", "Un singur text.", zipfile.ZIP_BZIP2)
        archive.writestr("c.parquet", parquet_bytes())
        archive.writestr("README.md", "nimic")
        archive.writestr("__MACOSX/a/._web.jsonl", "x")
    counts, records = read(path, out=tmp_path / "out.jsonl")
    assert len(records) == 3 * len(TEXTS) + 1 and not counts["rejected"]
    assert [file["source"] for file in counts["unread"]] == [f"{path}/README.md"]
    broken = bytearray(path.read_bytes())
    broken[80:90] = bytes(10)
    path.write_bytes(broken)
    counts, _ = read(path, out=tmp_path / "out.jsonl")
    assert counts["rejected"]["damaged"] == 1 and counts["documents"] >= 2 * len(TEXTS)


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    pq.write_table(table(), sink)
    return sink.getvalue()


def test_a_folder_is_read_or_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "a.parquet").write_bytes(parquet_bytes())
    (folder / "b.jsonl.xz").write_bytes(lzma.compress(PLAIN))
    (folder / "c.jsonl.bz2").write_bytes(bz2.compress(PLAIN))
    (folder / "d.json.zstd").write_bytes(zstd(PLAIN))
    (folder / "part-00000").write_bytes(PLAIN)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table().schema) as out,
    ):
        out.write_table(table())
    for name in ("dataset_infos.json", "state.json", "dataset_info.json"):
        (folder / name).write_text(json.dumps({"a": 1}, indent=2), encoding="utf-8")
    (folder / "README.md").write_text("# x", encoding="utf-8")
    (folder / "nota.ipynb").write_text("{}", encoding="utf-8")
    (folder / ".hidden.jsonl").write_bytes(PLAIN)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "again.jsonl").symlink_to(folder / "part-00000")
    (folder / "gone.jsonl").symlink_to(folder / "nothing")
    counts, records = read(folder, out=tmp_path / "out.jsonl")
    assert len(records) == 6 * len(TEXTS) and not counts["rejected"]
    named = {Path(file["source"]).name for file in counts["unread"]}
    assert named == {
        "README.md",
        "nota.ipynb",
        "gone.jsonl",
        "part-00000",
        "dataset_infos.json",
        "state.json",
        "dataset_info.json",
    }
    assert "README.md" in rotools("normalize", folder, "--out", tmp_path / "out.jsonl").stderr
    assert rotools("normalize", folder, "--out", tmp_path / "out.jsonl", "--strict").returncode == 0


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.path.join(os.fsencode(folder), b"c\xe3rt\xfbi.jsonl")
    with open(name, "wb") as file:
        file.write(b'{"text": "Un text bun."}\n{"text": 3}\n')
    counts, records = read(folder, out=tmp_path / "out.jsonl")
    assert len(records) == 1 and counts["rejected"] == {"wrong-type": 1}
    from rotools import normalize_files

    result = normalize_files(os.fsdecode(name), tmp_path / "out.jsonl")
    assert result.read.documents == 1
    line = json.loads((tmp_path / "out.jsonl.rejects.jsonl").read_text(encoding="utf-8"))
    assert line["source"].endswith("c\\xe3rt\\xfbi.jsonl")


def test_documents_of_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "ro.txt"
    path.write_text("Primul rând.\nAl doilea.\n\n\n  \nAlt document.\n\nUltimul", encoding="utf-8")
    _, records = read(path, "--split", "blank-line", out=tmp_path / "out.jsonl")
    assert [record["text"] for record in records] == ["Primul rând.\nAl doilea.", "Alt document.", "Ultimul"]
    assert [record["id"].rsplit(":", 1)[1] for record in records] == ["1", "6", "8"]
    _, records = read(path, "--split", "line", out=tmp_path / "out.jsonl")
    assert len(records) == 4
    shown = json.loads(rotools("inspect", path, "--split", "line", "--json").stdout)
    assert shown["read"]["documents"] == 4


PAGE = (
    "<html><head><title>Podul</title></head><body><nav><a href='/'>Acasă</a> <a href='/s'>Sport</a></nav><article><h1>Podul</h1>"
    + "<p>Podul cel vechi de peste râu va fi reparat până în toamnă, a spus primarul, iar circulația va fi oprită doar noaptea.</p>"
    * 6
    + "</article><footer>Toate drepturile rezervate</footer></body></html>"
)


def warc(kind: str, url: str, content_type: str, body: bytes) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{len(url)}>\r\nWARC-Target-URI: {url}\r\n"
    head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + b"\r\n\r\n"


def response(url: str, page: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", *(headers or ("Content-Type: text/html",))]) + "\r\n\r\n"
    return warc("response", url, "application/http; msgtype=response", head.encode() + page)


def test_web_archives(tmp_path: Path) -> None:
    old = PAGE.replace("ș", "ş").replace("ț", "ţ").encode("cp1250")
    packed = gzip.compress(PAGE.encode())
    chunked = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (packed[:100], packed[100:])) + b"0\r\n\r\n"
    )
    records = [
        warc("warcinfo", "", "application/warc-fields", b"software: test"),
        warc("request", "http://a/1", "application/http; msgtype=request", b"GET / HTTP/1.1\r\n\r\n"),
        response("http://a/12", PAGE.encode()),
        response("http://a/123", old, "Content-Type: text/html; charset=iso-8859-1"),
        response(
            "http://a/1234",
            chunked,
            "Content-Type: text/html",
            "Content-Encoding: gzip",
            "Transfer-Encoding: chunked",
        ),
        response("http://a/12345", b"\x89PNG", "Content-Type: image/png"),
        response("http://a/123456", b"", status="404 Not Found"),
        warc("conversion", "http://a/1234567", "text/plain", "Un text din pagină.".encode()),
    ]
    for name, content in (
        ("a.warc", b"".join(records)),
        ("a.warc.gz", b"".join(gzip.compress(record) for record in records)),
        ("a.warc.zst", b"".join(zstd(record) for record in records)),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        counts, found = read(path, out=tmp_path / "out.jsonl")
        assert counts["rejected"] == {"wrong-type": 2} and len(found) == 4
        assert [r["url"] for r in found] == [
            "http://a/12",
            "http://a/123",
            "http://a/1234",
            "http://a/1234567",
        ]
        for record in found[:3]:
            assert record["text"].count("va fi reparat până în toamnă") == 6
            assert "Sport" not in record["text"] and "drepturile" not in record["text"]
        assert found[3]["text"] == "Un text din pagină."
    path.write_bytes(b"".join(records)[:-60])
    counts, found = read(path, out=tmp_path / "out.jsonl")
    assert counts["rejected"]["damaged"] == 1 and len(found) == 3


@pytest.mark.parametrize("name", ["part-00000", "part-00000.zst", "part-00000.gz"])
def test_a_name_without_a_format_is_read_by_its_content(name: str, tmp_path: Path) -> None:
    lines = "".join(
        json.dumps({"text": f"Un text cu numărul {n}."}, ensure_ascii=False) + "\n" for n in range(9)
    )
    kind = {".zst": "zstd", ".gz": "gzip"}.get(Path(name).suffix)
    path = tmp_path / name
    if kind is None:
        path.write_text(lines, encoding="utf-8")
    else:
        with pa.CompressedOutputStream(str(path), kind) as stream:
            stream.write(lines.encode())
    out = tmp_path / "out.jsonl"
    rotools("normalize", path, "--out", out)
    assert len(out.read_text(encoding="utf-8").splitlines()) == 9
