"""Rewards of rollouts as the loop needs them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from ..data.problem import Problem
from ..rewards import reward_named
from ..rollout.engine import Rollout
from .config import RewardConfig


@dataclass(frozen=True)
class Judged:
    """What a rollout earned."""

    reward: float | None
    format_reward: float
    outcome: str
    reason: str = ""
    answer: str | None = None
    parts: dict[str, float] = field(default_factory=dict)


class RewardJudge:
    """Judges rollouts by the configured rewards."""

    def __init__(self, rewards: Sequence[RewardConfig]) -> None:
        self._reward = reward_named(rewards[0].function)
        self._judged: list[Judged] = []

    def __enter__(self) -> "RewardJudge":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def check_columns(self, problems: Sequence[Problem]) -> None:
        """Nothing to check."""

    def submit(self, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> None:
        """Judge them."""
        for rollout, problem in zip(rollouts, problems, strict=True):
            earned = self._reward(rollout.response, problem.gold)
            self._judged.append(Judged(earned.reward, earned.format_reward, earned.verdict.name.lower(), earned.reason))

    def results(self) -> list[Judged]:
        """What was judged since the last call."""
        judged, self._judged = self._judged, []
        return judged


def reward_metrics(judged: Sequence[Judged]) -> dict[str, float]:
    """The mean reward."""
    rewards = [each.reward for each in judged if each.reward is not None]
    return {"train_reward": sum(rewards) / len(rewards)} if rewards else {}
