"""Baselines made of the batch's own rewards, over every pair of episodes: which are unbiased, and by how much not."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, returns
from pgkern.advantages import batch_mean, group_mean, leave_one_out

from .conftest import EPISODES, Tiny, random_policy, same, verified_rewards

MEAN_OF_SAMPLES = PolicyObjective.reinforce(reduction="sequence_mean_token_sum")


def _over_pairs(policy: Tiny, returns_E: Tensor, advantages_of: Callable[[Tensor], Tensor]) -> tuple[Tensor, float]:
    """Exact expectation and variance of eq. 21 with N = 2 and these advantages, by the real loss."""
    p_E = policy.probabilities().detach()
    pairs = list(product(range(len(EPISODES)), repeat=2))
    advantages = [
        a.expand(len(EPISODES[e]))
        for pair in pairs
        for e, a in zip(pair, advantages_of(returns_E[list(pair)]), strict=True)
    ]
    estimates = policy.steps_up(pairs, advantages, MEAN_OF_SAMPLES, num_sequences=2)
    p = torch.stack([p_E[list(pair)].prod() for pair in pairs])
    mean = p @ estimates
    return mean, float(p @ (estimates - mean).square().sum(1))


@pytest.fixture(name="returns_E")
def returns_of_episodes(rewards_T: Tensor) -> Tensor:
    return returns.undiscounted(rewards_T, Tiny.ids_T)[Tiny.positions_T == 0]


def test_leave_one_out_is_unbiased(policy: Tiny, returns_E: Tensor) -> None:
    found, _ = _over_pairs(policy, returns_E, lambda rewards: leave_one_out(rewards, 2))
    same(found, policy.true_gradient(returns_E))


@pytest.mark.parametrize(("level", "low", "high"), [(0.0, 1.0, 2.0), (1.0, 0.0, 0.25)])
def test_leave_one_out_lowers_the_variance_of_rewards_with_a_level(level: float, low: float, high: float) -> None:
    """One other sample is a noisy baseline: it pays where all episodes earn something, not where few earn anything."""
    policy = random_policy(1, scale=0.1)
    returns_E = level + returns.undiscounted(verified_rewards(), Tiny.ids_T)[Tiny.positions_T == 0]
    _, without = _over_pairs(policy, returns_E, lambda rewards: rewards)
    _, variance = _over_pairs(policy, returns_E, lambda rewards: leave_one_out(rewards, 2))
    print(f"variance of two samples, rewards {level:g} or {level + 1:g}: {without:.4f} without, {variance:.4f} with it")
    assert low * without < variance < high * without


@pytest.mark.parametrize("baseline", [lambda rewards: group_mean(rewards, 2), batch_mean])
def test_the_mean_with_its_own_sample_shortens_the_gradient(
    policy: Tiny, returns_E: Tensor, baseline: Callable[[Tensor], Tensor]
) -> None:
    """By (G - 1) / G, here a half: the direction is right, a learning rate makes up for it."""
    found, _ = _over_pairs(policy, returns_E, baseline)
    same(found, policy.true_gradient(returns_E) / 2)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_group_mean_is_leave_one_out_shortened(size: int) -> None:
    rewards = torch.randn(4 * size, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    same(group_mean(rewards, size), leave_one_out(rewards, size) * (size - 1) / size)
    ids = torch.arange(4).repeat(size)  # also where groups are mixed
    same(group_mean(rewards, group_ids=ids), leave_one_out(rewards, group_ids=ids) * (size - 1) / size)


def test_dividing_by_the_standard_deviation_is_biased(policy: Tiny) -> None:
    """GRPO's advantages: not the direction of ∇J, since a pair of rewards that differ little counts like any other."""
    returns_E = torch.randn(len(EPISODES), dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    expected = policy.true_gradient(returns_E)
    found, _ = _over_pairs(policy, returns_E, lambda rewards: group_mean(rewards, 2, normalize_std=True))
    cosine = float(torch.cosine_similarity(found, expected, dim=0))
    print(f"cosine between the expected estimate with normalize_std and the gradient: {cosine:.4f}")
    assert cosine < 0.99


def test_dividing_by_the_standard_deviation_weighs_prompts(policy: Tiny, other: Tiny) -> None:
    """With rewards of 0 and 1 a pair gives the gradient of its prompt times √2: a prompt's weight does not follow from
    what could be gained on it alone (Dr. GRPO). Two prompts here are two policies."""
    returns_E = torch.tensor([float(1 in episode[-2:]) for episode in EPISODES], dtype=torch.float64)
    for tiny in (policy, other):
        found, _ = _over_pairs(tiny, returns_E, lambda rewards: group_mean(rewards, 2, normalize_std=True))
        expected = tiny.true_gradient(returns_E)
        torch.testing.assert_close(found, expected / 2**0.5, rtol=1e-5, atol=1e-9)
