"""Eq. 26: the loss is a scalar whose gradient is the estimate. Its value is not J and says nothing about progress."""

import pytest
import torch

from pgkern import PolicyObjective, policy_loss, returns
from pgkern.advantages import group_mean

from .conftest import EPISODES, Tiny, same, verified_rewards


def test_its_gradient_is_that_of_j_and_its_value_is_not_j(policy: Tiny) -> None:
    returns_T = returns.undiscounted(verified_rewards(), policy.ids_T)
    returns_E = returns_T[policy.positions_T == 0]
    p_T = policy.probabilities().detach()[policy.ids_T]
    loss = _loss(policy, p_T * returns_T)
    same(-policy.gradient_of(loss), policy.true_gradient(returns_E))
    objective = float(policy.probabilities().detach() @ returns_E)
    assert loss.item() > 0  # -Σ R log π is never below 0, and -J never above
    assert abs(loss.item() + objective) > 0.1


def test_a_step_that_raises_j_may_raise_the_loss(policy: Tiny) -> None:
    """Fresh episodes of a better policy: J went up, and so did the loss on them."""
    values = []
    for tiny in (policy, _better(policy)):
        returns_T = returns.undiscounted(verified_rewards(), tiny.ids_T)
        p_T = tiny.probabilities().detach()[tiny.ids_T]
        objective = float(tiny.probabilities().detach() @ returns_T[tiny.positions_T == 0])
        values.append((objective, _loss(tiny, p_T * returns_T).item()))
    (before, loss_before), (after, loss_after) = values
    print(f"J {before:.3f} and loss {loss_before:.3f}; after a step up J {after:.3f} and loss {loss_after:.3f}")
    assert after > before + 0.01
    assert loss_after > loss_before + 0.01


@pytest.mark.parametrize("constructor", [PolicyObjective.grpo, PolicyObjective.reinforce_off_policy])
def test_at_the_first_update_it_is_0_and_its_gradient_is_not(policy: Tiny, constructor) -> None:  # noqa: ANN001
    """Ratios are 1 and centred advantages sum to 0: a loss of 0 at the start is right."""
    chosen = [EPISODES.index(episode) for episode in ((1, 1, 0), (1, 2, 0), (2, 2, 0), (2, 2, 2))]
    advantages_E = group_mean(torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64), 4)
    rows_T = torch.cat([(policy.ids_T == e).nonzero()[:, 0] for e in chosen])
    found = policy_loss(
        policy.log_probs()[rows_T],
        advantages_E,
        torch.ones_like(rows_T, dtype=torch.bool),
        old_log_probs=policy.log_probs().detach()[rows_T],
        sequence_ids=torch.arange(4).repeat_interleave(3),
        objective=constructor(),
    )
    assert abs(found.loss.item()) < 1e-15
    assert policy.gradient_of(found.loss).norm() > 0.01


def _loss(policy: Tiny, advantages_T: torch.Tensor) -> torch.Tensor:
    return policy_loss(
        policy.log_probs(),
        advantages_T,
        torch.ones_like(policy.ids_T, dtype=torch.bool),
        sequence_ids=policy.ids_T,
        objective=PolicyObjective.reinforce(reduction="sum"),
    ).loss


def _better(policy: Tiny) -> Tiny:
    returns_E = returns.undiscounted(verified_rewards(), policy.ids_T)[policy.positions_T == 0]
    step = policy.true_gradient(returns_E).reshape(policy.weight.shape)
    return Tiny((policy.weight + 2.0 * step).detach().requires_grad_())
