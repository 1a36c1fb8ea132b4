"""How far a run has come: all that a step knows of the steps before it, besides the weights and the optimiser."""

from dataclasses import dataclass, field

from .divergence.reward_history import RewardHistory
from .divergence.validation_history import ValidationHistory
from .logs.metrics import Phase


@dataclass
class TrainerState:
    """Plain values, kept in each checkpoint. Every random seed follows from them and the run's seed."""

    phase: Phase = "warmup"
    step: int = 0
    """Steps of the phase that are done."""
    reward_before: float | None = None
    """Validation reward before the first policy-gradient step."""
    draws: int = 0
    """How often prompts have been drawn, which is the position in the data; with dynamic sampling more than steps."""
    running_mean: float | None = None
    """The baseline "running_mean": a mean of the returns of earlier steps; None before the first."""
    roll_backs: int = 0
    """How often the run went back to a checkpoint; the random streams of sampling depend on it."""
    learning_rate_factor: float = 1.0
    """What the roll-backs have made of the learning rate."""
    troubled_steps: dict[str, int] = field(default_factory=dict)
    """For how many steps in a row a metric has been out of its bounds."""
    reward_history: RewardHistory = field(default_factory=RewardHistory)
    """What a collapse of the train reward is told by."""
    validation_history: ValidationHistory = field(default_factory=ValidationHistory)
    """What a collapse of the validation reward is told by."""
