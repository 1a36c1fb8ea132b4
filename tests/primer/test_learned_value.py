"""A value function as the baseline: what GAE's λ costs in bias when V is exact, and when it is wrong."""

import pytest
import torch
from torch import Tensor

from pgkern import returns
from pgkern.advantages import gae
from pgkern.values import explained_variance, value_loss

from .conftest import STATES, Tiny, differ, random_policy, same, verified_rewards


def _expected(policy: Tiny, rewards_T: Tensor, discount: float) -> Tensor:
    return policy.true_gradient(returns.discounted(rewards_T, discount, policy.ids_T)[policy.positions_T == 0])


def _estimates(policy: Tiny, rewards_T: Tensor, values_T: Tensor, discount: float, gae_lambda: float) -> Tensor:
    advantages_T = gae(rewards_T, values_T, policy.ids_T, discount=discount, gae_lambda=gae_lambda)
    return policy.estimates(discount ** policy.positions_T.double() * advantages_T)  # eq. 6 counts from the start


@pytest.mark.parametrize("gae_lambda", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("discount", [0.6, 1.0])
def test_with_the_policys_own_value_any_lambda_is_unbiased(
    policy: Tiny, rewards_T: Tensor, discount: float, gae_lambda: float
) -> None:
    values_T = policy.state_values(returns.discounted(rewards_T, discount, policy.ids_T, reward_to_go=True))
    found = policy.mean(_estimates(policy, rewards_T, values_T, discount, gae_lambda))
    same(found, _expected(policy, rewards_T, discount))


@pytest.mark.parametrize("discount", [0.6, 1.0])
def test_with_a_wrong_value_only_lambda_one_is(policy: Tiny, rewards_T: Tensor, discount: float) -> None:
    wrong_D = torch.randn(len(STATES), dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    expected = _expected(policy, rewards_T, discount)
    same(policy.mean(_estimates(policy, rewards_T, wrong_D[policy.states_T], discount, 1.0)), expected)
    differ(policy.mean(_estimates(policy, rewards_T, wrong_D[policy.states_T], discount, 0.0)), expected)


def test_lambda_one_with_the_exact_value_is_reward_to_go_less_v(policy: Tiny, rewards_T: Tensor) -> None:
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    values_T = policy.state_values(to_go_T)
    same(gae(rewards_T, values_T, policy.ids_T, discount=1.0, gae_lambda=1.0), to_go_T - values_T)


def test_a_smaller_lambda_has_less_variance() -> None:
    policy = random_policy(1, scale=0.1)
    rewards_T = verified_rewards()
    values_T = policy.state_values(returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True))
    variances = [policy.variance(_estimates(policy, rewards_T, values_T, 1.0, lam)) for lam in (0.0, 0.5, 1.0)]
    print("variance of the estimate with the exact V, λ = 0, 0.5, 1: " + ", ".join(f"{v:.4f}" for v in variances))
    assert variances[0] < variances[1] < variances[2]
    assert variances[0] < 0.75 * variances[2]


def test_descending_the_value_loss_finds_the_policys_own_value(policy: Tiny, rewards_T: Tensor) -> None:
    """In expectation over episodes, by the exact gradient: the least square error to the returns is V(s)."""
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    exact_T = policy.state_values(to_go_T)
    p_E = policy.probabilities().detach()
    values_D = torch.zeros(len(STATES), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values_D], lr=1.0, max_iter=200, tolerance_grad=1e-14, tolerance_change=0.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        values_T = values_D[policy.states_T]
        losses = [p * value_loss(values_T, None, to_go_T, policy.ids_T == e, num_tokens=1) for e, p in enumerate(p_E)]
        total = torch.stack(losses).sum()
        total.backward()
        return total

    optimizer.step(closure)
    torch.testing.assert_close(values_D.detach()[policy.states_T], exact_T, rtol=0, atol=1e-6)
    assert explained_variance(exact_T, to_go_T) < 1.0
