"""A trained model back from its run directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotrain.data.tokenizer import Tokenizer
from rotrain.errors import RotrainError
from rotrain.models.decoder import Decoder
from rotrain.train import checkpoint
from rotrain.train.rundir import RunDir


@dataclass(frozen=True)
class Trained:
    """The newest whole checkpoint of a run, ready to compute in fp32."""

    run: RunDir
    step: int
    model: Decoder
    tokenizer: Tokenizer
    eos_id: int
    notes: list[str]


def load_run(path: Path) -> Trained:
    """Load a run's newest checkpoint on the CPU; `notes` tells of damaged newer ones."""
    run = RunDir(path)
    record = run.record()
    if record is None:
        raise RotrainError("there is no run here", place=path, hint="train one with `rotrain fit`")
    saved, damaged = checkpoint.newest(run.checkpoints)
    if saved is None:
        what = damaged[0] if damaged else "the run has no checkpoint yet"
        raise RotrainError(what, place=path, hint="go on with the run: `rotrain fit ... --resume`")
    model = Decoder(saved.model)
    model.load_state_dict(saved.weights())
    return Trained(
        run, saved.step, model.eval(), Tokenizer(run.tokenizer), int(record["data"]["eos_id"]), damaged
    )
