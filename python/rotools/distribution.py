"""The name under which the two commands are distributed, in one place.

The package index has another project named `rotools`, so the distribution is called `rotext`. Every hint and every page
that tells a user what to install takes the name from here; `tests/test_distribution.py` reads them all.
"""

NAME = "rotext"


def install(extra: str) -> str:
    """The command that installs one optional group of dependencies.

    An installed distribution satisfies the name, so the command also works for one that was installed from a clone.

    Args:
        extra: The name of the group in pyproject.toml, for example `gguf`.

    Examples:
        >>> install("gguf")
        "pip install 'rotext[gguf]'"
    """
    return f"pip install '{NAME}[{extra}]'"
