import pytest
import torch
from torch import nn

from pgkern.train.model.policy_model import Policy
from pgkern.train.updating.optimizer import adamw, guarded_step, new_optimizer


def test_a_gradient_that_is_not_finite_stops_and_changes_nothing(policy: Policy) -> None:
    optimizer = new_optimizer(policy, learning_rate=0.1)
    before = [parameter.clone() for parameter in policy.model.parameters()]
    for parameter in policy.model.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    with pytest.raises(FloatingPointError, match="the gradient's norm is nan"):
        guarded_step(optimizer, learning_rate=0.1, max_gradient_norm=1.0)
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in policy.model.parameters())


def test_the_norm_is_told_before_clipping_and_the_gradient_is_cleared(policy: Policy) -> None:
    optimizer = new_optimizer(policy, learning_rate=0.1)
    parameters = list(policy.model.parameters())
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    count = sum(parameter.numel() for parameter in parameters)
    norm = guarded_step(optimizer, learning_rate=0.1, max_gradient_norm=1.0)
    assert norm == pytest.approx(count**0.5, rel=1e-5)
    assert all(parameter.grad is None for parameter in parameters)


def test_only_trained_parameters_are_clipped_and_stepped(policy: Policy) -> None:
    first, *rest = policy.model.parameters()
    for parameter in rest:
        parameter.requires_grad_(False)
    frozen = [parameter.clone() for parameter in rest]
    optimizer = new_optimizer(policy, learning_rate=0.1, weight_decay=0.5)
    first.grad = torch.full_like(first, 2.0)
    norm = guarded_step(optimizer, learning_rate=0.1, max_gradient_norm=1.0)
    assert norm == pytest.approx(2.0 * first.numel() ** 0.5, rel=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(frozen, rest, strict=True))


def test_two_steps_are_adamw_by_its_equations() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = adamw([weight], learning_rate=9.0, weight_decay=0.1, betas=(0.8, 0.95))
    expected, mean, square = [1.0, -2.0], [0.0, 0.0], [0.0, 0.0]
    for step, (rate, gradient) in enumerate([(0.1, [0.3, -0.4]), (0.05, [-0.2, 0.1])], start=1):
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        guarded_step(optimizer, learning_rate=rate, max_gradient_norm=100.0)
        for i in range(2):
            mean[i] = 0.8 * mean[i] + 0.2 * gradient[i]
            square[i] = 0.95 * square[i] + 0.05 * gradient[i] ** 2
            unbiased = mean[i] / (1 - 0.8**step), square[i] / (1 - 0.95**step)
            expected[i] = expected[i] * (1 - rate * 0.1) - rate * unbiased[0] / (unbiased[1] ** 0.5 + 1e-8)
    assert weight.tolist() == pytest.approx(expected, rel=1e-12)


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the parameters is trained"):
        adamw([nn.Parameter(torch.ones(2), requires_grad=False)], learning_rate=0.1)
