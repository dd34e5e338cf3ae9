"""One variant in a process of its own: commands come as JSON lines, and answers go back as JSON lines.

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
    """Load the model, answer, and then answer each line of input."""
    answer = open_answers()
    spec = json.loads(sys.argv[1])
    before = process_memory()
    started_at = time.perf_counter()
    try:
        engine = open_engine(spec)
    except RotrainError as error:
        answer({"error": error.message, "place": error.place, "hint": error.hint})
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
            answer({"error": error.message, "place": error.place, "hint": error.hint})
            return
        answer({**result, "cpu_s": time.process_time() - cpu, "memory": process_memory()})


def first_token(engine: Engine, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds from a text to the bytes of the first token: tokenizer, prefill and choice.

    A text that is longer than the context of the engine is cut.
    """
    started_at = time.perf_counter()
    engine.reset()
    ids = engine.encode(spec["text"])[: spec["context"]]
    written = engine.piece(engine.feed(ids))
    return {"seconds": time.perf_counter() - started_at, "prompt_tokens": len(ids), "bytes": len(written)}


def turn(engine: Engine, spec: dict[str, Any], command: dict[str, Any]) -> dict[str, Any]:
    """Return for each depth the times to read that many tokens, and the gaps between the tokens decoded after them.

    A small model is fast, and the work of others is only known in ticks of 10 ms. So a depth is repeated until it took its
    share of `seconds`.
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
