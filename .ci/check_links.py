"""Fails when a Markdown file of the project links to a file that is not there."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def main() -> int:
    """Prints each dead link with its file and line; returns 1 when there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    dead = 0
    for name in listed.stdout.split():
        path = ROOT / name
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for target in LINK.findall(line):
                if "://" not in target and not (path.parent / target).exists():
                    print(f"{name}:{number}: no such file: {target}")
                    dead += 1
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
