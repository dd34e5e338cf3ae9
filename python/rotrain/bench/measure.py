"""Measure several variants in rounds, for `rotrain bench`.

In a round, each variant is started in a new process, does its work, and ends. The pages and the cores that a process
got do not change until it ends, and repeated turns of one process cannot show their effect. With one process, 22 to 85 % of simulated
benchmarks found a difference between two equal variants; with ten processes, at most 3 % did (docs/log/quantization.md). The order changes from round to round: A B C, then C B A, and so on. So a
machine that becomes slower is slower for all variants. A turn in which other processes used the processors is repeated, up to
`MAX_TRIES` tries. Only the last try is recorded. A quick benchmark that met a turn with no undisturbed try does not repeat the
turns after it: the machine is busy, and waiting threads of an engine make each try several times longer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rotrain.bench.guard import FOREIGN_LIMIT, STEAL_LIMIT
from rotrain.bench.process import Worker
from rotrain.bench.quiet import QuietWait, watch_machine
from rotrain.bench.statistics import percentiles, ratio, relative_half_width, summary
from rotrain.errors import RotrainError
from rotrain.runtime.energy import EnergyMeter
from rotrain.runtime.host import describe_machine

FORMAT, VERSION = "rotrain-bench", 1
MAX_TRIES, WARM_UPS, TARGET_HALF_WIDTH = 3, 3, 0.02
# Minimum length of a turn in seconds, see `worker.turn`.
TURN_S = 0.5
TEXT = (
    "A fost odată ca niciodată un împărat care avea trei fete, și fetele erau frumoase de nu se mai aflau altele. "
    "Într-o zi, fata cea mică și-a luat rămas-bun de la părinți și a plecat prin pădurea deasă, unde s-a întâlnit cu "
    "un moșneag. „Țara-i mare, dar drumul e lung”, îi zise el și tăcu. "
)
FORMULAS = {
    "decode_tokens_per_s": "gaps / sum of the gaps between the `new_tokens` tokens after `depth` tokens, all of a turn",
    "gap_s": "seconds from a token's number to the next one's, greedy choice included; percentiles over all kept turns",
    "prefill_tokens_per_s": "depth / median seconds of a turn to read `depth` tokens into an empty sequence and choose the "
    "next",
    "ttft_warm_s": "from a text to the bytes of the first token, in a loaded process: tokenizer, prefill, choice",
    "ttft_cold_s": "the same from the start of each new process: interpreter, imports and loading included, files in "
    "the page cache as they are",
    "load_s": "opening the engine and the model inside the process, its imports included; median over the processes",
    "bits_per_weight": "8 * bytes of all tensors / parameters",
    "bandwidth": "(weight_bytes + cache bytes read at the depth) * decode_tokens_per_s / bytes_per_s_limit",
    "bytes_per_s_limit": "best of five: all threads together summing 64 MiB each of fp32",
    "energy_j_per_token": "joules of the packages (RAPL) or the GPU (NVML) over all rounds of this variant / tokens "
    "read and written; null where there is no counter",
    "ratio": "median over undisturbed rounds of b / a of decode_tokens_per_s; differs: the 95 % interval leaves 1 and "
    "the ratio is over 2 % from it; null with fewer than 6 rounds, or where a row is contended",
    "contention": "busy time of /proc/stat less the measured process and this one, in cores; a turn is kept when "
    f"foreign_cores <= {FOREIGN_LIMIT} and stolen <= {STEAL_LIMIT} (and two ticks)",
}
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """Settings of a benchmark.

    Attributes:
        depths: Tokens in the sequence before the timed tokens.
        new_tokens: Tokens to decode in a turn.
        rounds: Minimum number of rounds.
        most_rounds: Maximum number of rounds.
        wait_s: Seconds to wait for a quiet machine, all waits together.
        insists: Each disturbed turn is tried `MAX_TRIES` times. If not, only until a turn had no undisturbed try.
        threads: CPU threads.
        device: Device of PyTorch: cpu or cuda.
    """

    depths: tuple[int, ...] = (0, 512)
    new_tokens: int = 32
    rounds: int = 10
    most_rounds: int = 30
    wait_s: float = 0.0
    insists: bool = True
    threads: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    device: str = "cpu"

    @property
    def context(self) -> int:
        """Positions that every engine reserves: the largest depth, the new tokens, and one more."""
        return max(1, *self.depths) + self.new_tokens + 1


@dataclass
class _Row:
    spec: dict[str, Any]
    ready: dict[str, Any] = field(default_factory=dict)
    prompt_tokens: int = 0
    cold: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    joules: float = 0.0
    metered: bool = True
    tokens: int = 0
    peak: dict[str, int] = field(default_factory=dict)


def bench(
    specs: list[dict[str, Any]], settings: Settings, notify: Notify = lambda sentence: None
) -> dict[str, Any]:
    """Measure every variant.

    Args:
        specs: `model`, `engine` (torch, llama.cpp) and `variant` of each variant.
        settings: The settings.
        notify: Receives a sentence for each loaded variant and for each round.

    Returns:
        The result, see docs/reference/benchmark-results.md.

    Raises:
        RotrainError: A variant cannot be loaded, or does not fit into memory.
    """
    _check_memory(specs)
    quiet_wait = QuietWait(settings.wait_s, notify)
    quiet_wait.wait()
    quiet = watch_machine()
    if not quiet["quiet"]:
        notify(f"the machine is not idle: other processes use {quiet['foreign_cores'] or 0:.2f} cores")
    limit = stream_bytes_per_s(settings.threads)
    rows = [
        _Row(
            spec | {key: getattr(settings, key) for key in ("context", "threads", "device")} | {"text": TEXT}
        )
        for spec in specs
    ]
    rounds_done, tries = 0, MAX_TRIES
    while rounds_done < settings.most_rounds and (
        rounds_done < settings.rounds or not _is_precise(rows, settings)
    ):
        for row in rows if rounds_done % 2 == 0 else reversed(rows):
            _round(row, settings, quiet_wait, notify, tries)
            if not settings.insists and _is_disturbed(row.turns[-1]):
                tries = 1
        rounds_done += 1
        kept = sum(not _is_disturbed(row.turns[-1]) for row in rows)
        notify(
            f"round {rounds_done} of {settings.rounds} to {settings.most_rounds}: {kept} of {len(rows)} turns undisturbed"
        )
    found = [_row_result(row, settings, limit) for row in rows]
    return {
        "format": FORMAT,
        "version": VERSION,
        "machine": {**describe_machine(), "bytes_per_s_limit": limit, "before": quiet},
        "settings": {**asdict(settings), "warm_ups": WARM_UPS, "turn_s": TURN_S, "text": TEXT},
        "rounds": rounds_done,
        "formulas": FORMULAS,
        "rows": found,
        "ratios": _ratios(rows, settings),
    }


def _round(row: _Row, settings: Settings, quiet_wait: QuietWait, notify: Notify, tries: int) -> None:
    """Start a variant, measure one turn of it, and end it."""
    with Worker(row.spec) as worker:
        row.prompt_tokens = worker.ask(do="first_token")["prompt_tokens"]
        row.cold.append(time.perf_counter() - worker.started_at)
        row.load.append(worker.ready["load_s"])
        if not row.ready:
            spec = row.spec
            notify(
                f"{spec['model']} ({spec['engine']}, {spec['variant']}) loaded in {worker.ready['load_s']:.2f} s"
            )
        row.ready = worker.ready
        for _ in range(WARM_UPS):
            worker.ask(
                do="turn", seconds=0, depths=list(settings.depths), new_tokens=min(8, settings.new_tokens)
            )
        _turn(row, worker, settings, quiet_wait, tries)


def _turn(row: _Row, worker: Worker, settings: Settings, quiet_wait: QuietWait, tries: int) -> None:
    for number in range(tries):
        if number:
            quiet_wait.wait()
        meter = EnergyMeter(settings.device)
        turn = worker.ask(
            do="turn", seconds=TURN_S, depths=list(settings.depths), new_tokens=settings.new_tokens
        )
        joules = meter.joules()
        row.metered = row.metered and joules is not None
        row.joules += joules or 0.0
        row.tokens += sum(depth["tokens"] for depth in turn["depths"])
        if turn["contention"]["quiet"] is not False:
            break
    row.turns.append(turn)
    first = worker.ask(do="first_token")
    row.warm.append(first["seconds"])
    for key, value in first["memory"].items():
        if value is not None:
            row.peak[key] = max(row.peak.get(key, 0), value)


def _rate(turn: dict[str, Any], index: int) -> float:
    gaps = turn["depths"][index]["gaps_s"]
    return len(gaps) / float(sum(gaps))


def _is_disturbed(turn: dict[str, Any]) -> bool:
    return turn["contention"]["quiet"] is False


def _is_contended(row: _Row) -> bool:
    """Return whether most turns stayed disturbed after all tries."""
    return sum(map(_is_disturbed, row.turns)) * 2 > len(row.turns)


def _kept_turns(row: _Row) -> list[dict[str, Any]]:
    """Return the undisturbed turns. If most turns are disturbed, return all turns: the row is then marked as contended."""
    return row.turns if _is_contended(row) else [turn for turn in row.turns if not _is_disturbed(turn)]


def _is_precise(rows: list[_Row], settings: Settings) -> bool:
    return all(
        relative_half_width(summary([_rate(turn, index) for turn in _kept_turns(row)])) <= TARGET_HALF_WIDTH
        for row in rows
        for index in range(len(settings.depths))
    )


def _row_result(row: _Row, settings: Settings, limit: float) -> dict[str, Any]:
    facts = row.ready["facts"]
    turns = _kept_turns(row)
    cache = facts["cache"]
    decode, prefill, bandwidth = {}, {}, {}
    for index, depth in enumerate(settings.depths):
        rates = summary([_rate(turn, index) for turn in turns])
        gaps = [gap for turn in turns for gap in turn["depths"][index]["gaps_s"]]
        decode[str(depth)] = {"tokens_per_s": rates, "gap_s": percentiles(gaps)}
        if depth:
            prefill[str(depth)] = summary(
                [depth / float(np.median(turn["depths"][index]["reads_s"])) for turn in turns]
            )
        cached_tokens = min(depth, cache.get("window") or depth)
        bytes_read = (
            facts["weight_bytes"] + cache["bytes_per_token"] * cached_tokens + cache.get("fixed_bytes", 0)
        )
        bandwidth[str(depth)] = {
            "bytes_per_s": bytes_read * rates["median"],
            "of_limit": bytes_read * rates["median"] / limit,
        }
    return {
        **{key: row.spec[key] for key in ("model", "engine", "variant")},
        **{
            key: facts[key] for key in ("arch", "parameters", "bits_per_weight", "weight_bytes", "file_bytes")
        },
        "engine_version": facts["engine_version"],
        "device": facts["device"],
        "matrices": facts.get("matrices"),
        "load_s": float(np.median(row.load)),
        "ttft_cold_s": summary(row.cold),
        "ttft_warm_s": summary(row.warm),
        "ttft_prompt_tokens": row.prompt_tokens,
        "decode": decode,
        "prefill_tokens_per_s": prefill,
        "cache": cache,
        "memory": {
            "peak_bytes": row.peak.get("peak"),
            "anonymous_bytes": row.peak.get("anonymous"),
            "file_backed_bytes": row.peak.get("file_backed"),
            "proportional_bytes": row.peak.get("proportional"),
            "before_loading_bytes": row.ready["memory_before"].get("peak"),
        },
        "bandwidth": bandwidth,
        "energy_j_per_token": row.joules / row.tokens if row.metered and row.tokens else None,
        # The figures of a contended row may be wrong.
        "contended": _is_contended(row),
        "disturbed_turns": sum(map(_is_disturbed, row.turns)),
        "turns": row.turns,
    }


def _ratios(rows: list[_Row], settings: Settings) -> list[dict[str, Any]]:
    """Compare each pair of variants at each depth, over undisturbed rounds. With a contended row, `differs` is None."""
    found = []
    for a in range(len(rows)):
        for b in range(a + 1, len(rows)):
            both = list(zip(rows[a].turns, rows[b].turns, strict=True))
            contended = _is_contended(rows[a]) or _is_contended(rows[b])
            quiet = [pair for pair in both if not any(map(_is_disturbed, pair))]
            for index, depth in enumerate(settings.depths):
                rates = [[_rate(turn, index) for turn in side] for side in zip(*(quiet or both), strict=True)]
                compared = ratio(rates[0], rates[1])
                if contended:
                    compared["differs"] = None
                found.append({"a": a, "b": b, "depth": depth, **compared})
    return found


def stream_bytes_per_s(threads: int, mib: int = 64) -> float:
    """Measure the memory bandwidth: the bytes per second that all threads together read. The best of five tries counts.

    Args:
        threads: CPU threads.
        mib: Size of the array of each thread, in MiB. It must be larger than the caches.
    """
    buffers = [np.ones(mib * 2**18, np.float32) for _ in range(threads)]
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            started_at = time.perf_counter()
            list(pool.map(np.sum, buffers))
            best = max(best, threads * mib * 2**20 / (time.perf_counter() - started_at))
    return best


def _check_memory(specs: list[dict[str, Any]]) -> None:
    """Check, before loading, that each variant fits into memory: one is loaded at a time."""
    needed = 0
    for spec in specs:
        path = Path(spec["model"])
        files = [path] if path.is_file() else list(path.rglob("model.safetensors"))[-1:]
        # Add the memory of the libraries: about 400 MiB for PyTorch and 64 MiB for llama.cpp. Quantized folders
        # dequantize one matrix at a time.
        libraries = 400 << 20 if spec["engine"] == "torch" else 64 << 20
        needed = max(needed, sum(file.stat().st_size for file in files) + libraries)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return
    if needed > free:
        raise RotrainError(
            f"a variant needs about {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free",
            hint="measure a smaller model, or close other programs",
        )
