"""Checks the licences of every installed Python package, as `cargo deny` checks those of the crates.

python .ci/licences.py

A licence that is not in the list fails, and so does a package without one. The exceptions say how each is used.
"""

import re
import sys
from importlib.metadata import Distribution, distributions

PERMISSIVE = {
    "0bsd", "apache", "apache 2.0", "apache 2.0 license", "apache-2.0", "apache-2.0 with llvm-exception", "apache license 2.0",
    "apache license, version 2.0", "apache software license", "apache software license 2.0", "bsd", "bsd license",
    "bsd-2-clause", "bsd-3-clause", "bsd 3-clause", "3-clause bsd license", "bsl-1.0", "cc0-1.0", "cnri-python",
    "isc", "isc license", "isc license (iscl)", "mit", "mit license", "mit-cmu", "mit-0", "the mit license (mit)",
    "mozilla public license 2.0 (mpl 2.0)", "mpl-2.0", "mpl 2.0", "psf-2.0", "python software foundation license",
    "unicode-3.0", "unlicense", "the unlicense (unlicense)", "zlib", "zpl-2.1", "hpnd",
}  # fmt: skip
EXCEPTIONS = {
    "rotext": "this project",
    "pypdfium2": "BSD-3-Clause or Apache-2.0; its PDFium carries the permissive licences of its parts",
    "fpdf2": "LGPL-3.0: makes PDF files for the tests, never shipped",
    "rowordnet": "GPL-3.0: its data is read by `rotools sample`, its code is never imported, nothing of it is shipped",
    "cuda-toolkit": "NVIDIA: a part of PyTorch's CUDA build, installed by PyTorch and never shipped",
}
NVIDIA = re.compile(r"nvidia-.*")  # libraries of PyTorch's CUDA build, installed by PyTorch and never shipped


def licences(package: Distribution) -> list[str]:
    """The licences that a package declares: its SPDX expression, else its classifiers, else the free text."""
    meta = package.metadata
    expression = meta.get("License-Expression")
    if expression:
        return [part.strip(" ()") for part in re.split(r"\bAND\b|\bOR\b", expression)]
    classifiers = [
        line.rpartition("::")[2].strip() for line in meta.get_all("Classifier") or [] if "License ::" in line
    ]
    classifiers = [name for name in classifiers if name != "OSI Approved"]
    if classifiers:
        return classifiers
    text = (meta.get("License") or "").strip()
    return (
        [part.strip(" ()") for part in re.split(r"\bAND\b|\bOR\b|,(?! [Vv]ersion)|/", text)]
        if 0 < len(text) < 80
        else []
    )


def main() -> int:
    """Print each package whose licence is not allowed; return 1 when there is one."""
    refused = 0
    names = set()
    for package in distributions():
        name = package.metadata["Name"].lower()
        names.add(name)
        if name in EXCEPTIONS or NVIDIA.fullmatch(name):
            continue
        found = licences(package)
        if not found or not all(licence.lower() in PERMISSIVE for licence in found):
            print(f"{name}: licence {', '.join(found) or 'not declared'}")
            refused += 1
    print(f"{len(names)} Python packages, {refused} with a licence that is not allowed")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
