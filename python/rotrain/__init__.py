"""rotrain: train, run, export, quantize and measure small Romanian language models from a pack directory.

The names below are imported when they are first used, so `import rotrain` takes no time and needs no PyTorch.

Examples:
    >>> import rotrain
    >>> config = rotrain.make_config(
    ...     arch="llama-mha", size="nano", data="pack", out="runs/first", steps=2, settings={"context": 32}
    ... )
    >>> result = rotrain.fit(config)
    >>> text = rotrain.generate(result.run, "A fost odată", max_tokens=8)
    >>> str(text).startswith("A fost odată")
    True
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

# Triton reads it when a kernel is defined. The choice of the fastest variant of a kernel is then kept on the disk, so a
# machine makes it once and computes the same bits the next time.
os.environ.setdefault("TRITON_CACHE_AUTOTUNING", "1")

if TYPE_CHECKING:
    from rotools import __version__
    from rotrain.bench.benchmark import BenchResult, run_benchmark
    from rotrain.bench.training import TrainingBenchResult, run_training_benchmark
    from rotrain.compare.run_study import StudyResult, plan_study, run_study
    from rotrain.config import FitConfig, ModelConfig
    from rotrain.conversation import Conversation
    from rotrain.data.pack import Pack, open_pack
    from rotrain.data.torch import PackDataset, PackStream
    from rotrain.errors import RotrainError, Stopped, UsageError
    from rotrain.evaluation.evaluate import EvaluationResult, evaluate
    from rotrain.exporters.export import ExportResult, export
    from rotrain.generation import GenerateResult, Sampling, generate, stream
    from rotrain.models.catalog import ArchitectureSize, list_architectures
    from rotrain.models.decoder import Decoder
    from rotrain.models.presets import model_config
    from rotrain.progress import Progress
    from rotrain.publishing import PushResult, push
    from rotrain.quantization.quantize import QuantizeResult, quantize
    from rotrain.report.write import ReportResult, write_report
    from rotrain.run.directory import RunDirectory
    from rotrain.run.load import TrainedModel, load_run
    from rotrain.runtime.doctor import MachineCheck, check_machine
    from rotrain.serving import RunningServer, serve
    from rotrain.train.average import AverageResult, average
    from rotrain.train.configure import make_config
    from rotrain.train.fit import FitResult, SweepResult, fit, sweep
    from rotrain.train.preview import PlanResult, plan

__all__ = [
    "ArchitectureSize",
    "AverageResult",
    "BenchResult",
    "Conversation",
    "Decoder",
    "EvaluationResult",
    "ExportResult",
    "FitConfig",
    "FitResult",
    "GenerateResult",
    "MachineCheck",
    "ModelConfig",
    "Pack",
    "PackDataset",
    "PackStream",
    "PlanResult",
    "Progress",
    "PushResult",
    "QuantizeResult",
    "ReportResult",
    "RotrainError",
    "RunDirectory",
    "RunningServer",
    "Sampling",
    "Stopped",
    "StudyResult",
    "SweepResult",
    "TrainedModel",
    "TrainingBenchResult",
    "UsageError",
    "__version__",
    "average",
    "check_machine",
    "evaluate",
    "export",
    "fit",
    "generate",
    "list_architectures",
    "load_run",
    "make_config",
    "model_config",
    "open_pack",
    "plan",
    "plan_study",
    "push",
    "quantize",
    "run_benchmark",
    "run_study",
    "run_training_benchmark",
    "serve",
    "stream",
    "sweep",
    "write_report",
]

# The module that defines each name.
_MODULES = {
    "rotools": ("__version__",),
    "rotrain.bench.benchmark": ("BenchResult", "run_benchmark"),
    "rotrain.bench.training": ("TrainingBenchResult", "run_training_benchmark"),
    "rotrain.compare.run_study": ("StudyResult", "plan_study", "run_study"),
    "rotrain.config": ("FitConfig", "ModelConfig"),
    "rotrain.conversation": ("Conversation",),
    "rotrain.data.pack": ("Pack", "open_pack"),
    "rotrain.data.torch": ("PackDataset", "PackStream"),
    "rotrain.errors": ("RotrainError", "Stopped", "UsageError"),
    "rotrain.evaluation.evaluate": ("EvaluationResult", "evaluate"),
    "rotrain.exporters.export": ("ExportResult", "export"),
    "rotrain.generation": ("GenerateResult", "Sampling", "generate", "stream"),
    "rotrain.models.catalog": ("ArchitectureSize", "list_architectures"),
    "rotrain.models.decoder": ("Decoder",),
    "rotrain.models.presets": ("model_config",),
    "rotrain.progress": ("Progress",),
    "rotrain.publishing": ("PushResult", "push"),
    "rotrain.quantization.quantize": ("QuantizeResult", "quantize"),
    "rotrain.report.write": ("ReportResult", "write_report"),
    "rotrain.run.directory": ("RunDirectory",),
    "rotrain.run.load": ("TrainedModel", "load_run"),
    "rotrain.runtime.doctor": ("MachineCheck", "check_machine"),
    "rotrain.serving": ("RunningServer", "serve"),
    "rotrain.train.average": ("AverageResult", "average"),
    "rotrain.train.configure": ("make_config",),
    "rotrain.train.fit": ("FitResult", "SweepResult", "fit", "sweep"),
    "rotrain.train.preview": ("PlanResult", "plan"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
_NEEDS_NOTHING = {"RotrainError", "Stopped", "UsageError", "Progress", "__version__"}


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'rotrain' has no attribute {name!r}")
    if name not in _NEEDS_NOTHING:
        from rotrain.requirements import require_train_packages

        require_train_packages()
    value: object = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
