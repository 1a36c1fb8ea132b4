"""The value loss against PPO's formula token by token, its gradient where V has moved, masks; explained variance."""

import math

import pytest
import torch

from pgkern.values import explained_variance, value_loss

VALUES = torch.tensor([0.5, 1.0, -1.0, 0.1], dtype=torch.float64)
OLD = torch.tensor([0.5, 0.5, -0.5, 0.5], dtype=torch.float64)
RETURNS = torch.tensor([1.0, 2.0, 1.0, -1.0], dtype=torch.float64)
ALL = torch.ones(4, dtype=torch.bool)


def test_without_a_clip_it_is_half_the_mean_squared_error() -> None:
    expected = 0.5 * (0.25 + 1.0 + 4.0 + 1.21) / 4
    assert value_loss(VALUES, None, RETURNS, ALL).item() == pytest.approx(expected, abs=1e-15)
    assert value_loss(VALUES, OLD, RETURNS, ALL).item() == pytest.approx(expected, abs=1e-15)


def test_with_a_clip_the_larger_square_counts() -> None:
    # V clipped to ±0.2 around the old one: 0.5, 0.7, -0.7, 0.3.
    squares = [max((v - r) ** 2, (c - r) ** 2) for v, c, r in zip(VALUES, (0.5, 0.7, -0.7, 0.3), RETURNS, strict=True)]
    expected = 0.5 * float(sum(squares)) / 4
    assert value_loss(VALUES, OLD, RETURNS, ALL, clip=0.2).item() == pytest.approx(expected, abs=1e-15)


def test_only_tokens_that_moved_too_far_towards_their_return_lose_their_gradient() -> None:
    values = VALUES.clone().requires_grad_()
    value_loss(values, OLD, RETURNS, ALL, clip=0.2).backward()
    expected = (VALUES - RETURNS) / 4
    expected[1] = 0.0  # from 0.5 to 1.0 on the way to 2.0
    expected[3] = 0.0  # from 0.5 to 0.1 on the way to -1.0
    torch.testing.assert_close(values.grad, expected)  # the third went from -0.5 to -1.0, away from 1.0


def test_a_wide_clip_changes_nothing() -> None:
    plain, clipped = VALUES.clone().requires_grad_(), VALUES.clone().requires_grad_()
    value_loss(plain, None, RETURNS, ALL).backward()
    value_loss(clipped, OLD, RETURNS, ALL, clip=10.0).backward()
    torch.testing.assert_close(plain.grad, clipped.grad, rtol=0, atol=1e-15)


def test_what_is_masked_changes_neither_loss_nor_gradient() -> None:
    mask = torch.tensor([True, False, True, False])
    values = torch.tensor([0.5, math.nan, -1.0, math.inf], dtype=torch.float64, requires_grad=True)
    returns = torch.tensor([1.0, -100, 1.0, math.nan], dtype=torch.float64)
    loss = value_loss(values, values.detach(), returns, mask, clip=0.2)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * (0.25 + 4.0) / 2)
    assert values.grad is not None
    assert values.grad.tolist() == [-0.25, 0.0, -1.0, 0.0]
    nothing = value_loss(values, None, returns, torch.zeros(4, dtype=torch.bool))
    assert nothing.item() == 0.0


def test_the_parts_of_a_batch_add_up_to_the_whole() -> None:
    whole, parts = VALUES.clone().requires_grad_(), VALUES.clone().requires_grad_()
    value_loss(whole, OLD, RETURNS, ALL, clip=0.2).backward()
    for part in (slice(0, 1), slice(1, 4)):
        value_loss(parts[part], OLD[part], RETURNS[part], ALL[part], clip=0.2, num_tokens=4).backward()
    torch.testing.assert_close(whole.grad, parts.grad, rtol=0, atol=1e-15)


def test_padded_rows_and_bf16() -> None:
    shape = (2, 2)
    loss = value_loss(VALUES.bfloat16().reshape(shape), None, RETURNS.reshape(shape), ALL.reshape(shape))
    assert loss.dtype == torch.float64
    assert value_loss(VALUES.bfloat16(), None, RETURNS.bfloat16(), ALL).dtype == torch.float32


def test_values_that_are_not_finite_make_a_loss_that_is_not() -> None:
    """A network that diverged is no mistake of the caller's: the trainer looks at the loss."""
    values = VALUES.clone()
    values[2] = math.nan
    assert value_loss(values, OLD, RETURNS, ALL, clip=0.2).isnan()


def test_explained_variance() -> None:
    assert explained_variance(RETURNS, RETURNS) == 1.0
    assert explained_variance(RETURNS + 3.0, RETURNS) == pytest.approx(1.0)  # a shift varies with nothing
    assert explained_variance(torch.zeros(4), RETURNS) == pytest.approx(0.0)
    assert explained_variance(-RETURNS, RETURNS) == pytest.approx(-3.0)
    mask = torch.tensor([True, True, False, False])
    # errors 0.5 and 1.0, returns 1 and 2: 1 - 0.0625 / 0.25
    assert explained_variance(VALUES, RETURNS, mask) == pytest.approx(0.75)
    assert math.isnan(explained_variance(VALUES, torch.full((4,), 0.1)))
    assert math.isnan(explained_variance(torch.zeros(0), torch.zeros(0)))
    assert math.isnan(explained_variance(torch.full((4,), math.nan), RETURNS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values_T": [0.5]}, r"values_T must be a Tensor, got list"),
        ({"returns_T": RETURNS[:3]}, r"returns_T has shape \[3\] on cpu, expected \[4\] on cpu"),
        ({"old_values_T": OLD[:3], "clip": 0.2}, r"old_values_T has shape \[3\] on cpu, expected \[4\] on cpu"),
        ({"old_values_T": None, "clip": 0.2}, r"clip is 0.2, so old_values_T must be given"),
        ({"mask_T": torch.ones(4)}, r"mask_T is torch.float32 of shape \[4\] on cpu, expected torch.bool of \[4\]"),
        ({"mask_T": ALL[:2]}, r"mask_T is torch.bool of shape \[2\]"),
        ({"clip": -1.0}, r"clip must be a finite number of at least 0, got -1.0"),
        ({"clip": math.nan}, r"clip must be a finite number of at least 0, got nan"),
        ({"num_tokens": -1}, r"num_tokens must be a finite number of at least 0, got -1"),
        ({"returns_T": RETURNS > 0}, r"returns_T must be real numbers, got torch.bool"),
    ],
)
def test_mistakes_are_named_with_their_numbers(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_loss(**{"values_T": VALUES, "old_values_T": OLD, "returns_T": RETURNS, "mask_T": ALL, **arguments})
