"""Eq. 27: what the importance-weighted estimate of another policy's episodes is an estimate of, exactly."""

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, returns

from .conftest import LOSSES, REINFORCE, STATES, VOCABULARY, Tiny, differ, same

OFF_POLICY = PolicyObjective.reinforce_off_policy(reduction="sum")
CLIPPED = {
    "ppo": PolicyObjective.ppo(reduction="sum"),
    "grpo": PolicyObjective.grpo(reduction="sum"),
    "dapo": PolicyObjective.dapo(reduction="sum"),
    "dr_grpo": PolicyObjective.dr_grpo(reduction="sum"),
    "cispo": PolicyObjective.cispo(reduction="sum"),
}
EVERY_OTHER = {
    "gspo": PolicyObjective.gspo(reduction="sum"),
    "gmpo": PolicyObjective.gmpo(reduction="sum"),
    "sapo": PolicyObjective.sapo(reduction="sum"),
    "kimi_k15": PolicyObjective.kimi_k15(reduction="sum", mirror_coef=0.1),
}


def _whole(rewards_T: Tensor) -> Tensor:
    return returns.undiscounted(rewards_T, Tiny.ids_T)


def _old(tiny: Tiny) -> Tensor:
    return tiny.log_probs().detach()


@pytest.mark.parametrize("loss", LOSSES)
def test_its_expectation_is_that_of_eq_27(policy: Tiny, other: Tiny, rewards_T: Tensor, loss: str) -> None:
    """Σ_τ p_old(τ) Σ_t π(a|s) / π_old(a|s) ∇log π(a|s) R(τ), the factors spelled out."""
    returns_T = _whole(rewards_T)
    found = other.mean(policy.estimates(returns_T, OFF_POLICY, loss, old_log_probs=_old(other)))
    p_old_T = other.probabilities().detach()[policy.ids_T]
    ratio_T = policy.log_probs().exp().detach() / other.log_probs().exp().detach()
    same(found, policy.gradient_of((p_old_T * ratio_T * policy.log_probs() * returns_T).sum()))


def test_it_is_the_gradient_with_the_old_policys_states_and_returns(
    policy: Tiny, other: Tiny, rewards_T: Tensor
) -> None:
    """Σ_s d_old(s) Σ_a ∇π(a|s) Q_old(s, a): the token's own action is reweighed, what comes before and after is not."""
    to_go_T = returns.undiscounted(rewards_T, policy.ids_T, reward_to_go=True)
    p_old_T = other.probabilities().detach()[policy.ids_T]
    mass_DV, sums_DV = torch.zeros(2, len(STATES), VOCABULARY, dtype=torch.float64)
    mass_DV.index_put_((policy.states_T, policy.actions_T), p_old_T, accumulate=True)
    sums_DV.index_put_((policy.states_T, policy.actions_T), p_old_T * to_go_T, accumulate=True)
    q_DV = sums_DV / mass_DV
    surrogate = (mass_DV.sum(1)[:, None] * policy.weight.T.softmax(-1) * q_DV).sum()
    expected = policy.gradient_of(surrogate)
    for returns_T in (to_go_T, _whole(rewards_T)):  # what was earned before has expectation 0
        same(other.mean(policy.estimates(returns_T, OFF_POLICY, old_log_probs=_old(other))), expected)
    differ(expected, policy.true_gradient(_whole(rewards_T)[policy.positions_T == 0]))


def test_it_is_the_gradient_of_j_where_episodes_have_one_token(policy: Tiny, other: Tiny) -> None:
    """Only the first token decides here: with no state that the old policy visits more or less often, it is exact."""
    rewards_T = (policy.positions_T == 0) * torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)[policy.actions_T]
    first_T = rewards_T  # the first token's reward to go; later ones have none
    found = other.mean(policy.estimates(first_T, OFF_POLICY, old_log_probs=_old(other)))
    same(found, policy.true_gradient(_whole(rewards_T)[policy.positions_T == 0]))


def test_with_the_product_of_the_ratios_it_is_the_gradient_of_j(policy: Tiny, other: Tiny, rewards_T: Tensor) -> None:
    """p(τ) / p_old(τ) instead: every token's return weighed by the ratios of the episode's other tokens."""
    returns_T = _whole(rewards_T)
    expected = policy.true_gradient(returns_T[policy.positions_T == 0])
    log_ratio_T = _old(policy) - _old(other)
    others_T = (policy.sums(log_ratio_T)[policy.ids_T] - log_ratio_T).exp()
    same(other.mean(policy.estimates(others_T * returns_T, OFF_POLICY, old_log_probs=_old(other))), expected)
    differ(other.mean(policy.estimates(returns_T, OFF_POLICY, old_log_probs=_old(other))), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_correcting_whole_sequences_is_exact(policy: Tiny, other: Tiny, rewards_T: Tensor, loss: str) -> None:
    """The engine's mismatch by `correction`: the product over the sequence is unbiased, a token's own ratio is not."""
    returns_T = _whole(rewards_T)
    expected = policy.true_gradient(returns_T[policy.positions_T == 0])
    given = {"old_log_probs": _old(policy), "rollout_log_probs": _old(other)}

    def found(level: str, cap: float) -> Tensor:
        objective = PolicyObjective.reinforce(
            reduction="sum", correction="truncate", correction_level=level, correction_cap=cap
        )
        return other.mean(policy.estimates(returns_T, objective, loss, **given))

    same(found("sequence", 1e6), expected)
    differ(found("token", 1e6), expected)
    differ(found("sequence", 0.5), expected)  # a cap that bites is paid for with a bias


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["reinforce_off_policy", *CLIPPED, *EVERY_OTHER])
def test_on_the_policys_own_episodes_every_objective_is_reinforce(
    policy: Tiny, rewards_T: Tensor, name: str, loss: str
) -> None:
    """At π = π_old the ratio is 1: the first update on fresh episodes is eq. 20, whatever the objective's name."""
    objective = {"reinforce_off_policy": OFF_POLICY, **CLIPPED, **EVERY_OTHER}[name]
    returns_T = _whole(rewards_T)
    found = policy.estimates(returns_T, objective, loss, old_log_probs=_old(policy))
    same(found, policy.estimates(returns_T, REINFORCE, loss))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", CLIPPED)
def test_inside_the_clip_range_clipping_changes_nothing(
    policy: Tiny, near: Tiny, rewards_T: Tensor, name: str, loss: str
) -> None:
    ratio_T = (_old(policy) - _old(near)).exp()
    assert 0.8 < ratio_T.min() < 0.97
    assert 1.03 < ratio_T.max() < 1.2
    returns_T = _whole(rewards_T)
    found = policy.estimates(returns_T, CLIPPED[name], loss, old_log_probs=_old(near))
    same(found, policy.estimates(returns_T, OFF_POLICY, loss, old_log_probs=_old(near)))


def test_beyond_the_clip_a_token_that_has_moved_enough_has_no_gradient(policy: Tiny, other: Tiny) -> None:
    """PPO: where A > 0 and r > 1 + ε, and where A < 0 and r < 1 - ε; elsewhere the off-policy gradient, whole."""
    ratio_T = (_old(policy) - _old(other)).exp()
    advantages_T = torch.where(policy.ids_T % 2 == 0, 1.0, -1.0).double()
    stopped_T = ((advantages_T > 0) & (ratio_T > 1.2)) | ((advantages_T < 0) & (ratio_T < 0.8))
    assert 0 < int(stopped_T.sum()) < len(stopped_T)
    found = policy.estimates(advantages_T, CLIPPED["ppo"], old_log_probs=_old(other))
    rest = policy.estimates(advantages_T.where(~stopped_T, 0), OFF_POLICY, old_log_probs=_old(other))
    same(found, rest)
