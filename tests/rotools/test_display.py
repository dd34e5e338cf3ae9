"""The progress of a verb: bars on a terminal, lines in a log file, nothing with --quiet; and Ctrl-C."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rotools_program import jsonl, texts

from rotools.cli import display
from rotools.progress import Status


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with display.Display(quiet=True) as shown:
        assert shown.callback is None
    assert capsys.readouterr() == ("", "")


def test_a_log_file_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, *map(float, range(100, 171, 10))])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    with display.Display(quiet=False) as shown:
        assert shown.callback is not None
        for now in range(100, 171, 10):
            shown.callback(Status("encode web", 1, 1000, 10 * (now - 100), 2_000_000 * (now - 100), now))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["encode web"] * 2
    # 30 seconds and 30 %: 70 seconds are left.
    assert "30 %, about 70 s left, 2.0 MB/s" in lines[0] and "60 %, about 40 s left" in lines[1]


def test_a_step_without_bytes_shows_its_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.0, 40.0])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    with display.Display(quiet=False) as shown:
        assert shown.callback is not None
        for _ in range(2):
            shown.callback(Status("books", 1, 0, 0, note="3/10 books, 120 pages"))
    assert capsys.readouterr().err == "books: 3/10 books, 120 pages\n"


def test_a_terminal_gets_bars(tmp_path: Path) -> None:
    corpus = jsonl(tmp_path / "corpus.jsonl", texts(50, 1))
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "rotools", "normalize", str(corpus), "--out", str(tmp_path / "o.jsonl")]
    with subprocess.Popen(command, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(main, 4096):
                shown += part
        except OSError:
            pass  # Linux reports the closed terminal as an error.
    os.close(main)
    assert process.returncode == 0
    assert b"normalize" in shown and b"100%" not in shown and "50 documents" in shown.decode()


def test_ctrl_c_stops_a_verb_in_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    lines = (
        json.dumps({"text": "Un text care nu se termină. " * 40}, ensure_ascii=False) + "\n"
    ).encode() * 500
    for quiet in ([], ["--quiet"]):
        command = [sys.executable, "-m", "rotools", "normalize", "-", "--out", str(out), *quiet]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin is not None
        # The input never ends, so the verb cannot finish before the signal is handled.
        for _ in range(4):
            process.stdin.write(lines)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:
                process.stdin.write(lines)
        process.stdin = None
        _, shown = process.communicate()
        assert process.returncode == 130 and b"Traceback" not in shown
        assert shown.decode().startswith("error: stopped by the user")
        assert not out.exists()
