"""Write the output of a run: the books that are kept, and the ledger of all files of the shelf."""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from rotools import _rotext
from rotools.books import decisions, formats
from rotools.books.shelf import Other
from rotools.errors import InputError, Place, ResourceError, system_hint
from rotools.files import refused, shown

__all__ = ["SHELF", "Lock", "assemble", "read_shelf", "replay", "work_folder"]

SHELF = 3
"""Version of the list of books in the work folder."""

Result = dict[str, Any]
Row = tuple[str, str, str, str, float | None, float | None, float | None]
"""A row of the ledger: document, source, action, rule, value, threshold, score."""


def work_folder(out: Path) -> Path:
    """Return the folder with the results of single books."""
    return out.with_name(out.name + ".work")


def read_shelf(out: Path) -> tuple[list[Result], list[Other]]:
    """Return the books of the last run, and the files that it did not try.

    Raises:
        InputError: There is no such run, or its list is damaged or of another version.
    """
    path = work_folder(out) / "shelf.json"
    again = f"rotools books FOLDER --out {out}"
    if not path.exists():
        raise InputError(f"there is no {path.parent.name} beside the file", Place(str(out)), again)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        seal = value.pop("seal")
        if value["version"] != SHELF or seal != sealed(value):
            raise ValueError(f"version {value['version']}")
        return value["books"], [Other(**{**other, "path": Path(other["path"])}) for other in value["others"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError(
            "the list of books is damaged or of another version", Place(str(path)), again
        ) from None


NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system without locks answers."""

LOCK_HINT = "locks keep two runs apart: write to another file system, or set ROTEXT_NO_LOCKS=1 if no other run writes there"


def sealed(fields: Result) -> str:
    """Return the hash of a record that is written with it: a disk that changes a digit is noticed."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def text_hash(text: Path) -> str:
    """Return the SHA-256 of the text of a book."""
    with refused(text, "read"):
        return hashlib.sha256(text.read_bytes()).hexdigest()


class Lock:
    """A lock: one run at a time in a work folder. The system releases it when the process ends."""

    def __init__(self, work: Path) -> None:
        self.path = work / "lock"

    def __enter__(self) -> None:
        import fcntl

        with refused(self.path, "written"):
            self.file = self.path.open("w")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResourceError(
                "another run is writing to this folder",
                Place(str(self.path.parent)),
                "wait for it, or choose another --out",
            ) from None
        except OSError as error:
            self.file.close()
            if error.errno not in NO_LOCKS:
                hint = system_hint(error)
            elif os.environ.get("ROTEXT_NO_LOCKS") == "1":
                return
            else:
                hint = LOCK_HINT
            raise ResourceError(
                f"the folder cannot be locked: {(error.strerror or str(error)).lower()}",
                Place(str(self.path.parent)),
                hint,
            ) from None

    def __exit__(self, *_: object) -> None:
        self.file.close()


def assemble(
    out: Path, results: list[Result], others: list[Other], verdicts: dict[str, decisions.Decision]
) -> Result:
    """Write the books that are kept, by their scores and by the decisions of a person, and the ledger of all files."""
    with refused(out, "written"):
        return _assemble(out, results, others, verdicts)


def _assemble(
    out: Path, results: list[Result], others: list[Other], verdicts: dict[str, decisions.Decision]
) -> Result:
    work = work_folder(out)
    records = work / "records"
    shutil.rmtree(records, ignore_errors=True)
    records.mkdir()
    rows: list[Row] = []
    summary: Result = {
        "books": len(results), "kept": 0, "dropped": {}, "pages": {}, "bytes": 0, "wanting": 0, "unread": {},
        "left_out": {}, "missing": {}, "ignored": 0,
    }  # fmt: skip
    paths: list[str] = []
    first: dict[str, str] = {}
    for number, result in enumerate(results):
        name, source = result["id"], shown(result["path"])
        verdict, decision = result["verdict"], verdicts.get(result["digest"])
        rows += [*_page_rows(result), *_part_rows(result)]
        for action, rule, _, value in result.get("parts", []):
            _count(summary["left_out"], rule.split(" ")[0] if action == "drop" else rule, value)
        dropped = set(decision.pages) if decision else set()
        rows += [(name, source, "edit", "decided-pages", float(len(dropped)), None, None)] if dropped else []
        action, rule = verdict["action"], verdict["rule"]
        if decision and decision.verdict in ("keep", "drop"):
            action, rule = decision.verdict, "decided"
        read = "what" not in result
        if read and result["digest"] in first:
            action, rule = "drop", "same-file"
        if read:
            first.setdefault(result["digest"], name)
        for page in result["pages"]:
            _count(summary["pages"], page["action"])
        summary["wanting"] += result["wanting"]
        file = work / f"{result['key']}.txt"
        with refused(file, "read"):
            data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != result["text_sha256"]:
            raise InputError(
                "the text of a book changed after it was read", Place(str(file)), "run `rotools books` again"
            )
        text = _without(data.decode(), result["starts"], dropped)
        if action == "keep" and not text.strip():
            action, rule = "drop", "no-text"
        if action == "drop":
            _count(summary["dropped"], rule)
            if not read:
                _count(summary["unread"], formats.suffix(Path(source)) or "without ending")
                rows.append((name, source, "flag", f"reason: {result['what']}", None, None, None))
                if "hint" in result:
                    summary["missing"][result["what"]] = result["hint"]
            rows.append(
                (
                    name,
                    source,
                    "drop",
                    rule,
                    verdict.get("value"),
                    verdict.get("threshold"),
                    verdict.get("score"),
                )
            )
            continue
        if rule == "decided":
            rows.append((name, source, "keep", rule, None, None, verdict.get("score")))
        summary["kept"] += 1
        summary["bytes"] += len(text.encode())
        record = records / f"{number:08}.json"
        with refused(record, "written"):
            record.write_text(json.dumps(_record(result, text), ensure_ascii=False), encoding="utf-8")
        paths.append(str(record))
    for other in others:
        named = (other.id, shown(str(other.path)), "flag" if other.rule == "no-book" else "drop", other.rule)
        rows.append((*named, None, None, None))
        if other.rule == "no-book":
            summary["ignored"] += 1
            continue
        summary["books"] += other.book
        _count(summary["unread"], other.ending)
        _count(summary["dropped"], other.rule, int(other.book))
    summary["dropped"] = {rule: count for rule, count in summary["dropped"].items() if count}
    summary["ledger"] = str(_rotext.assemble(paths, rows, out))
    shutil.rmtree(records)
    summary["work"] = str(work)
    decisions.mark(out, verdicts)
    return summary


def _count(counts: dict[str, int], name: str, by: int = 1) -> None:
    counts[name] = counts.get(name, 0) + by


def replay(out: Path) -> bool:
    """Write `out` again if there are decisions that it was not written with. No book is read again.

    Returns:
        Whether `out` was written.

    Raises:
        RotoolsError: Pages wait for OCR, or the results are missing.
    """
    if not decisions.pending(out):
        return False
    work = work_folder(out)
    again = f"rotools books FOLDER --out {out}"
    if not (work / "shelf.json").exists():
        raise InputError(
            f"there is no {work.name} to apply the decisions to", Place(str(decisions.path_of(out))), again
        )
    verdicts = decisions.read(out)
    with Lock(work):
        results, others = read_shelf(out)
        for result in results:
            decision = verdicts.get(result["digest"])
            if decision and list(decision.again) != result["again"]:
                raise InputError("pages were marked to be read with OCR again", Place(result["id"]), again)
        assemble(out, results, others, verdicts)
    return True


def _record(result: Result, text: str) -> Result:
    pages = result["pages"]
    count = {
        action: sum(page["action"] == action for page in pages)
        for action in ("keep", "repair", "ocr", "drop")
    }
    about = {
        "pages": len(pages),
        "score": result["verdict"].get("score"),
        "sha256": result["digest"],
        **count,
    }
    return {"id": result["id"], "text": text, "source": shown(result["path"]), "book": about}


def _part_rows(result: Result) -> list[Row]:
    """List the ledger rows about the parts of a book without pages: lost chapters, text that was left out. And its language."""
    name, source = result["id"], shown(result["path"])
    rows: list[Row] = [
        (name, f"{source}#{where}" if where else source, action, rule, float(value), None, None)
        for action, rule, where, value in result.get("parts", [])
    ]
    if failures := result.get("failures"):
        rows.append((name, source, "flag", f"ocr-failed {failures[0]}", float(len(failures)), None, None))
    if other := result.get("foreign"):
        rows.append((name, source, "flag", f"language {other['language']}", other["romanian"], None, None))
    return rows


def _page_rows(result: Result) -> list[Row]:
    """List the ledger rows of a book: one for each range of pages with the same action and fault, and one for each repaired
    font. Ranges that were kept without a fault have none."""
    rows: list[Row] = []
    name, source = result["id"], shown(result["path"])
    previous: tuple[str, str] | None = None
    first = 0
    outcomes = [(page["action"], (page["fault"] or {}).get("rule", "")) for page in result["pages"]]
    for number, outcome in enumerate([*outcomes, None]):
        if outcome == previous:
            continue
        if previous is not None and (previous[0] in ("ocr", "drop", "repair") or previous[1]):
            action = {"drop": "drop", "ocr": "edit", "repair": "edit"}.get(previous[0], "flag")
            fault = result["pages"][first]["fault"] or {}
            score = sum(page["score"] for page in result["pages"][first:number]) / (number - first)
            where = f"{source}#page={first + 1}-{number}"
            rows.append(
                (name, where, action, "-".join(part for part in ("pages", *previous) if part),
                 fault.get("value"), fault.get("threshold"), score)
            )  # fmt: skip
        previous, first = outcome, number
    for repair in result.get("repairs", []):
        rule = f"font-letter {repair['shown']} {repair['meant']} {repair['font']}"
        rows.append((name, source, "edit", rule, float(repair["count"]), None, repair["known"]))
    return rows


def _without(text: str, starts: list[list[int]], dropped: set[int]) -> str:
    """Return the text without the pages `dropped` (from 1). `starts` has (page from 0, first byte of the page)."""
    if not dropped:
        return text
    data = text.encode()
    ends = [byte for _, byte in starts[1:]] + [len(data)]
    kept = [data[byte:end] for (page, byte), end in zip(starts, ends, strict=True) if page + 1 not in dropped]
    return b"".join(kept).decode()
