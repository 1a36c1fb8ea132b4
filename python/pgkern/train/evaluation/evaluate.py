"""The validation reward: greedy responses to the held-out problems, verified; and several sampled ones to each."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ...data.problem import Problem
from ...rollout.engine import Rollout, RolloutEngine, Sampling
from ..config import TrainConfig
from ..divergence.validation_history import Validation
from ..judging.rewards_in_loop import RewardJudge
from ..model.policy_model import Policy
from ..sampling.experience import Sample, collect
from ..seeds import derive_seed

_ANSWERED_TOGETHER = 1024  # responses; what was answered is handed on after so many


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
    samples = collect(policy, engine, judge, problems, sampling, watch=watch).samples()
    judge.end_step()
    return samples


def sampled_answers(
    policy: Policy,
    engine: RolloutEngine,
    judge: RewardJudge,
    problems: Sequence[Problem],
    config: TrainConfig,
    *,
    num_samples: int,
    temperature: float,
    watch: Callable[[Iterator[Rollout]], Iterable[Rollout]] = iter,
) -> Iterator[list[Sample]]:
    """`num_samples` responses to each problem, problem after problem, as they are done; the run's seed fixes them."""
    together = max(1, _ANSWERED_TOGETHER // num_samples)
    for first in range(0, len(problems), together):
        sampling = Sampling(
            num_samples=num_samples,
            temperature=temperature,
            max_tokens=config.rollouts.max_tokens,
            stop=config.rollouts.stop,
            seed=derive_seed(config.run.seed, "evaluation", first),
        )
        some = collect(policy, engine, judge, problems[first : first + together], sampling, watch=watch).samples()
        judge.end_step()
        for start in range(0, len(some), num_samples):
            yield some[start : start + num_samples]


def summary(samples: Sequence[Sample]) -> Validation:
    """Of the rewards of the samples that could be judged."""
    return Validation.of([sample.judged.reward for sample in samples if sample.judged.reward is not None])


def is_right(sample: Sample) -> bool:
    """Whether the verifier found the answer right; a function that gives numbers does so by 1 or more."""
    judged = sample.judged
    return judged.outcome == "correct" or (judged.outcome == "scored" and (judged.reward or 0.0) >= 1.0)
