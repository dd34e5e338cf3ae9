"""The results of `benches/gpu_check.py` as text for a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotrain.errors import RotrainError, reason

FORMAT, VERSION = "rotrain-gpu-check", 1
MAKE_HINT = "write one on the machine with the GPU: python benches/gpu_check.py --out FILE"


@dataclass(frozen=True)
class GpuReport:
    """What a GPU was measured to do.

    Attributes:
        record: The content of the file.
    """

    record: dict[str, Any]

    @property
    def failed(self) -> list[str]:
        """Names of the parts that did not pass."""
        return [name for name, row in self.record["parts"].items() if not row["ok"]]

    def to_markdown(self) -> str:
        """Return the table of the steps, the variants, the errors of the kernels, and what did not pass."""
        parts = self.record["parts"]
        lines = [self._machine(parts.get("machine", {})), ""]
        steps = {name.partition(":")[2]: row for name, row in parts.items() if _measured(name, row, "step")}
        if steps:
            lines += [
                "| 300m | tokens/s | MFU | peak GB | compiling s | graph breaks |",
                "|---|---|---|---|---|---|",
            ]
            lines += [_step_row(f"`{name}`", row) for name, row in steps.items()]
        variants = {
            name.partition(":")[2]: row for name, row in parts.items() if _measured(name, row, "variant")
        }
        if variants:
            lines += ["", "| changed | tokens/s | of the usual step |", "|---|---|---|"]
            lines += [_variant_row(name, row, steps) for name, row in variants.items()]
        for name, row in parts.items():
            if "errors" in row:
                worst = max(row["errors"], key=lambda key: row["errors"][key] / row["limits"][key])
                lines += [
                    "",
                    f"{name}: {len(row['errors'])} cases, the worst {worst}: {row['errors'][worst]:.1e} "
                    f"(limit {row['limits'][worst]:.0e}).",
                ]
        if "run:resume" in parts:
            same = "the same weights" if parts["run:resume"]["ok"] else "OTHER weights"
            lines += [
                "",
                f"A killed and resumed run has {same} as an undisturbed one (`runtime.deterministic=true`).",
            ]
        if self.failed:
            lines += [
                "",
                "Did not pass: " + "; ".join(f"{name} ({_why(parts[name])})" for name in self.failed) + ".",
            ]
        return "\n".join(lines)

    def _machine(self, row: dict[str, Any]) -> str:
        small = (
            " These are the small shapes of a trial: no figure is a measurement of 300m."
            if self.record["tiny"]
            else ""
        )
        if "name" not in row:
            return f"Device: {self.record['device']}.{small}"
        return (
            f"{row['name']}, {row['memory_bytes'] / 1e9:.0f} GB, torch {row['torch']}; a product of 8192 x 8192 matrices in bf16 "
            f"reaches {row['product_tflops']['bfloat16']:.0f} TFLOP/s.{small}"
        )


def read_gpu_report(path: Path) -> GpuReport:
    """Read the results of `benches/gpu_check.py`.

    Raises:
        RotrainError: The file cannot be read, or holds something else.
    """
    try:
        record = json.loads(path.read_bytes())
        if record["format"] != FORMAT or record["version"] != VERSION:
            raise ValueError(f"its format is {record['format']} {record['version']}, not {FORMAT} {VERSION}")
        if not isinstance(record["tiny"], bool) or not all(
            isinstance(row["ok"], bool) for row in record["parts"].values()
        ):
            raise ValueError("a part does not say whether it passed")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RotrainError(
            f"this is not a result of benches/gpu_check.py: {reason(error)}", place=path, hint=MAKE_HINT
        ) from None
    return GpuReport(record)


def _measured(name: str, row: dict[str, Any], kind: str) -> bool:
    return name.startswith(f"{kind}:") and "tokens_per_s" in row


def _step_row(name: str, row: dict[str, Any]) -> str:
    mfu = "-" if row["mfu"] is None else f"{row['mfu']:.1%}"
    return (
        f"| {name} | {row['tokens_per_s']:,.0f} | {mfu} | {row['allocated_bytes'] / 1e9:.1f} "
        f"| {row['compile_s']:.0f} | {row['graph_breaks']} |"
    )


def _variant_row(name: str, row: dict[str, Any], steps: dict[str, Any]) -> str:
    arch, _, change = name.partition(":")
    usual = steps.get(arch)
    ratio = "-" if usual is None else f"{row['tokens_per_s'] / usual['tokens_per_s']:.2f}x"
    return f"| `{arch}`, {change} | {row['tokens_per_s']:,.0f} | {ratio} |"


def _why(row: dict[str, Any]) -> str:
    if "error" in row:
        return str(row["error"]).partition("\n")[0]
    if "errors" in row:
        bad = [key for key in row["errors"] if row["errors"][key] > row["limits"][key]]
        return ", ".join(bad) or "graph breaks"
    if row.get("compile_failed"):
        return "not compiled"
    return f"{row['graph_breaks']} graph breaks" if row.get("graph_breaks") else "its result is wrong"
