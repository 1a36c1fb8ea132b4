"""The validation reward: greedy responses to the held-out problems, verified."""

from collections.abc import Callable, Iterable, Iterator

from ..data.problem import Problem
from ..rollout.engine import Rollout, RolloutEngine, Sampling
from .config import TrainConfig
from .experience import Experience, collect
from .policy_model import Policy


def evaluate(
    policy: Policy,
    engine: RolloutEngine,
    problems: list[Problem],
    config: TrainConfig,
    *,
    watch: Callable[[Iterator[Rollout]], Iterable[Rollout]] = iter,
) -> Experience:
    """One greedy response to each problem; the validation reward is the mean of its rewards."""
    sampling = Sampling(temperature=0.0, max_tokens=config.rollouts.max_tokens, stop=config.rollouts.stop)
    return collect(policy, engine, problems, sampling, config.rewards[0].function, watch=watch)


def mean_reward(experience: Experience) -> float:
    """The mean reward over all rollouts."""
    return sum(reward.reward for reward in experience.rewards) / len(experience.rewards)
