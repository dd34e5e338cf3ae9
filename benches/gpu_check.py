"""Check and measure the CUDA paths of rotrain on a GPU. It stops after eight minutes, and the same command goes on.

    python benches/gpu_check.py --out gpu.json          # again: does what is missing
    rotrain doctor --gpu-report gpu.json                # the table

Nothing is fetched: tokens are random, and the pack of part D is written here. Each part is a process with a time limit of
its own, and its result is in the file as soon as it is there. So a crash costs one part, and a second call does only the
parts that have no result yet (`--again PREFIX` forgets results first). When the time is over, the rest is skipped.

    A  parity   each kernel at real widths in bf16 and fp32 against its definition in fp64: output and gradients;
                models of two layers, compiled against uncompiled
    B  step     a step of 300m of each architecture: tokens/s, MFU, memory, graph breaks; where the time of two goes
    C  variant  the same with deterministic sums, other micro-batches, chunks of 256, and a Mamba-2 that
               keeps everything for its gradients
       decode   the recorded step of `generate` against the usual one
    D  run      doctor; a run that is killed and resumed against an undisturbed one

Tolerances: bf16 2e-2 and fp32 1e-4 of the largest value (5e-3 for a scan in fp32: its kernel multiplies in TF32).
`--device cpu --tiny` runs all of it in small on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

FORMAT, VERSION = "rotrain-gpu-check", 1
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "benches")]

ARCHS = ("llama-gqa", "mamba2", "llama-mha", "mistral-swa", "falcon-mqa", "mamba2-hybrid")

# Parts in order of their worth, with a limit in seconds. What was measured before the time is over stays.
PARTS: dict[str, int] = {
    "machine": 40,
    "parity:kernels": 90,
    **{f"step:{arch}": 100 for arch in ARCHS},
    "parity:models": 90,
    "run:resume": 120,
    "variant:llama-gqa:deterministic": 80,
    "variant:mamba2:deterministic": 80,
    "variant:llama-gqa:micro4": 60,
    "variant:llama-gqa:micro16": 60,
    "variant:mamba2:micro4": 60,
    "variant:mamba2:kept": 80,
    "variant:mamba2:chunk256": 80,
    "decode:llama-gqa": 60,
    "decode:mamba2": 60,
    "profile:llama-gqa": 60,
    "profile:mamba2": 60,
    "run:doctor": 60,
}


def main() -> None:
    """Run the parts that have no result yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the results (JSON), kept between calls")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small shapes, to try this program")
    parser.add_argument("--seconds", type=float, default=460, help="time of this call")
    parser.add_argument("--only", default="", help="parts that begin with this")
    parser.add_argument(
        "--again", default=None, metavar="PREFIX", help="forget the results that begin with this"
    )
    parser.add_argument("--part", default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        print(json.dumps(run_part(given.part, given.device, tiny=given.tiny)))
        return
    check(
        given.out,
        given.device,
        tiny=given.tiny,
        seconds=given.seconds,
        only=given.only,
        again=given.again,
    )


def check(
    out: Path,
    device: str,
    *,
    tiny: bool,
    seconds: float,
    only: str = "",
    again: str | None = None,
    apart: bool = True,
) -> dict[str, Any]:
    """Run every part that is missing in the file, and return the whole record.

    Args:
        out: The file.
        device: `cuda` or `cpu`.
        tiny: Small shapes.
        seconds: Time of this call.
        only: Parts that begin with this.
        again: Forget results that begin with this.
        apart: Each part in a process of its own; else in this one.
    """
    record = read(out, device, tiny=tiny)
    if again is not None:
        record["parts"] = {name: row for name, row in record["parts"].items() if not name.startswith(again)}
    began = time.monotonic()
    for name, limit in PARTS.items():
        left = seconds - (time.monotonic() - began)
        if not name.startswith(only) or record["parts"].get(name, {}).get("ok") is not None:
            continue
        if left < 15:
            print(f"{name}: skipped, the time is over; the same command goes on", flush=True)
            continue
        started = time.monotonic()
        row = run_apart(name, device, tiny, min(limit, left)) if apart else run_part(name, device, tiny=tiny)
        row["seconds"] = round(time.monotonic() - started, 1)
        record["parts"][name] = row
        write(out, record)
        print(f"{name}: {'ok' if row['ok'] else 'FAILED'}, {row['seconds']} s  {brief(row)}", flush=True)
    return record


def read(out: Path, device: str, *, tiny: bool) -> dict[str, Any]:
    """Return the record of an earlier call of the same kind, or a new one."""
    fresh = {"format": FORMAT, "version": VERSION, "device": device, "tiny": tiny, "parts": {}}
    try:
        record: dict[str, Any] = json.loads(out.read_bytes())
    except (OSError, ValueError):
        return fresh
    same = all(record.get(key) == fresh[key] for key in ("format", "version", "device", "tiny"))
    return record if same else fresh


def write(out: Path, record: dict[str, Any]) -> None:
    """Write the file so that a kill at any moment leaves the old one or the new one."""
    temporary = out.with_name(out.name + ".tmp")
    temporary.write_text(json.dumps(record, indent=1))
    os.replace(temporary, out)


def run_apart(name: str, device: str, tiny: bool, limit: float) -> dict[str, Any]:
    """Run a part in a process of its own, and return its result, or why there is none."""
    words = [sys.executable, str(Path(__file__).resolve()), "--out", "-", "--device", device, "--part", name]
    try:
        done = subprocess.run(
            words + ["--tiny"] * tiny, capture_output=True, text=True, timeout=limit, check=False, cwd=ROOT
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else ""
        return {"ok": False, "error": f"no result after {limit:.0f} s", "said": said[-2000:]}
    lines = done.stdout.strip().splitlines()
    try:
        row: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"ok": False, "error": f"exit code {done.returncode}", "said": done.stderr[-4000:]}
    return row


def run_part(name: str, device: str, *, tiny: bool) -> dict[str, Any]:
    """Run a part in this process. An error is a result too."""
    try:
        import gpu_parts

        kind, _, rest = name.partition(":")
        return gpu_parts.MEASURES[kind](rest, device, tiny)
    except Exception as error:
        # The next part is worth its time whatever happened here.
        return {
            "ok": False,
            "error": f"{type(error).__name__}: {str(error)[:500]}",
            "said": traceback.format_exc()[-4000:],
        }


def brief(row: dict[str, Any]) -> str:
    """Return the figures of a row in a few words."""
    if "error" in row:
        return str(row["error"]).partition("\n")[0][:160]
    if "tokens_per_s" in row:
        mfu = "" if row["mfu"] is None else f", MFU {row['mfu']:.1%}"
        return f"{row['tokens_per_s']:,.0f} tokens/s{mfu}, {row['allocated_bytes'] / 1e9:.1f} GB"
    if "errors" in row:
        worst = max(row["errors"], key=lambda key: row["errors"][key] / row["limits"][key])
        return f"worst: {worst} {row['errors'][worst]:.1e}"
    return ""


if __name__ == "__main__":
    main()
