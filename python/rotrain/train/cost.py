"""What a run costs before it runs: memory, disk, and hours on known GPUs."""

from __future__ import annotations

from typing import Any

from rotrain.config import ModelConfig
from rotrain.models import count
from rotrain.runtime.device import ASSUMED_MFU, PEAK_TFLOPS
from rotrain.runtime.memory import training_bytes
from rotrain.train.plan import Plan


def checkpoint_bytes(model: ModelConfig) -> int:
    """Return the bytes of a checkpoint: fp32 weights and AdamW's two moments. Muon keeps one moment for its matrices."""
    return 12 * count.param_count(model)


def run_cost(plan: Plan) -> dict[str, Any]:
    """Return bytes of memory by part, bytes of disk at most, and estimated hours by GPU.

    The hours are the operations of the run / (`ASSUMED_MFU` of the data sheet's peak): estimates, not measurements. The
    disk holds the kept checkpoints and the one that is being written.
    """
    one = checkpoint_bytes(plan.model)
    return {
        "memory_bytes": training_bytes(plan.model, plan.config.batch.micro) | {"checkpoint copy": one},
        "checkpoint_bytes": one,
        "disk_bytes": one * (plan.config.checkpoint.keep + 1),
        "gpu_hours": {
            gpu: {
                "hours": plan.run_flops / (PEAK_TFLOPS[gpu] * 1e12 * mfu) / 3600,
                "assumed_mfu": mfu,
                "peak_tflops": PEAK_TFLOPS[gpu],
            }
            for gpu, mfu in ASSUMED_MFU.items()
        },
    }
