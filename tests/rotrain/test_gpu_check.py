"""The check for a GPU runs on a CPU in small, so that its first minutes on a GPU do not end in a typo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from program import rotrain

from rotrain.bench.gpu_report import read_gpu_report
from rotrain.errors import RotrainError
from rotrain.models import kernels

BENCHES = Path(__file__).parents[2] / "benches"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHES))
    import gpu_check

    # The command itself takes seconds to start; test_gpu_check_system.py runs it.
    parts = {name: limit for name, limit in gpu_check.PARTS.items() if not name.startswith("run:")}
    monkeypatch.setattr(gpu_check, "PARTS", parts)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield gpu_check
    torch.set_num_threads(threads)


def test_every_part_passes_in_small_and_becomes_a_table(
    check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.json"
    record = check.check(out, "cpu", tiny=True, seconds=600, apart=False)
    assert list(record["parts"]) == list(check.PARTS)
    assert {name: row for name, row in record["parts"].items() if not row["ok"]} == {}
    assert json.loads(out.read_bytes()) == json.loads(json.dumps(record))
    cases = record["parts"]["parity:kernels"]["errors"]
    assert {name.rsplit(" ", 1)[1] for name in cases} == {"bf16", "fp32"} and len(cases) == 36
    assert record["parts"]["profile:llama-gqa"]["kernels"][0]["ms"] > 0

    capsys.readouterr()
    check.check(out, "cpu", tiny=True, seconds=600, apart=False)
    assert capsys.readouterr().out == ""  # everything is there: nothing is done again
    check.check(out, "cpu", tiny=True, seconds=600, again="step:mamba2", apart=False)
    assert capsys.readouterr().out.count("ok,") == 2  # mamba2 and mamba2-hybrid

    shown = rotrain("doctor", "--gpu-report", out)
    assert shown.returncode == 0 and "no figure is a measurement of 300m" in shown.stdout
    assert "| `llama-gqa`, micro4 |" in shown.stdout and "Did not pass" not in shown.stdout
    assert json.loads(rotrain("doctor", "--gpu-report", out, "--json").stdout)["device"] == "cpu"


def test_a_wrong_kernel_fails_and_is_named(
    check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
        return kernels.REFERENCE.layer_norm(x, weight, bias, eps + 0.3)

    def broken(*_: object) -> torch.Tensor:
        raise ValueError("no such kernel")

    def crash(*_: object) -> dict[str, object]:
        raise MemoryError("a part of its own")

    import gpu_parts

    whole = kernels.choose
    monkeypatch.setattr(
        kernels,
        "choose",
        lambda *given: __import__("dataclasses").replace(whole(*given), layer_norm=wrong, rope=broken),
    )
    monkeypatch.setitem(gpu_parts.MEASURES, "step", crash)
    out = tmp_path / "gpu.json"
    record = check.check(out, "cpu", tiny=True, seconds=600, only="parity:kernels", apart=False)
    row = record["parts"]["parity:kernels"]
    bad = {key.rsplit(" ", 1)[0] for key in row["errors"] if row["errors"][key] > row["limits"][key]}
    assert not row["ok"] and bad == {"layer_norm", "rope"}
    record = check.check(out, "cpu", tiny=True, seconds=600, only="step:llama-gqa", apart=False)
    assert record["parts"]["step:llama-gqa"]["error"] == "MemoryError: a part of its own"
    report = read_gpu_report(out)
    assert report.failed == ["parity:kernels", "step:llama-gqa"]
    assert "Did not pass: parity:kernels (rope bf16, layer_norm bf16" in report.to_markdown() or (
        "Did not pass: parity:kernels (layer_norm bf16" in report.to_markdown()
    )


def test_a_part_has_a_limit_and_the_rest_waits_for_the_next_call(
    check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = check.run_apart("machine", "cpu", True, 0.5)
    assert not row["ok"] and row["error"].startswith("no result after")
    check.check(tmp_path / "gpu.json", "cpu", tiny=True, seconds=10, apart=False)
    assert "skipped, the time is over; the same command goes on" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"format": "rotrain-gpu-check", "version": 2, "parts": {}}']
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "gpu.json"
    file.write_bytes(content)
    with pytest.raises(RotrainError, match=r"not a result of benches/gpu_check\.py") as error:
        read_gpu_report(file)
    assert "benches/gpu_check.py" in str(error.value.hint)
