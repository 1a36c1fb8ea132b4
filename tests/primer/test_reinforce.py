"""Eq. 5-21: the exact expectation of the REINFORCE estimate, over every episode, is the gradient of J."""

from itertools import product

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, returns, token_log_probs

from .conftest import EPISODES, HORIZON, LOSSES, STATES, Tiny, differ, rewards_everywhere, same, verified_rewards

DISCOUNTS = (1.0, 0.6, 0.1)


def test_every_episode_is_there_once(policy: Tiny) -> None:
    assert len(EPISODES) == len(set(EPISODES)) == 15
    assert policy.probabilities().sum().item() == pytest.approx(1.0, abs=1e-14)


def test_log_probabilities_are_those_of_the_softmax(policy: Tiny) -> None:
    """Eq. 3, by the function that scores."""
    logits_TV = policy.weight.T[policy.states_T]
    same(token_log_probs(logits_TV, policy.actions_T), policy.log_probs())
    p_TV = logits_TV.exp() / logits_TV.exp().sum(1, keepdim=True)
    same(policy.log_probs().exp(), p_TV.gather(1, policy.actions_T[:, None])[:, 0])


@pytest.mark.parametrize("discount", DISCOUNTS)
def test_the_gradient_of_j_agrees_with_finite_differences(policy: Tiny, rewards_T: Tensor, discount: float) -> None:
    """What the estimates are held to is itself right."""
    returns_E = returns.discounted(rewards_T, discount, policy.ids_T)[policy.positions_T == 0]
    gradient = policy.true_gradient(returns_E).reshape(policy.weight.shape)

    def objective(weight: Tensor) -> Tensor:
        return (Tiny(weight).probabilities() * returns_E).sum()

    for token, state in product(range(3), range(len(STATES))):
        step = torch.zeros_like(policy.weight)
        step[token, state] = 1e-5
        slope = (objective(policy.weight + step) - objective(policy.weight - step)) / 2e-5
        assert slope.item() == pytest.approx(gradient[token, state].item(), abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("discount", DISCOUNTS)
def test_whole_episode_returns_give_the_gradient(policy: Tiny, rewards_T: Tensor, discount: float, loss: str) -> None:
    """Eq. 10 and 20 with eq. 5 (γ = 1) and eq. 6."""
    returns_T = returns.discounted(rewards_T, discount, policy.ids_T)
    expected = policy.true_gradient(returns_T[policy.positions_T == 0])
    assert expected.norm() > 0.01
    same(policy.mean(policy.estimates(returns_T, loss=loss)), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_rewards_to_go_give_the_same_gradient(policy: Tiny, rewards_T: Tensor, loss: str) -> None:
    expected = policy.true_gradient(returns.undiscounted(rewards_T, policy.ids_T)[policy.positions_T == 0])
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    same(policy.mean(policy.estimates(to_go_T, loss=loss)), expected)


@pytest.mark.parametrize("discount", [0.6, 0.0])
def test_discounted_rewards_to_go_want_another_power_of_the_discount(
    policy: Tiny, rewards_T: Tensor, discount: float
) -> None:
    """Eq. 6 discounts from the episode's start: its gradient weighs token t by γᵗ, which usual practice leaves out."""
    expected = policy.true_gradient(returns.discounted(rewards_T, discount, policy.ids_T)[policy.positions_T == 0])
    to_go_T = returns.discounted(rewards_T, discount, policy.ids_T, reward_to_go=True)
    same(policy.mean(policy.estimates(discount ** policy.positions_T.double() * to_go_T)), expected)
    differ(policy.mean(policy.estimates(to_go_T)), expected)


def test_rewards_to_go_have_less_variance_where_rewards_come_early(policy: Tiny) -> None:
    rewards_T = rewards_everywhere()
    whole, to_go = (
        policy.variance(policy.estimates(returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=reward_to_go)))
        for reward_to_go in (False, True)
    )
    print(f"variance with whole-episode returns {whole:.4f}, with rewards to go {to_go:.4f}")
    assert to_go < 0.9 * whole


def test_where_the_reward_comes_last_both_returns_are_one(policy: Tiny) -> None:
    rewards_T = verified_rewards()
    whole_T = returns.undiscounted(rewards_T, policy.ids_T)
    assert torch.equal(whole_T, returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True))


@pytest.mark.parametrize(
    ("objective", "multiple"),
    [
        (PolicyObjective.reinforce(reduction="sequence_mean_token_sum"), 1.0),
        (PolicyObjective.reinforce(reduction="sum"), 2.0),
        (PolicyObjective.reinforce(reduction="sequence_sum_constant", reduction_constant=5.0), 1 / 5),
    ],
)
def test_the_mean_over_n_samples_has_the_same_expectation(
    policy: Tiny, rewards_T: Tensor, objective: PolicyObjective, multiple: float
) -> None:
    """Eq. 21 with N = 2, over every pair of episodes; sums and constants (Dr. GRPO) change its length alone."""
    returns_T = returns.undiscounted(rewards_T, policy.ids_T)
    same(
        _mean_of_pairs(policy, returns_T, objective),
        multiple * policy.true_gradient(returns_T[policy.positions_T == 0]),
    )


@pytest.mark.parametrize("reduction", ["token_mean", "sequence_mean_token_mean"])
def test_dividing_by_lengths_changes_the_direction(policy: Tiny, reduction: str) -> None:
    """Lengths depend on the actions: GRPO's and DAPO's means are estimates of something else than eq. 21."""
    returns_T = returns.undiscounted(verified_rewards(), policy.ids_T)
    expected = policy.true_gradient(returns_T[policy.positions_T == 0])
    found = _mean_of_pairs(policy, returns_T, PolicyObjective.reinforce(reduction=reduction))
    cosine = torch.cosine_similarity(found, expected, dim=0)
    print(f"cosine between the expected estimate with {reduction} and the gradient: {float(cosine):.4f}")
    assert cosine < 1 - 1e-4


def _mean_of_pairs(policy: Tiny, advantages_T: Tensor, objective: PolicyObjective) -> Tensor:
    """The estimate's exact expectation over every pair of episodes; those with as many tokens share a call."""
    p_E = policy.probabilities().detach()
    pairs = list(product(range(len(EPISODES)), repeat=2))
    mean = torch.zeros(policy.weight.numel(), dtype=torch.float64)
    for count in range(2, 2 * HORIZON + 1):
        batches = [pair for pair in pairs if sum(len(EPISODES[e]) for e in pair) == count]
        advantages = [advantages_T[policy.ids_T == e] for pair in batches for e in pair]
        estimates = policy.steps_up(batches, advantages, objective, num_sequences=2, num_tokens=count)
        mean += torch.stack([p_E[list(pair)].prod() for pair in batches]) @ estimates
    return mean
