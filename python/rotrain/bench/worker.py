"""The worker process of `rotrain bench`: it loads one variant, reads commands and writes answers, all as JSON lines.

python -m rotrain.bench.worker '{"engine": "llama.cpp", "model": "m.gguf", ...}'
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from typing import Any

from rotrain.bench.answers import open_answers
from rotrain.bench.engines import Engine, open_engine, process_memory
from rotrain.errors import RotrainError


def main() -> None:
    """Load the model and write its facts. Then do the command of each line of input, and write its answer."""
    answer = open_answers()
    spec = json.loads(sys.argv[1])
    before = process_memory()
    started_at = time.perf_counter()
    try:
        engine = open_engine(spec)
    except RotrainError as error:
        answer({"error": error.what, "place": error.place, "hint": error.hint})
        return
    except MemoryError:
        answer({"error": "there is too little memory to load this", "place": spec["model"], "hint": None})
        return
    loaded = time.perf_counter() - started_at
    answer({"load_s": loaded, "facts": engine.facts, "memory_before": before})
    for line in sys.stdin:
        command = json.loads(line)
        cpu = time.process_time()
        try:
            result = (
                first_token(engine, spec) if command["do"] == "first_token" else turn(engine, spec, command)
            )
        except RotrainError as error:
            answer({"error": error.what, "place": error.place, "hint": error.hint})
            return
        answer({**result, "cpu_s": time.process_time() - cpu, "memory": process_memory()})


def first_token(engine: Engine, spec: dict[str, Any]) -> dict[str, Any]:
    """Measure the time from a text to the bytes of the first token: tokenizer, prefill and greedy choice.

    A text that is longer than the context of the engine is truncated.

    Args:
        engine: The loaded model.
        spec: The specification, with `text` and `context`.

    Returns:
        The time in `seconds`, the number of `prompt_tokens`, and the number of `bytes` of the token.
    """
    started_at = time.perf_counter()
    engine.reset()
    ids = engine.encode(spec["text"])[: spec["context"]]
    written = engine.piece(engine.feed(ids))
    return {"seconds": time.perf_counter() - started_at, "prompt_tokens": len(ids), "bytes": len(written)}


def turn(engine: Engine, spec: dict[str, Any], command: dict[str, Any]) -> dict[str, Any]:
    """Measure prefill and decode at each depth.

    The work of other processes is known only in ticks of 10 ms, and a small model is fast. So each depth is repeated until
    it has taken its share of `seconds`.

    Args:
        engine: The loaded model.
        spec: The specification, with `text`.
        command: `depths`, `new_tokens`, and `seconds`: the minimum time of all depths together.

    Returns:
        For each depth: the times in seconds to read that many tokens (`reads_s`), the times between two decoded tokens
        after them (`gaps_s`), and the number of tokens read and decoded (`tokens`).
    """
    ids = engine.encode(spec["text"])
    share = command["seconds"] / len(command["depths"])
    found = []
    for depth in command["depths"]:
        prompt = (ids * (max(1, depth) // len(ids) + 1))[: max(1, depth)]
        reads: list[float] = []
        gaps: list[float] = []
        depth_started_at = time.perf_counter()
        while not reads or time.perf_counter() - depth_started_at < share:
            engine.reset()
            started_at = time.perf_counter()
            token = engine.feed(prompt)
            times = [time.perf_counter()]
            for _ in range(command["new_tokens"]):
                token = engine.feed([token])
                times.append(time.perf_counter())
            reads.append(times[0] - started_at)
            gaps += [after - before for before, after in pairwise(times)]
        found.append(
            {"depth": depth, "reads_s": reads, "gaps_s": gaps, "tokens": len(prompt) * len(reads) + len(gaps)}
        )
    return {"depths": found}


if __name__ == "__main__":
    main()
