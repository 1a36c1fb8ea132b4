"""Whether the validation reward has fallen far below what it has been: a fall that the train rewards may not show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance

from .reward_history import reward_bound

_CHANCE = 4.0  # standard errors; the best of many evaluations has luck in it, which 3 would take for a fall


@dataclass(frozen=True)
class Validation:
    """What one evaluation came to: `mean`, population `variance` and `count` of the rewards that could be judged."""

    mean: float
    variance: float
    count: int

    @classmethod
    def of(cls, rewards: Sequence[float]) -> Validation:
        """Of one reward a problem; the mean of none is NaN."""
        if not rewards:
            return cls(math.nan, math.nan, 0)
        return cls(fmean(rewards), pvariance(rewards), len(rewards))

    def exceeds(self, other: Validation) -> bool:
        """Whether the mean is higher by more than chance would have it, were both of one policy.

            mean - other.mean > 4 · √(s²/count + s²/other.count),   s² = the variance of all these rewards together

        A NaN is neither higher nor lower. The evaluations are of the same problems, so chance does less than this.
        """
        weight = self.count / max(self.count + other.count, 1)
        difference = self.mean - other.mean
        within = weight * self.variance + (1 - weight) * other.variance
        variance = within + weight * (1 - weight) * difference**2
        return difference > _CHANCE * math.sqrt(variance * (1 / max(self.count, 1) + 1 / max(other.count, 1)))


@dataclass
class ValidationHistory:
    """What is remembered of the evaluations: plain values, kept in each checkpoint (`TrainerState`).

    The first one is from before the first policy-gradient step, so a run that collapses at once has something to fall
    from, which `RewardHistory` does not see: it knows nothing before its first window of steps is whole.
    """

    best: Validation | None = None
    """The evaluation with the highest mean; None before the first."""
    first: float = 0.0
    """The mean of the first."""
    good_step: int = 0
    """The last step whose evaluation was as good as the best, but for chance."""

    def add(self, step: int, validation: Validation, *, min_share: float) -> bool:
        """Take the evaluation after a step; whether it is below the bound, and below the best by more than chance.

        The bound is `reward_bound`'s. An evaluation in which nothing could be judged says nothing.
        """
        if not validation.count:
            return False
        if self.best is None:
            self.best, self.first = validation, validation.mean
        if validation.mean >= self.best.mean:
            self.best = validation
        fallen = self.best.exceeds(validation)
        if not fallen:
            self.good_step = step
        return fallen and validation.mean < reward_bound(self.best.mean, self.first, min_share)
