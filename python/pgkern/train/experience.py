"""Rollouts of a step with their rewards and advantages: everything an update needs to know of the outside world."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ..advantages import batch_mean, group_mean, leave_one_out
from ..data.problem import Problem
from ..rewards import Reward, boxed_many, gsm8k_many, json_match, r1_zero_many, text_match
from ..rollout.engine import Rollout, RolloutEngine, Sampling
from ..verification import Verdict
from .config import AdvantageConfig
from .policy_model import Policy


def _each(reward: Callable[[str, str], Reward]) -> Callable[[Sequence[str], Sequence[str]], list[Reward]]:
    return lambda completions, golds: [reward(*pair) for pair in zip(completions, golds, strict=True)]


_REWARDS: dict[str, Callable[[Sequence[str], Sequence[str]], list[Reward]]] = {
    "r1_zero": r1_zero_many,
    "boxed": boxed_many,
    "gsm8k": gsm8k_many,
    "json_match": _each(json_match),
    "text_match": _each(text_match),
}
ANSWER_PLACES: dict[str, str] = {
    "r1_zero": "answer_tag",
    "boxed": "boxed",
    "gsm8k": "gsm8k",
    "json_match": "whole",
    "text_match": "whole",
}
"""Where each reward looks for the answer, as a mode of `extract_answer`."""


@dataclass(frozen=True)
class Experience:
    """Rollouts of some problems, the samples of one problem next to one another, and their verified rewards."""

    problems: list[Problem]
    rollouts: list[Rollout]
    """`problems[i // num_samples]` is what `rollouts[i]` answers."""
    rewards: list[Reward]
    seconds_verify: float

    def problem_of(self, index: int) -> Problem:
        """The problem that a rollout answers."""
        return self.problems[self.rollouts[index].prompt_index]

    def metrics(self) -> dict[str, float]:
        """Means over the rollouts: reward, format, length, truncation, and the share of each verdict."""
        count = len(self.rollouts)
        verdicts = Counter(reward.verdict for reward in self.rewards)
        return {
            "train_reward": sum(reward.reward for reward in self.rewards) / count,
            "format_reward": sum(reward.format_reward for reward in self.rewards) / count,
            "response_length": sum(len(rollout.response_ids) for rollout in self.rollouts) / count,
            "truncated_fraction": sum(rollout.finish_reason == "length" for rollout in self.rollouts) / count,
            **{f"verdict_{verdict.name.lower()}": verdicts[verdict] / count for verdict in Verdict},
        }


def collect(
    policy: Policy,
    engine: RolloutEngine,
    problems: list[Problem],
    sampling: Sampling,
    reward: str,
    *,
    watch: Callable[[Iterator[Rollout]], Iterable[Rollout]] = iter,
) -> Experience:
    """Sample `sampling.num_samples` responses to each problem and verify them all.

    `watch` may look at the rollouts as they come, for a progress bar.

    Raises `RuntimeError` when the engine did not answer every prompt as often as asked.
    """
    arriving = engine.generate([policy.prompt(problem) for problem in problems], sampling)
    rollouts = sorted(watch(arriving), key=lambda rollout: rollout.prompt_index)
    answered = Counter(rollout.prompt_index for rollout in rollouts)
    if len(answered) != len(problems) or set(answered.values()) != {sampling.num_samples}:
        raise RuntimeError(
            f"the engine gave {len(rollouts)} rollouts of {len(answered)} prompts, "
            f"expected {sampling.num_samples} of each of {len(problems)}"
        )
    golds = [problems[rollout.prompt_index].gold for rollout in rollouts]
    started = time.perf_counter()
    rewards = _REWARDS[reward]([rollout.response for rollout in rollouts], golds)
    return Experience(problems, rollouts, rewards, time.perf_counter() - started)


def advantages(experience: Experience, config: AdvantageConfig) -> list[float]:
    """A - b(s) for every rollout, by the configured baseline (primer eq. 22-25)."""
    rewards_N = torch.tensor([reward.reward for reward in experience.rewards], dtype=torch.float64)
    group_size = len(experience.rollouts) // len(experience.problems)
    if config.baseline == "group_mean":
        advantages_N = group_mean(rewards_N, group_size, normalize_std=config.normalize_std)
    elif config.baseline == "leave_one_out":
        advantages_N = leave_one_out(rewards_N, group_size)
    elif config.baseline == "batch_mean":
        advantages_N = batch_mean(rewards_N, normalize_std=config.normalize_std)
    else:
        advantages_N = rewards_N
    values: list[float] = advantages_N.tolist()
    return values
