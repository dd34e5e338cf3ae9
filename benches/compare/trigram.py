"""How far are trained models below counting? A Kneser-Ney n-gram model beside the runs of one pack.

It counts exactly the tokens that a run trained on, and both are scored on the same held-out tokens, the model in
windows of its context, in bits per byte. Two are counted, of `--order` tokens and of `--order` bytes (the same text as
UTF-8): interpolated Kneser-Ney with three discounts by the counts of counts (Chen and Goodman 1999, section 3:
"modified"), down to a uniform distribution. The n-gram sees the whole stream, a model only its window, which favours the n-gram. Runs that read the
same tokens share one count.

    python benches/compare/trigram.py runs/llama-gqa-nano runs/mamba2-nano [--data pack] [--max-tokens 200000] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotrain.config import FitConfig, Runtime
from rotrain.data.tokenizer import Tokenizer
from rotrain.run.directory import RunDirectory
from rotrain.run.load import TrainedModel, load_run
from rotrain.runtime.device import Machine, choose_machine
from rotrain.train.evaluation import evaluate_phases
from rotrain.train.plan import Plan, make_plan

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """Counts of n-grams of one length: their sorted keys, and of each history what normalizes it."""

    grams: Ids
    counts: Ids
    histories: Ids
    totals: Ids
    reserved: NDArray[np.float64]
    discounts: NDArray[np.float64]


class KneserNey:
    """Interpolated Kneser-Ney, modified; every probability comes from sorted arrays.

    `sequences` (S, T) are counted row by row; `size` symbols to the power of `order` must fit 63 bits.
    """

    def __init__(self, sequences: Ids, order: int, size: int) -> None:
        if size**order >= 1 << 63:
            raise ValueError(f"{order} symbols of {size} do not fit 63 bits")
        self.order, self.size = order, size
        keys = _keys(sequences, order, size).ravel()
        grams, counts = np.unique(keys, return_counts=True)
        self.levels: list[Level] = []
        for length in range(order, 0, -1):
            self.levels.insert(0, _level(grams, counts, size))
            if length > 1:  # the counts of a shorter gram are the different symbols seen before it
                grams, counts = np.unique(grams % size ** (length - 1), return_counts=True)

    def bits(self, stream: Ids) -> NDArray[np.float64]:
        """-log2 p of each symbol of a stream after the first, each given up to order - 1 before it."""
        labels = len(stream) - 1
        p = np.full(labels, 1 / self.size)
        for length, level in enumerate(self.levels, 1):
            first = max(0, length - 2)  # the first symbols have shorter histories
            keys = _keys(stream[None, first + 2 - length if length > 1 else 1 :], length, self.size)[0]
            p[first:] = _interpolate(level, keys, p[first:], self.size)
        bits: NDArray[np.float64] = -np.log2(p)
        return bits


def _keys(sequences: Ids, length: int, size: int) -> Ids:
    """Numbers of the grams of each row: the digits of base `size`."""
    width = sequences.shape[1] - length + 1
    keys = np.zeros((len(sequences), width), np.int64)
    for offset in range(length):
        keys = keys * size + sequences[:, offset : offset + width]
    return keys


def _level(grams: Ids, counts: Ids, size: int) -> Level:
    ones, twos, threes, fours = (int((counts == n).sum()) for n in (1, 2, 3, 4))
    if min(ones, twos, threes, fours):
        y = ones / (ones + 2 * twos)
        discounts = np.array(
            [0, 1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes], float
        )
        discounts = np.clip(discounts, 0, [0, 1, 2, 3])
    else:  # too few grams for counts of counts, such as the 256 bytes
        discounts = np.array([0, 0.5, 0.5, 0.5])
    histories, where = np.unique(grams // size, return_inverse=True)
    totals = np.bincount(where, weights=counts).astype(np.int64)
    reserved = np.bincount(where, weights=discounts[np.minimum(counts, 3)]).astype(np.float64)
    return Level(grams, counts, histories, totals, reserved, discounts)


def _interpolate(level: Level, keys: Ids, lower: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    counts = _look_up(level.grams, level.counts, keys)
    totals = _look_up(level.histories, level.totals, keys // size)
    reserved = _look_up(level.histories, level.reserved, keys // size)
    seen = totals > 0
    kept = counts - level.discounts[np.minimum(counts, 3).astype(int)]
    mixed = (kept + reserved * lower) / np.maximum(totals, 1)
    return np.where(seen, mixed, lower)


def _look_up(keys: Ids, values: NDArray[Any], wanted: Ids) -> NDArray[Any]:
    """The values of sorted keys, 0 where one is missing."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)


def trained_on(plan: Plan) -> Ids:
    """Every sequence of a run, (steps * batch, context + 1)."""
    batch, context = plan.config.batch.sequences, plan.config.context
    rows = np.empty((plan.steps * batch, context + 1), np.int64)
    for step in range(plan.steps):
        plan.batches.read(step, rows[step * batch : (step + 1) * batch])
    return rows


def to_bytes(ids: Ids, pieces: list[bytes]) -> Ids:
    """Token ids as the bytes they stand for; a special token is the byte 0xFF, which UTF-8 never has."""
    text = b"".join(pieces[i] or b"\xff" for i in ids.ravel().tolist())
    return np.frombuffer(text, np.uint8).astype(np.int64)


def baseline(plan: Plan, tokenizer: Tokenizer, order: int) -> dict[str, dict[str, float]]:
    """Bits per byte of both n-grams on the held-out text of every phase."""
    rows = trained_on(plan)
    pieces = tokenizer.token_bytes + [b""] * (plan.pack.vocab_size - len(tokenizer.token_bytes))
    lengths = np.array([len(piece) for piece in pieces])
    tokens = KneserNey(rows, order, plan.pack.vocab_size)
    # Labels once: a row's last token is the next row's first where they are neighbours, and not elsewhere.
    text = KneserNey(to_bytes(rows[:, :-1], pieces)[None], order, 256)
    scores: dict[str, dict[str, float]] = {"tokens": {}, "bytes": {}}
    for phase in plan.pack.phases:
        count = min(phase.valid.tokens - 1, plan.config.evaluation.max_tokens)
        held_out = np.empty(count + 1, np.int64)
        phase.valid.read(0, held_out)
        size = int(lengths[held_out[1:]].sum())
        scores["tokens"][phase.name] = float(tokens.bits(held_out).sum()) / size
        written = to_bytes(held_out, pieces)
        skip = max(1, len(pieces[int(held_out[0])])) - 1
        scores["bytes"][phase.name] = float(text.bits(written)[skip:].sum()) / size
    return scores


def model_scores(trained: TrainedModel, plan: Plan, machine: Machine) -> dict[str, float]:
    """Bits per byte of a run's newest checkpoint."""
    scores = evaluate_phases(
        trained.model.to(machine.device), plan, trained.tokenizer.byte_lengths(), machine
    )
    return {name: float(score["bpb"]) for name, score in scores.items()}


def main() -> None:
    """One line a run and a baseline; below is how far the run's mean is under the better baseline."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, help="where the pack is now; the run's own place by default")
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, help="held-out tokens a phase; those of the run by default")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    machine = choose_machine(Runtime())
    counted: dict[str, dict[str, dict[str, float]]] = {}
    rows: list[dict[str, Any]] = []
    for path in words.runs:
        record = RunDirectory(path).read_config()
        if record is None:
            parser.error(f"{path} is no run")
        trained = load_run(path)
        config = FitConfig.model_validate(record["config"])
        if words.data is not None:
            config = config.model_copy(update={"data": str(words.data)})
        if words.max_tokens is not None:
            seen = config.evaluation.model_copy(update={"max_tokens": words.max_tokens})
            config = config.model_copy(update={"evaluation": seen})
        plan = make_plan(config)
        read = json.dumps(
            [config.seed, config.context, plan.steps, repr(plan.curriculum.segments), plan.pack.digest]
        )
        if read not in counted:
            counted[read] = baseline(plan, trained.tokenizer, words.order)
            for kind, score in counted[read].items():
                rows.append({"name": f"{words.order}-gram of {kind}", "bpb": score})
        score, best = model_scores(trained, plan, machine), counted[read]
        under = {
            phase: 1 - bpb / min(kind[phase] for kind in best.values())
            for phase, bpb in score.items()
            if math.isfinite(bpb)
        }
        tokens = plan.steps * plan.tokens_per_step
        rows.append({"name": path.name, "tokens": tokens, "bpb": score, "below": under})
    if words.json:
        print(json.dumps(rows, indent=2))
        return
    phases = list(rows[0]["bpb"])
    print(f"{'bits per byte':<24}" + "".join(f"{phase:>18}" for phase in phases))
    for row in rows:
        cells = [
            f"{row['bpb'][phase]:.3f}" + (f" ({-100 * row['below'][phase]:+.1f} %)" if "below" in row else "")
            for phase in phases
        ]
        print(f"{row['name']:<24}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
