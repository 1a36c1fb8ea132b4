"""A surrogate of one's own is one file: a formula, its slope, and a line in the table."""

import pytest
import torch
from torch import Tensor

from pgkern import PolicyObjective, linear_policy_loss, logits_policy_loss, policy_loss
from pgkern.policy.surrogates import SURROGATES
from pgkern.policy.surrogates.surrogate import Surrogate, SurrogateInputs


def squared_loss(inputs: SurrogateInputs, objective: PolicyObjective) -> Tensor:
    return -inputs.advantages_T * inputs.ratio**2


def squared_slope(inputs: SurrogateInputs, weights_T: Tensor, objective: PolicyObjective) -> Tensor:
    return inputs.through_log_ratio(weights_T * -2 * inputs.advantages_T * inputs.ratio**2)


@pytest.mark.parametrize("ratio", ["token", "sequence"])
def test_every_loss_takes_it(monkeypatch: pytest.MonkeyPatch, ratio: str) -> None:
    squared = Surrogate(squared_loss, squared_slope, ratios=("token", "sequence"), otherwise="squares a ratio")
    monkeypatch.setitem(SURROGATES, "squared", squared)
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 5, 8, generator=random, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(31, 8, generator=random, dtype=torch.float64)
    token_ids = torch.randint(0, 31, (3, 5), generator=random)
    advantages = torch.randn(3, generator=random, dtype=torch.float64)
    mask = torch.rand(3, 5, generator=random) > 0.3
    logits = hidden @ weight.T
    log_probs = logits.log_softmax(-1).gather(-1, token_ids[..., None])[..., 0]
    old_log_probs = log_probs.detach() + 0.1 * torch.randn(3, 5, generator=random, dtype=torch.float64)

    log_ratio = (log_probs - old_log_probs) * mask
    if ratio == "sequence":
        log_ratio = (log_ratio.sum(1) / mask.sum(1))[:, None].expand(3, 5)
    truth = (-advantages[:, None] * log_ratio.exp() ** 2 * mask).sum() / mask.sum()
    truth_gradient = torch.autograd.grad(truth, hidden, retain_graph=True)[0]

    rest = {"old_log_probs": old_log_probs, "objective": PolicyObjective(ratio=ratio, surrogate="squared")}
    for found in (
        policy_loss(log_probs, advantages, mask, **rest),
        logits_policy_loss(logits, token_ids, advantages, mask, **rest),
        linear_policy_loss(hidden, weight, token_ids, advantages, mask, **rest),
    ):
        torch.testing.assert_close(found.loss, truth)
        torch.testing.assert_close(torch.autograd.grad(found.loss, hidden, retain_graph=True)[0], truth_gradient)


def test_it_refuses_what_it_does_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SURROGATES, "squared", Surrogate(squared_loss, squared_slope, ("token",), "squares a ratio"))
    with pytest.raises(ValueError, match="'squared' squares a ratio, so ratio 'none' does not go with it"):
        PolicyObjective(surrogate="squared")
    with pytest.raises(ValueError, match=r"'squared' does not use clip_low=0\.2"):
        PolicyObjective(ratio="token", surrogate="squared", clip_low=0.2)


def test_a_correction_multiplies_it_whatever_it_does_with_the_advantage(monkeypatch: pytest.MonkeyPatch) -> None:
    def loss(inputs: SurrogateInputs, objective: PolicyObjective) -> Tensor:
        return -(inputs.advantages_T**2) * inputs.ratio

    def slope(inputs: SurrogateInputs, weights_T: Tensor, objective: PolicyObjective) -> Tensor:
        return inputs.through_log_ratio(weights_T * loss(inputs, objective))

    monkeypatch.setitem(SURROGATES, "squared", Surrogate(loss, slope, ("token",), "squares an advantage"))
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 9, generator=random, dtype=torch.float64)
    token_ids = torch.randint(0, 9, (2, 4), generator=random)
    log_probs = logits.log_softmax(-1).gather(-1, token_ids[..., None])[..., 0]
    advantages = torch.tensor([3.0, -2.0], dtype=torch.float64)
    old_log_probs = log_probs - 0.1
    rest = {
        "old_log_probs": old_log_probs,
        "rollout_log_probs": old_log_probs - torch.tensor([[0.1], [-0.2]], dtype=torch.float64),
        "objective": PolicyObjective(
            ratio="token",
            surrogate="squared",
            correction="truncate",
            correction_level="sequence",
            correction_cap=9.0,
        ),
    }
    weights = torch.tensor([0.4, -0.8], dtype=torch.float64).exp()
    truth = -(weights * advantages**2).mean() * torch.tensor(0.1, dtype=torch.float64).exp()
    mask = torch.ones(2, 4)
    torch.testing.assert_close(policy_loss(log_probs, advantages, mask, **rest).loss, truth)
    torch.testing.assert_close(logits_policy_loss(logits, token_ids, advantages, mask, **rest).loss, truth)
