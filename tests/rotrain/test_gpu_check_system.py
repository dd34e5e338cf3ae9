"""The parts of the GPU check that start commands: a process for each part, a killed run, doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECK = Path(__file__).parents[2] / "benches" / "gpu_check.py"


def test_the_command_runs_its_parts_and_a_killed_run_ends_in_the_same_weights(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    words = [sys.executable, str(CHECK), "--out", str(out), "--device", "cpu", "--tiny", "--only", "run:"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = json.loads(out.read_bytes())["parts"]
    assert {name: row["ok"] for name, row in parts.items()} == {"run:resume": True, "run:doctor": True}
    assert parts["run:resume"]["was_killed"] and len(parts["run:resume"]["hashes"][0]) == 2
