"""The program `rotools` as a user runs it, and text to run it on."""

import json
import random
import subprocess
import sys
from pathlib import Path

TEXT = (
    "și în să țară copil învățător pădure mâine fără după apă câine stradă oraș munte mare carte frumos vede "
    "merge spune aude râde cântă s-a într-o n-am dintr-un l-au ce-i mi-e 1989 12,5 „da” – așa! bine? unu"
)


def rotools(
    *arguments: object, code: int = 0, given: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command line and expects its exit code, and never a traceback."""
    command = [sys.executable, "-m", "rotools", *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    result = subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
    )
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    return result


def texts(count: int, seed: int) -> list[str]:
    """Romanian-looking documents of different lengths, none too short for the filter."""
    rng = random.Random(seed)
    return [
        f"{number}. " + " ".join(rng.choices(TEXT.split(), k=rng.randint(20, 400))) for number in range(count)
    ]


def jsonl(path: Path, documents: list[str]) -> Path:
    """Writes the documents with ids d0, d1, ..."""
    lines = [json.dumps({"id": f"d{i}", "text": t}, ensure_ascii=False) for i, t in enumerate(documents)]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def contents(directory: Path) -> dict[str, bytes]:
    """All files of a directory."""
    return {p.name: p.read_bytes() for p in sorted(directory.iterdir())}


def steps(shards: int, given_tokenizer: bool = False) -> list[tuple[str, ...]]:
    """The arguments of all tasks of `pack` in steps, in order."""
    each = [("--shard", f"{number}/{shards}") for number in range(1, shards + 1)]
    plan: list[tuple[str, ...]] = [("--step", "judge", *shard) for shard in each]
    plan.append(("--step", "decide"))
    if not given_tokenizer:
        plan += [("--step", "count", *shard) for shard in each]
        plan.append(("--step", "train"))
    plan += [("--step", "encode", *shard) for shard in each]
    return [*plan, ("--step", "finish")]
