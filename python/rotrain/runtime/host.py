"""What a figure was made with: processor, system, versions, date, commit of the code and command. A thesis must name them."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rotrain


def describe_machine() -> dict[str, Any]:
    """Return the processor, the number of processors, the system and the Python version of this machine."""
    model = None
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
    except OSError:
        pass
    return {
        "processor": model or platform.processor() or platform.machine(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def describe_start() -> dict[str, Any]:
    """Return when, where and with which command this process started, for the record of a run.

    Examples:
        >>> sorted(describe_start())
        ['command', 'commit', 'date', 'processor', 'processors', 'python', 'rotrain', 'system']
    """
    command = shlex.join([Path(sys.argv[0]).name.replace("__main__.py", "rotrain"), *sys.argv[1:]])
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **describe_machine(),
        "rotrain": rotrain.__version__,
        "commit": commit(Path(rotrain.__file__).parent),
        "command": command,
    }


def commit(folder: Path) -> str | None:
    """Return the commit of the code in a folder, with `+` if files were changed since; None where git does not know the folder.

    An installed package may lie inside the working tree of another project, so its files must be known to git.
    """
    try:
        known = _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        found = _git(folder, "rev-parse", "HEAD") if known else ""
        return (
            found[:12] + ("+" if _git(folder, "status", "--porcelain", "-uno", ".") else "")
            if found
            else None
        )
    except (OSError, subprocess.SubprocessError):  # there is no git, or no repository
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
