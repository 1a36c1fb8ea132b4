"""Eq. 22-25: a baseline b(s) leaves the exact expectation as it is, and V(s) lowers the exact variance."""

import pytest
import torch
from torch import Tensor

from pgkern import returns
from pgkern.advantages import constant, running_mean, updated_mean

from .conftest import LOSSES, STATES, VOCABULARY, Tiny, differ, random_policy, same, verified_rewards


def _baselines(policy: Tiny, to_go_T: Tensor) -> dict[str, Tensor]:
    """b(s) at every token."""
    random_D = torch.randn(len(STATES), dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    return {
        "constant": torch.full_like(to_go_T, 0.7),
        "random function of the prefix": 3.0 * random_D[policy.states_T],
        "V(s)": policy.state_values(to_go_T),
    }


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("reward_to_go", [False, True])
def test_any_function_of_the_state_leaves_the_expectation_unchanged(
    policy: Tiny, rewards_T: Tensor, reward_to_go: bool, loss: str
) -> None:
    returns_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=reward_to_go)
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    without = policy.mean(policy.estimates(constant(returns_T, 0.0), loss=loss))
    for baseline_T in _baselines(policy, to_go_T).values():
        same(policy.mean(policy.estimates(returns_T - baseline_T, loss=loss)), without)
    same(policy.mean(policy.estimates(constant(returns_T, 0.7), loss=loss)), without)


def test_a_function_of_the_action_does_not(policy: Tiny, rewards_T: Tensor) -> None:
    """What eq. 23-25 need: were b to look at the action, the gradient would be another."""
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    looks_at_actions_T = to_go_T - 0.5 * policy.actions_T
    without = policy.mean(policy.estimates(to_go_T))
    differ(policy.mean(policy.estimates(looks_at_actions_T)), without)


def test_the_expected_score_is_zero_in_every_state(policy: Tiny) -> None:
    """Eq. 24 and 25: Σ_a π(a|s) ∇log π(a|s) = ∇1 = 0, which is why."""
    log_p_DV = policy.weight.T.log_softmax(-1)
    for state in range(len(STATES)):
        score = policy.gradient_of((log_p_DV[state].exp().detach() * log_p_DV[state]).sum())
        log_p_DV = policy.weight.T.log_softmax(-1)
        same(score, torch.zeros_like(score))


@pytest.mark.parametrize(("level", "factor"), [(0.0, 0.75), (1.0, 0.1)])
def test_the_state_value_lowers_the_variance(level: float, factor: float) -> None:
    """Of a policy that has learned little yet: to 3/4 of none's, and to a tenth where every episode earns 1 anyhow."""
    policy = random_policy(1, scale=0.1)
    rewards_T = verified_rewards() + level * policy.last_T
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    variances = _variances(policy, to_go_T)
    for name, variance in variances.items():
        print(
            f"variance of the estimate, baseline {name}: {variance:.4f}, {variance / variances['none']:.2f} of none's"
        )
    assert variances["V(s)"] < factor * variances["none"]
    assert variances["V(s)"] < 0.9 * variances["the best constant"]


def test_the_best_baseline_weighs_the_value_by_the_scores(policy: Tiny, rewards_T: Tensor) -> None:
    """E[|∇log π|² R | s] / E[|∇log π|² | s] has the least variance, and is V(s) where all actions are alike."""
    for tiny in (policy, random_policy(1, scale=0.0)):
        to_go_T = returns.undiscounted(rewards_T, tiny.ids_T, reward_to_go=True)
        best_T = _best_baseline(tiny, to_go_T)
        least = tiny.variance(tiny.estimates(to_go_T - best_T))
        assert all(least < variance + 1e-12 for variance in _variances(tiny, to_go_T).values())
        for state in range(len(STATES)):
            for shift in (-0.1, 0.1):
                moved_T = best_T + shift * (tiny.states_T == state)
                assert least < tiny.variance(tiny.estimates(to_go_T - moved_T))
    same(best_T, tiny.state_values(to_go_T))


def test_the_state_value_may_raise_the_variance_of_a_policy_that_is_nearly_sure() -> None:
    """What succeeds nearly always teaches little without a baseline; with one, a rare failure teaches very much."""
    policy = random_policy(1)
    good = torch.zeros_like(policy.weight)
    good[1, 0] = good[0, STATES.index((1,))] = 8.0  # a 1, then the end
    sure = Tiny((policy.weight + good).detach().requires_grad_())
    returns_T = returns.undiscounted(verified_rewards(), sure.ids_T)
    none, value = (
        sure.variance(sure.estimates(returns_T - b_T)) for b_T in (0 * returns_T, sure.state_values(returns_T))
    )
    print(
        f"a policy that succeeds with {float(sure.state_values(returns_T)[0]):.3f}: variance {none:.5f} "
        f"without baseline, {value:.5f} with V(s)"
    )
    assert value > 2 * none


def _variances(policy: Tiny, to_go_T: Tensor) -> dict[str, float]:
    g_EP, h_EP = policy.estimates(to_go_T), policy.estimates(torch.ones_like(to_go_T))
    # argmin of Var(g - b h), h the scores: Cov(g, h) / Var(h), both summed over the parameters.
    best = float(policy.probabilities().detach() @ ((g_EP - policy.mean(g_EP)) * h_EP).sum(1)) / policy.variance(h_EP)
    baselines_T = {
        "none": torch.zeros_like(to_go_T),
        "the best constant": torch.full_like(to_go_T, best),
        **_baselines(policy, to_go_T),
    }
    return {name: policy.variance(policy.estimates(to_go_T - b_T)) for name, b_T in baselines_T.items()}


def _best_baseline(policy: Tiny, to_go_T: Tensor) -> Tensor:
    """Every state has parameters of its own here, so the variance is a sum over states."""
    p_DV = policy.weight.detach().T.softmax(-1)
    squares_T = (torch.eye(VOCABULARY) - p_DV[:, None, :]).square().sum(-1)[policy.states_T, policy.actions_T]
    return policy.state_values(squares_T * to_go_T) / policy.state_values(squares_T)


def test_the_mean_of_earlier_batches_leaves_the_expectation_unchanged(policy: Tiny, rewards_T: Tensor) -> None:
    """Over every earlier episode and every one of now; with the batch's own reward in the mean it would not."""
    returns_E = returns.undiscounted(rewards_T, policy.ids_T)[policy.positions_T == 0]
    expected = policy.true_gradient(returns_E)
    scores_EP = policy.estimates(torch.ones_like(rewards_T))
    p_E = policy.probabilities().detach()
    before, with_own = torch.zeros_like(expected), torch.zeros_like(expected)
    for p, earlier in zip(p_E, returns_E, strict=True):
        mean = updated_mean(None, earlier[None], decay=0.9)
        before += p * (p_E @ (running_mean(returns_E, mean)[:, None] * scores_EP))
        own_E = torch.stack([running_mean(now[None], updated_mean(mean, now[None], decay=0.9))[0] for now in returns_E])
        with_own += p * (p_E @ (own_E[:, None] * scores_EP))
    same(before, expected)
    same(with_own, 0.9 * expected)  # decay times the gradient: a tenth of the reward is taken off itself
    assert expected.norm() > 0.01
