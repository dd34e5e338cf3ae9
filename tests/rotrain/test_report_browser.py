"""The report in a real browser, headless: it is drawn, and nothing is fetched or complained of."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from program import rotrain

from conftest import fit_config
from rotrain.progress import Progress
from rotrain.train.loop import run_training

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.usefixtures("tiny_nano"),
    pytest.mark.skipif(CHROMIUM is None, reason="install it: apt install chromium"),
]


def chromium(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a headless browser once."""
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_the_page_is_drawn(pack: Path, tmp_path: Path) -> None:
    for arch in ("llama-gqa", "mamba2"):
        run_training(fit_config(pack, tmp_path / arch, arch=arch, steps=12), Progress())
        assert rotrain("evaluate", tmp_path / arch, "--quiet", "--probes", "copy").returncode == 0
    page = tmp_path / "report.html"
    assert rotrain("report", tmp_path / "llama-gqa", tmp_path / "mamba2", "--out", page).returncode == 0
    ended = chromium("--dump-dom", page.as_uri())
    assert ended.stdout.count("main-svg") >= 6
    assert "bits per byte" in ended.stdout
    assert not re.search(r"CONSOLE|ERR_", ended.stderr), ended.stderr
    picture = tmp_path / "page.png"
    chromium("--window-size=1300,2000", f"--screenshot={picture}", page.as_uri())
    assert picture.stat().st_size > 30_000, "an empty page of this size has a tenth of it"
