"""Whether a run has gone wrong, told from a step's metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from torch import Tensor

from ..config import DivergenceConfig
from ..state import TrainerState
from .validation_history import Validation

_NEVER_INFINITE = {
    "loss": "the loss",
    "gradient_norm": "the gradient's norm",
    "value_loss": "the value function's loss",
    "entropy": "the entropy",
}
_SOLVED = 0.95  # a policy that knows the task may be sure of itself


class DivergenceWatch:
    """Looks at one step after the other.

    A loss or norm that is not finite is a divergence at once. A largest ratio above `max_ratio` is one after
    `patience` steps in a row, and so is a mean entropy below `min_entropy`, unless the task is solved: 95 % of the
    step's answers are correct or, where rewards give numbers and no verdicts, their mean is 0.95 or more (1 is right,
    as in `is_right`; with another scale `min_entropy` 0 leaves the entropy alone). A metric that was not measured says
    nothing, and leaves its count as it is; the warm-up, which has no `train_reward`, has no bound on its entropy.

    A train reward that stays far below its own best is one too, when `RewardHistory.lost` comes to `reward_patience`:
    a run can collapse while its loss, ratio and entropy look healthy. It is for data whose difficulty does not depend
    on the step; where it does, `min_reward_share` 0 leaves the reward alone. And so is a validation reward that
    `ValidationHistory` finds fallen at `patience` evaluations in a row; that sees a fall within the first steps too.

    What it remembers is kept in the checkpoints: the watch changes the state that it is given.
    """

    def __init__(self, config: DivergenceConfig, state: TrainerState) -> None:
        self._config = config
        self._troubled_steps = state.troubled_steps
        self._rewards = state.reward_history
        self._validations = state.validation_history
        self.wrong_since = 0
        """The step that went wrong first, as far as the last check could tell."""

    @property
    def troubled(self) -> bool:
        """Whether a metric was out of its bounds at the last step; a checkpoint of now is nothing to roll back to."""
        return any(self._troubled_steps.values()) or self._rewards.lost >= 1.0

    def check(self, step: int, metrics: Mapping[str, float | None]) -> str | None:
        """What has happened, in words for the event and the error; None where nothing has, or nothing is watched."""
        self.wrong_since = step
        if self._config.action == "ignore":
            return None
        for name, words in _NEVER_INFINITE.items():
            if name in metrics and not _finite(metrics[name]):
                return f"{words} is {_number(metrics[name])} at step {step}"
        ratio, entropy = metrics.get("ratio_max"), metrics.get("entropy")
        if "ratio_max" in metrics:
            if ratio is None or math.isnan(ratio):
                return f"the largest ratio is {_number(ratio)} at step {step}"
            out = ratio > self._config.max_ratio
            if self._count("ratio_max", out):
                return f"ratio_max {ratio:.3g} is above {self._config.max_ratio:.3g}{self._in_a_row('ratio_max', step)}"
        if entropy is not None and "train_reward" in metrics:
            out = entropy < self._config.min_entropy and not _solved(metrics)
            if self._count("entropy", out):
                return f"entropy {entropy:.3g} is below {self._config.min_entropy:.3g}{self._in_a_row('entropy', step)}"
        return self._check_reward(step, metrics.get("train_reward"))

    def check_validation(self, step: int, validation: Validation) -> str | None:
        """What the evaluation after a step tells, in the words of `check`."""
        config, history = self._config, self._validations
        if config.action == "ignore" or config.min_reward_share == 0:
            return None
        fallen = history.add(step, validation, min_share=config.min_reward_share)
        if not self._count("validation_reward", fallen) or history.best is None:
            return None
        self.wrong_since = history.good_step + 2  # the checkpoint of the good step itself is one to go back to
        return (
            f"validation_reward has fallen from {history.best.mean:.3g} to {validation.mean:.3g} since step "
            f"{history.good_step}{self._in_a_row('validation_reward', step, 'evaluations')}"
        )

    def _check_reward(self, step: int, reward: float | None) -> str | None:
        config, rewards = self._config, self._rewards
        if reward is None or config.min_reward_share == 0:
            return None
        rewards.add(step, reward, window=config.reward_window, min_share=config.min_reward_share)
        if rewards.lost < config.reward_patience:
            return None
        # The fall may have begun in the last good window: a checkpoint counts from before it, and not the step before.
        self.wrong_since = rewards.good_step - config.reward_window + 2
        return (
            f"train_reward has fallen from {rewards.best_mean:.3g} to {rewards.last_mean:.3g} since step "
            f"{rewards.good_step} (means of {config.reward_window} steps) and has not come back by step {step}"
        )

    def _count(self, name: str, out_of_bounds: bool) -> bool:
        """Count the step; whether that is one too many."""
        self._troubled_steps[name] = self._troubled_steps.get(name, 0) + 1 if out_of_bounds else 0
        return self._troubled_steps[name] >= self._config.patience

    def _in_a_row(self, name: str, step: int, times: str = "steps") -> str:
        count = self._troubled_steps[name]
        return f" at step {step}" if count == 1 else f" for {count} {times} in a row, the last of them step {step}"


def infinite_weight(weights: Iterable[tuple[str, Tensor]]) -> str | None:
    """The first weight with a value that is not finite, told in words; None where there is none.

    A gradient can be finite and the step still overflow; the next sampling would fail on it and name no cause.
    """
    for name, weight in weights:
        if weight.is_floating_point() and not bool(weight.isfinite().all()):
            return f"the weight {name} has values that are not finite"
    return None


def _solved(metrics: Mapping[str, float | None]) -> bool:
    """Whether nearly every answer is right, as far as the rewards say so."""
    by_numbers = (metrics.get("outcome_scored") or 0.0) > 0.0
    right = metrics.get("train_reward") if by_numbers else metrics.get("outcome_correct")
    return right is not None and right >= _SOLVED


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value}"  # logs write null for what is not finite
