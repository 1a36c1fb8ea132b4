"""The validation reward: greedy responses to the held-out problems, verified."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..data.problem import Problem
from ..rollout.engine import Rollout, RolloutEngine, Sampling
from .config import TrainConfig
from .experience import Sample, collect
from .policy_model import Policy
from .rewards_in_loop import RewardJudge


def evaluate(
    policy: Policy,
    engine: RolloutEngine,
    judge: RewardJudge,
    problems: Sequence[Problem],
    config: TrainConfig,
    *,
    watch: Callable[[Iterator[Rollout]], Iterable[Rollout]] = iter,
) -> list[Sample]:
    """One greedy response to each problem; the validation reward is the mean of its rewards."""
    sampling = Sampling(temperature=0.0, max_tokens=config.rollouts.max_tokens, stop=config.rollouts.stop)
    return collect(policy, engine, judge, problems, sampling, watch=watch).samples()


def mean_reward(samples: Sequence[Sample]) -> float:
    """The mean reward of the samples that could be judged; NaN when none could."""
    rewards = [sample.judged.reward for sample in samples if sample.judged.reward is not None]
    return sum(rewards) / len(rewards) if rewards else float("nan")
