"""The report in a real browser, headless: it is drawn, and nothing is fetched or complained of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from program import rotrain

from conftest import fit_config
from rotrain.progress import Progress
from rotrain.report.page import page
from rotrain.report.results import read_runs
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
    file = tmp_path / "report.html"
    assert rotrain("report", tmp_path / "llama-gqa", tmp_path / "mamba2", "--out", file).returncode == 0
    ended = chromium("--dump-dom", file.as_uri())
    assert ended.stdout.count("main-svg") >= 6
    assert "bits per byte" in ended.stdout
    assert not re.search(r"CONSOLE|ERR_", ended.stderr), ended.stderr
    picture = tmp_path / "page.png"
    chromium("--window-size=1300,2000", f"--screenshot={picture}", file.as_uri())
    assert picture.stat().st_size > 30_000, "an empty page of this size has a tenth of it"


def test_a_narrow_page_does_not_scroll_sideways(pack: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "rotools"))
    from browser import Browser

    for arch in ("llama-gqa", "mamba2"):
        run_training(fit_config(pack, tmp_path / arch, arch=arch, steps=12), Progress())
        assert rotrain("evaluate", tmp_path / arch, "--quiet", "--probes", "copy").returncode == 0
    file = tmp_path / "report.html"
    file.write_text(page(read_runs([tmp_path / "llama-gqa", tmp_path / "mamba2"]), "t"), encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        # As tall as the page, so that each chart is drawn.
        browser.ask(
            "Emulation.setDeviceMetricsOverride", width=400, height=9000, deviceScaleFactor=1, mobile=False
        )
        browser.ask("Page.navigate", url=file.as_uri())

        def found(script: str) -> Any:
            answer = browser.ask("Runtime.evaluate", expression=script, returnByValue=True)
            return answer["result"].get("value")

        drawn = (
            "document.querySelectorAll('.plot .main-svg').length >= document.querySelectorAll('.plot').length"
        )
        for _ in range(300):
            if found(f"document.readyState === 'complete' && {drawn}"):
                break
            time.sleep(0.1)
        assert found(drawn)
        assert found("document.documentElement.scrollWidth <= innerWidth")
        hidden = found(
            "[...document.querySelectorAll('th')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
        )
        assert hidden == 0, "each heading is inside of its cell"
        # A legend that is taller than the chart covers the caption under it.
        covered = found(
            "[...document.querySelectorAll('.chart')].filter((e) => { const legend = e.querySelector('.legend');"
            " return legend && legend.getBoundingClientRect().bottom > e.querySelector('figcaption').getBoundingClientRect().top + 1;"
            " }).length"
        )
        assert covered == 0
