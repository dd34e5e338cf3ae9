"""Part D of `gpu_check.py`: the command itself, killed and resumed, on a pack that is written here."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
PARITY_LIMIT = 2e-2
ROOT = Path(__file__).resolve().parents[1]


def run(what: str, device: str, tiny: bool) -> Row:
    """Run the command itself."""
    return doctor() if what == "doctor" else resume(device, tiny)


def command(*words: object) -> list[str]:
    """Return the words of a `rotrain` command."""
    return [sys.executable, "-m", "rotrain", *map(str, words)]


def environment() -> dict[str, str]:
    """Return an environment in which the command is found without an installation."""
    path = os.pathsep.join([str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}


def doctor() -> Row:
    """Return what `rotrain doctor` says. It fails if a kernel is far from its definition."""
    done = subprocess.run(
        command("doctor", "--json"), capture_output=True, text=True, env=environment(), check=False
    )
    if done.returncode:
        return {"ok": False, "error": done.stderr[-1000:]}
    facts = json.loads(done.stdout)
    return {"ok": all(row["parity_error"] < PARITY_LIMIT for row in facts["kernels"]), "doctor": facts}


def write_pack(path: Path, tokens: int, vocab: int, block: int) -> None:
    """Write a pack of random tokens. The tokenizer has the 256 bytes, which is all that a run asks of it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    path.mkdir()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(
        models.BPE(vocab={"<|endoftext|>": 0} | {c: i + 1 for i, c in enumerate(alphabet)}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(path / "tokenizer.json"))
    random = np.random.default_rng(0)
    phase: dict[str, Any] = {"name": "text", "epochs": 1}
    for split, length in (("train", tokens), ("valid", 4 * block)):
        ids = random.integers(1, 257, size=length).astype("<u2")
        ids[::97] = 0
        data = ids.tobytes()
        stem = f"{split}-text-00000"
        (path / f"{stem}.bin").write_bytes(data)
        ends = np.concatenate([[0], np.flatnonzero(ids == 0) + 1])
        np.save(path / f"{stem}.offsets.npy", ends.astype("<u8"))
        phase[split] = {
            "tokens": length,
            "documents": len(ends) - 1,
            "bytes": length,
            "shards": [
                {
                    "file": f"{stem}.bin",
                    "tokens": length,
                    "documents": len(ends) - 1,
                    "bytes": length,
                    "size": len(data),
                    "xxh3_64": [],
                }
            ],
        }
    manifest = {
        "format": "rotools-pack",
        "version": 1,
        "dtype": "<u2",
        "block_tokens": block,
        "stride": block,
        "vocab_size": vocab,
        "eos_id": 0,
        "tokenizer": {
            "file": "tokenizer.json",
            "sha256": hashlib.sha256((path / "tokenizer.json").read_bytes()).hexdigest(),
        },
        "phases": [phase],
        "config": {},
        "provenance": {},
    }
    (path / "manifest.json").write_text(json.dumps(manifest))


def resume(device: str, tiny: bool) -> Row:
    """Train 20 steps undisturbed, and again with a kill; the weights must have the same hashes."""
    block = 64 if tiny else 256
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pack(folder / "pack", 200_000 if tiny else 600_000, 320, block)
        settings = [
            f"context={block}",
            "checkpoint.every=5",
            "evaluation.every=20",
            f"runtime.device={device}",
        ]
        settings += ["runtime.deterministic=true", "evaluation.sample_tokens=4", "evaluation.max_tokens=256"]
        if tiny:
            settings += ["runtime.threads=1", "batch.sequences=2", "batch.micro=2"]

        def fit(out: Path) -> list[str]:
            words: list[object] = [
                "fit",
                "--arch",
                "llama-gqa",
                "--size",
                "nano",
                "--steps",
                10 if tiny else 20,
            ]
            words += ["--data", folder / "pack", "--out", out, "--quiet"]
            return command(*words, *(word for setting in settings for word in ("--set", setting)))

        whole, killed = folder / "whole", folder / "killed"
        done = subprocess.run(fit(whole), capture_output=True, text=True, env=environment(), check=False)
        if done.returncode:
            return {"ok": False, "error": done.stderr[-1500:]}
        process = subprocess.Popen(
            fit(killed), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()
        )
        while process.poll() is None and not list((killed / "checkpoints").glob("step-*")):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done = subprocess.run(fit(killed), capture_output=True, text=True, env=environment(), check=False)
        if done.returncode:
            return {"ok": False, "error": done.stderr[-1500:]}
        # A run that ended by itself proves nothing.
        was_killed = process.returncode == -signal.SIGKILL
        hashes = [weight_hashes(out) for out in (whole, killed)]
        return {
            "ok": hashes[0] == hashes[1] and was_killed,
            "hashes": hashes,
            "was_killed": was_killed,
        }


def weight_hashes(out: Path) -> dict[str, str]:
    """Return the hashes of the files of the newest checkpoint."""
    newest = max((out / "checkpoints").glob("step-*"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in newest.glob("*.safetensors")}
