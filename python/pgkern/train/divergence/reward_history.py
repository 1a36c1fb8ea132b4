"""Whether a run's reward has fallen far below what it has been, and when it was last as good as ever."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean


@dataclass
class RewardHistory:
    """What is remembered of the train rewards: plain values, kept in each checkpoint (`TrainerState.reward_history`).

    With `first` and `best` the mean rewards of the first and of the best `window` steps in a row, a step counts by how
    far its reward is below a bound between the best and a floor, and the sum of that never falls below 0 (a CUSUM,
    Page 1954):

        bound = reward_bound(best, first, min_share),   floor = min(0, first)
        lost  = max(0, lost + min(1, (bound - reward) / (bound - floor)))

    So a step with reward 0 counts as one lost step, one at the bound as none, one at twice the bound makes up for a
    lost one.

    Nothing counts before the first window is whole, nor while bound - floor is less than the standard deviation of a
    step's reward: where rewards are so rare or so noisy, a fall and chance look alike.
    """

    recent: list[float] = field(default_factory=list)
    """The last window."""
    best: list[float] = field(default_factory=list)
    """The window with the highest mean; empty before the first is whole."""
    first: float = 0.0
    """The mean of the first window."""
    lost: float = 0.0
    """Steps' worth of reward below the bound."""
    good_step: int = 0
    """The last step whose window was as good as the best, but for chance (two standard errors of the best)."""

    def add(self, step: int, reward: float, *, window: int, min_share: float) -> None:
        """Take the mean reward of a step."""
        self.recent = [*self.recent, reward][-window:]
        if len(self.recent) < window:
            return
        now = self.last_mean
        if not self.best:
            self.first = now
        if not self.best or now >= self.best_mean:
            self.best = self.recent
        best, floor, deviation = self.best_mean, min(0.0, self.first), _step_deviation(self.best)
        if now >= best - 2 * deviation / math.sqrt(len(self.best)):
            self.good_step = step
        height = reward_bound(best, self.first, min_share) - floor
        if height <= 0.0 or height < deviation:
            self.lost = 0.0
        else:
            self.lost = max(0.0, self.lost + min(1.0, (floor + height - reward) / height))

    @property
    def best_mean(self) -> float:
        """Of the window with the highest."""
        return fmean(self.best)

    @property
    def last_mean(self) -> float:
        """Of the last window."""
        return fmean(self.recent)


def reward_bound(best: float, first: float, min_share: float) -> float:
    """The lowest reward that is no collapse.

        min(0, first) + min_share · (best - min(0, first))

    Rewards from 0 up are held to a share of their best. Where they begin below 0, a share of the best means nothing,
    and what counts is how much is left of what was won since the first.
    """
    floor = min(0.0, first)
    return floor + min_share * (best - floor)


def _step_deviation(rewards: list[float]) -> float:
    """Of one step's reward, from the differences between neighbours: a rise or fall over the window adds little."""
    return math.sqrt(fmean((after - before) ** 2 for before, after in pairwise(rewards)) / 2)
