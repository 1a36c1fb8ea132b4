"""The KL penalty, exactly: in the rewards it is the gradient of J - β KL, in the loss it depends on the estimate."""

import torch
from torch import Tensor

from pgkern import PolicyObjective, returns
from pgkern.reward_shaping import kl_penalty_rewards

from .conftest import Tiny, differ, same

COEFFICIENT = 0.3


def _sequence_kl(policy: Tiny, reference: Tiny) -> Tensor:
    """KL(p || p_ref) of whole episodes, with its gradient."""
    log_ratio_E = policy.sums(policy.log_probs()) - policy.sums(reference.log_probs().detach())
    return (policy.probabilities() * log_ratio_E).sum()


def _in_the_loss(policy: Tiny, reference: Tiny, estimator: str) -> Tensor:
    """The expected gradient of the penalty alone: no advantages."""
    objective = PolicyObjective.reinforce(reduction="sum", kl_coef=COEFFICIENT, kl_estimator=estimator)
    zeros_T = torch.zeros(len(policy.ids_T), dtype=torch.float64)
    return policy.mean(policy.estimates(zeros_T, objective, ref_log_probs=reference.log_probs().detach()))


def test_in_the_rewards_it_is_the_gradient_of_j_less_the_kl(policy: Tiny, other: Tiny, rewards_T: Tensor) -> None:
    penalties_T = kl_penalty_rewards(policy.log_probs(), other.log_probs(), COEFFICIENT)
    returns_E = returns.undiscounted(rewards_T, policy.ids_T)[policy.positions_T == 0]
    kl = policy.gradient_of(_sequence_kl(policy, other))
    expected = policy.true_gradient(returns_E) - COEFFICIENT * kl
    for reward_to_go in (False, True):
        returns_T = returns.undiscounted(rewards_T + penalties_T, policy.ids_T, reward_to_go=reward_to_go)
        same(policy.mean(policy.estimates(returns_T)), expected)
    assert kl.norm() > 0.1


def test_k1_in_the_loss_has_no_effect_in_expectation(policy: Tiny, other: Tiny) -> None:
    found = _in_the_loss(policy, other, "k1")
    same(found, torch.zeros_like(found))


def test_k2_and_k3_in_the_loss_see_the_tokens_own_kl(policy: Tiny, other: Tiny) -> None:
    """k2: Σ_s d(s) ∇KL(π(·|s) || π_ref(·|s)), k3 the same of KL(π_ref || π); neither that later states depend on a."""
    mass_D = torch.zeros(policy.weight.shape[1], dtype=torch.float64)
    mass_D.index_add_(0, policy.states_T, policy.probabilities().detach()[policy.ids_T])
    log_p_DV, ref_DV = policy.weight.T.log_softmax(-1), other.weight.T.log_softmax(-1).detach()
    forward = policy.gradient_of((mass_D * (log_p_DV.exp() * (log_p_DV - ref_DV)).sum(1)).sum())
    log_p_DV = policy.weight.T.log_softmax(-1)
    backward = policy.gradient_of((mass_D * (ref_DV.exp() * (ref_DV - log_p_DV)).sum(1)).sum())
    same(_in_the_loss(policy, other, "k2"), -COEFFICIENT * forward)
    same(_in_the_loss(policy, other, "k3"), -COEFFICIENT * backward)
    differ(forward, policy.gradient_of(_sequence_kl(policy, other)))
