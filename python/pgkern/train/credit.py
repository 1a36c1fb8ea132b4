"""From rewards at the end of rollouts to an advantage for every token (primer eq. 5, 6 and 22-25).

Names: N rollouts that were judged, T their response tokens behind one another.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..advantages import batch_mean, constant, gae, group_mean, leave_one_out, running_mean
from ..returns import discounted
from ..reward_shaping import kl_penalty_rewards, overlong_penalty
from .config import TrainConfig
from .sampling.experience import Sample

Values = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Credit:
    """What the updates of a step train on."""

    trained: list[int]
    """Which of the samples."""
    advantages: list[list[float]]
    """Of the response tokens of each sample that is trained on."""
    value_targets: list[list[float]]
    """The return that V(s) is to predict at each of these tokens; empty without a value function."""
    episode_returns: Tensor
    """`[N]`, of all samples that were judged."""
    metrics: dict[str, float]


def assign_credit(
    samples: Sequence[Sample],
    config: TrainConfig,
    *,
    mean_before: float | None = None,
    old_log_probs: Values | None = None,
    ref_log_probs: Values | None = None,
    values: Values | None = None,
) -> Credit:
    """Rewards per token, their returns, what the baseline leaves of them, and which samples are trained on.

    A sample whose reward failed is evidence of nothing: it is left out, of its group's baseline too, as is one without
    any token. `mean_before` is
    the running mean of earlier steps; the log-probabilities are needed for a KL penalty in the reward, the values for
    baseline "value".
    """
    settings = config.advantages
    judged = [
        index
        for index, sample in enumerate(samples)
        if sample.judged.reward is not None and sample.rollout.response_ids
    ]
    if settings.baseline == "leave_one_out":  # a sample needs another one to be compared with
        sizes = Counter(samples[index].group for index in judged)
        judged = [index for index in judged if sizes[samples[index].group] > 1]
    if not judged:
        return Credit([], [], [], torch.zeros(0, dtype=torch.float64), {})
    chosen = [samples[index] for index in judged]
    lengths = [len(sample.rollout.response_ids) for sample in chosen]
    ids_T = torch.repeat_interleave(torch.arange(len(chosen)), torch.tensor(lengths))
    rewards_T = _rewards(chosen, lengths, config)
    if config.objective.kl_in == "reward" and config.objective.kl_coef != 0:
        assert old_log_probs is not None  # the step scores them for this
        assert ref_log_probs is not None
        rewards_T += kl_penalty_rewards(
            _packed(old_log_probs, judged), _packed(ref_log_probs, judged), config.objective.kl_coef
        )
    returns_T = discounted(rewards_T, settings.discount, ids_T)
    first_N = torch.tensor(lengths).cumsum(0) - torch.tensor(lengths)
    returns_N = returns_T[first_N]
    targets: list[list[float]] = []
    if settings.baseline == "value":
        assert values is not None  # the step computes them for this
        values_T = _packed(values, judged)
        advantages_T = gae(rewards_T, values_T, ids_T, discount=settings.discount, gae_lambda=config.value.gae_lambda)
        targets = _per_sample(advantages_T + values_T, lengths)
        baseline = float(values_T.mean())
    else:
        merit_N = _merit(returns_N, [sample.group for sample in chosen], config, mean_before)
        baseline = float((returns_N - merit_N).mean())
        advantages_T = merit_N[ids_T]
        if settings.returns == "reward_to_go":
            to_go_T = discounted(rewards_T, settings.discount, ids_T, reward_to_go=True)
            advantages_T = to_go_T - (returns_N - merit_N)[ids_T]
    advantages = _per_sample(advantages_T, lengths)
    kept = [place for place, sample in enumerate(chosen) if _trained(sample, advantages[place], config)]
    metrics = {
        "baseline": baseline,
        "advantage_std": float(advantages_T.std(correction=0)),
    }
    return Credit(
        [judged[place] for place in kept],
        [advantages[place] for place in kept],
        [targets[place] for place in kept] if targets else [],
        returns_N,
        metrics,
    )


def _rewards(samples: Sequence[Sample], lengths: Sequence[int], config: TrainConfig) -> Tensor:
    """`[T]`: 0 on the way, and at the last token the verified reward, less what the length costs."""
    earned_N = torch.tensor([sample.judged.reward for sample in samples], dtype=torch.float64)
    rollouts = config.rollouts
    if rollouts.overlong == "shape":
        earned_N = earned_N + overlong_penalty(
            torch.tensor(lengths), rollouts.max_tokens, rollouts.overlong_buffer, rollouts.overlong_penalty
        )
    rewards_T = torch.zeros(sum(lengths), dtype=torch.float64)
    rewards_T[torch.tensor(lengths).cumsum(0) - 1] = earned_N
    return rewards_T


def _merit(returns_N: Tensor, groups: Sequence[int], config: TrainConfig, mean_before: float | None) -> Tensor:
    """`[N]`, each rollout's return less the configured baseline."""
    settings, group_ids = config.advantages, torch.tensor(groups)
    if settings.baseline == "group_mean":
        return group_mean(returns_N, group_ids=group_ids, normalize_std=settings.normalize_std)
    if settings.baseline == "leave_one_out":
        return leave_one_out(returns_N, group_ids=group_ids)
    if settings.baseline == "batch_mean":
        return batch_mean(returns_N, normalize_std=settings.normalize_std)
    if settings.baseline == "constant":
        return constant(returns_N, settings.constant)
    if settings.baseline == "running_mean":
        return running_mean(returns_N, mean_before)
    return returns_N


def _trained(sample: Sample, advantages: Sequence[float], config: TrainConfig) -> bool:
    if config.rollouts.overlong == "mask" and sample.rollout.finish_reason == "length":
        return False
    return not config.advantages.drop_zero or any(advantages)


def _packed(values: Values, chosen: Sequence[int]) -> Tensor:
    return torch.tensor([value for index in chosen for value in values[index]], dtype=torch.float64)


def _per_sample(values_T: Tensor, lengths: Sequence[int]) -> list[list[float]]:
    return [values.tolist() for values in torch.split(values_T, list(lengths))]
