"""A run before it starts: its model, its batches, its learning rate, and whether they make sense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotrain.config import FitConfig, ModelConfig
from rotrain.data.batches import BatchReader
from rotrain.data.curriculum import Curriculum, plan_curriculum
from rotrain.data.pack import Pack, open_pack
from rotrain.errors import RotrainError, UsageError
from rotrain.models import count
from rotrain.models.presets import model_config
from rotrain.train.schedule import LearningRate

# The best text is wasted if it is learnt at less than this part of the peak rate: "How Learning Rate Decay Wastes Your
# Best Data" (arXiv 2511.18903) finds that a full decay removes the gain of an ascending order.
LEAST_BEST_RATE = 0.1


@dataclass(frozen=True)
class Plan:
    """Everything that determines a run, before a byte of it is written.

    Attributes:
        config: Its configuration.
        model: Shape of its model.
        pack: Its data.
        batches: The tokens of each step.
        rate: The learning rate of each step.
    """

    config: FitConfig
    model: ModelConfig
    pack: Pack
    batches: BatchReader
    rate: LearningRate

    @property
    def curriculum(self) -> Curriculum:
        """What each step reads."""
        return self.batches.curriculum

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        return self.rate.steps

    @property
    def tokens_per_step(self) -> int:
        """Training tokens of a step."""
        return self.config.batch.sequences * self.config.context

    @property
    def run_flops(self) -> float:
        """Operations of the whole run."""
        return count.flops_per_token(self.model) * self.tokens_per_step * self.steps


def make_plan(config: FitConfig, origin: dict[str, Any] | None = None) -> Plan:
    """Open the pack and plan the run. Nothing is written.

    Args:
        config: The configuration of the run.
        origin: Where a branch starts (`branch.find_parent`): what its parent read is not read again.

    Raises:
        RotrainError: The pack cannot be read, or the configuration does not fit it.
    """
    pack = open_pack(Path(config.data))
    drawn = None
    if origin is not None and origin["drawn"] is not None:
        # With another context: the same tokens. At most the last part of one sequence is read twice.
        drawn = tuple(count * origin["context"] // config.context for count in origin["drawn"])
    model = model_config(
        config.arch,
        config.size,
        vocab_size=pack.vocab_size,
        context=config.context,
        window=config.window,
        document_end=pack.eos_id if config.document_mask else None,
    )
    curriculum = plan_curriculum(
        pack,
        context=config.context,
        batch=config.batch.sequences,
        steps=config.steps,
        fractions=config.phase_fractions,
        mixed=config.curriculum == "mixed",
        replay=config.mix.replay,
        ramp=config.mix.ramp,
        drawn=drawn,
    )
    return Plan(
        config,
        model,
        pack,
        BatchReader(curriculum, config.context, config.seed),
        learning_rate(config, curriculum),
    )


def learning_rate(config: FitConfig, curriculum: Curriculum) -> LearningRate:
    """Return the learning rate of a curriculum: the decay follows the last ramp, and the factors follow the mix.

    Raises:
        UsageError: `schedule.phase_lr` names a phase that the pack does not have.
    """
    factors = config.schedule.phase_lr or {}
    names = [phase.name for phase in curriculum.phases]
    for name in factors:
        if name not in names:
            raise UsageError(
                f"schedule.phase_lr names {name!r}, which is no phase of the pack",
                hint=f"its phases are: {', '.join(names)}",
            )

    def factor(step: int) -> float:
        return sum(part * factors.get(stage.name, 1.0) for stage, part in curriculum.blend(step))

    return LearningRate(
        config.schedule,
        config.optim.lr,
        curriculum.steps,
        last_phase=curriculum.stages[-1].steps - curriculum.ramps[-1],
        factor=factor if factors else None,
    )


def best_rate_of_last_stage(plan: Plan) -> float:
    """Return the highest rate of the last stage / the peak rate of the run."""
    stage = plan.curriculum.stages[-1]
    # Rates change slowly: a thousand steps of a long stage show its highest rate.
    stride = max(1, stage.steps // 1000)
    steps = range(stage.first + 1, plan.steps + 1, stride)
    return max(plan.rate.at(step) for step in steps) / plan.rate.peak


def check_rates(plan: Plan) -> None:
    """Refuse a run that reads all of its last, best text at a rate that hardly teaches it.

    Raises:
        RotrainError: The highest rate of the last stage is under `LEAST_BEST_RATE` of the peak.
    """
    ratio = best_rate_of_last_stage(plan)
    if ratio < LEAST_BEST_RATE - 1e-9:
        stage = plan.curriculum.stages[-1]
        raise RotrainError(
            f"the last phase, {stage.name!r}, would be trained only at {ratio:.1%} of the peak rate or less: "
            "the best text would hardly be learnt",
            hint="use --curriculum anneal (the decay is inside the last phase), a higher "
            "--set schedule.decay_to, or --force",
        )
