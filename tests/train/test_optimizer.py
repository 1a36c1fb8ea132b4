import pytest
import torch

from pgkern.train.optimizer import falling, new_optimizer, optimizer_step, rising
from pgkern.train.policy_model import Policy


def test_the_learning_rate_rises_to_one_and_stays() -> None:
    assert [rising(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert rising(0, 0) == 1.0


def test_the_learning_rate_falls_to_the_last_step() -> None:
    assert [falling(step, 4) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


def test_a_gradient_that_is_not_finite_stops_and_changes_nothing(policy: Policy) -> None:
    optimizer = new_optimizer(policy, learning_rate=0.1)
    before = [parameter.clone() for parameter in policy.model.parameters()]
    for parameter in policy.model.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    with pytest.raises(FloatingPointError, match="the gradient's norm is nan"):
        optimizer_step(policy, optimizer, learning_rate=0.1, max_gradient_norm=1.0)
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


def test_the_norm_is_told_before_clipping_and_the_gradient_is_cleared(policy: Policy) -> None:
    optimizer = new_optimizer(policy, learning_rate=0.1)
    parameters = list(policy.model.parameters())
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    count = sum(parameter.numel() for parameter in parameters)
    norm = optimizer_step(policy, optimizer, learning_rate=0.1, max_gradient_norm=1.0)
    assert norm == pytest.approx(count**0.5, rel=1e-5)
    assert all(parameter.grad is None for parameter in parameters)
