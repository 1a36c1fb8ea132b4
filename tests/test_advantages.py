"""Baselines: the torch expressions they equal, exactness on equal rewards, and errors with their numbers."""

import math

import pytest
import torch

from pgkern.advantages import batch_mean, constant, group_mean, leave_one_out, running_mean, updated_mean

REWARDS = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])


def test_group_mean() -> None:
    rewards_PG = REWARDS.reshape(2, 3)
    torch.testing.assert_close(group_mean(REWARDS, 3), (rewards_PG - rewards_PG.mean(1, keepdim=True)).flatten())


def test_group_mean_normalised() -> None:
    rewards_PG = REWARDS.reshape(2, 3)
    expected = (rewards_PG - rewards_PG.mean(1, keepdim=True)) / (rewards_PG.std(1, keepdim=True) + 1e-4)
    torch.testing.assert_close(group_mean(REWARDS, 3, normalize_std=True, eps=1e-4), expected.flatten())


def test_leave_one_out() -> None:
    expected = [r - (sum(group) - r) / 2 for group in ([1.0, 0, 0], [1.0, 1, 0]) for r in group]
    torch.testing.assert_close(leave_one_out(REWARDS, 3), torch.tensor(expected))
    torch.testing.assert_close(leave_one_out(REWARDS, 3), group_mean(REWARDS, 3) * 3 / 2)


def test_batch_mean() -> None:
    torch.testing.assert_close(batch_mean(REWARDS), REWARDS - REWARDS.mean())
    torch.testing.assert_close(
        batch_mean(REWARDS, normalize_std=True, eps=1e-3), (REWARDS - REWARDS.mean()) / (REWARDS.std() + 1e-3)
    )


def test_group_ids_in_any_order_and_size() -> None:
    ids = torch.tensor([7, -2, 7, -2, 7, 7])
    expected = torch.empty(6)
    for group in (7, -2):
        expected[ids == group] = REWARDS[ids == group] - REWARDS[ids == group].mean()
    torch.testing.assert_close(group_mean(REWARDS, group_ids=ids), expected)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = group_mean(REWARDS[order], group_ids=torch.arange(2).repeat_interleave(3)[order])
    torch.testing.assert_close(shuffled, group_mean(REWARDS, 3)[order])


@pytest.mark.parametrize("reward", [0.1, 1 / 3, -7.7, 1e6, 0.0])
@pytest.mark.parametrize("function", [group_mean, leave_one_out])
def test_equal_rewards_give_exactly_no_advantage(function, reward: float) -> None:  # noqa: ANN001
    assert (function(torch.full((21,), reward), 7) == 0).all()
    assert (group_mean(torch.full((21,), reward), 7, normalize_std=True) == 0).all()


def test_a_group_of_one_has_no_advantage() -> None:
    assert (group_mean(torch.tensor([3.0, 5.0]), 1, normalize_std=True) == 0).all()


def test_advantages_sum_to_zero_in_every_group() -> None:
    rewards = torch.randn(40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for found in (group_mean(rewards, 8), leave_one_out(rewards, 8), group_mean(rewards, 8, normalize_std=True)):
        torch.testing.assert_close(found.reshape(5, 8).sum(1), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-12)


def test_integer_and_boolean_rewards() -> None:
    for dtype in (torch.int64, torch.bool):
        torch.testing.assert_close(group_mean(REWARDS.to(dtype), 3), group_mean(REWARDS, 3))


def test_no_rewards() -> None:
    assert group_mean(torch.zeros(0), 4).shape == (0,)
    assert leave_one_out(torch.zeros(0), 4).shape == (0,)
    assert batch_mean(torch.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rewards": REWARDS, "group_size": 4}, r"6 rewards cannot be divided into groups of 4"),
        ({"rewards": REWARDS, "group_size": 0}, r"group_size must be an integer of at least 1, got 0"),
        ({"rewards": REWARDS, "group_size": 2.0}, r"group_size must be an integer of at least 1, got 2.0"),
        ({"rewards": REWARDS}, r"give either group_size or group_ids, got group_size=None"),
        ({"rewards": REWARDS.reshape(2, 3), "group_size": 3}, r"rewards must have shape \[N\], got \[2, 3\]"),
        ({"rewards": torch.tensor([1.0, math.nan]), "group_size": 2}, r"rewards must be finite, got nan at index 1"),
        ({"rewards": REWARDS, "group_ids": torch.zeros(5, dtype=torch.int64)}, r"shape \[5\], expected \[6\]"),
        ({"rewards": REWARDS, "group_ids": torch.zeros(6)}, r"group_ids must be integers, got torch.float32"),
    ],
)
def test_mistakes_are_named_with_their_numbers(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        group_mean(**arguments)


@pytest.mark.parametrize("function", [group_mean, leave_one_out])
def test_lists_are_refused_by_name(function) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match=r"rewards must be a Tensor, got list: \[1, 0\]"):
        function([1, 0], 2)
    with pytest.raises(ValueError, match=r"group_ids must be a Tensor, got list: \[0, 0\]"):
        function(torch.ones(2), group_ids=[0, 0])
    with pytest.raises(ValueError, match=r"rewards must be a Tensor, got list: \[1, 0\]"):
        batch_mean([1, 0])


def test_leave_one_out_needs_others() -> None:
    with pytest.raises(ValueError, match="at least 2 rollouts in every group"):
        leave_one_out(REWARDS, 1)
    with pytest.raises(ValueError, match="at least 2 rollouts in every group"):
        leave_one_out(REWARDS, group_ids=torch.tensor([0, 0, 0, 1, 1, 2]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_large_groups_of_narrow_rewards_are_counted_in_fp32(dtype: torch.dtype) -> None:
    rewards = torch.cat([torch.ones(1000), torch.zeros(1000)])
    found = group_mean(rewards.to(dtype), 2000)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, rewards - 0.5)  # counted in bf16 a group has 256 at most


def test_leave_one_out_in_groups_that_differ_in_size_and_are_mixed() -> None:
    rewards = torch.tensor([1.0, 5.0, 3.0, 2.0, 4.0])
    found = leave_one_out(rewards, group_ids=torch.tensor([0, 9, 9, 0, 9]))
    torch.testing.assert_close(found, torch.tensor([-1.0, 5 - 3.5, 3 - 4.5, 1.0, 4 - 4.0]))


def test_a_constant_baseline_and_none() -> None:
    torch.testing.assert_close(constant(REWARDS, 0.25), REWARDS - 0.25)
    assert torch.equal(constant(REWARDS, 0), REWARDS)
    assert constant(REWARDS.bool(), 0.5).tolist() == [0.5, -0.5, -0.5, 0.5, 0.5, -0.5]
    assert constant(torch.zeros(0), 1.0).shape == (0,)


def test_the_running_mean_is_that_of_earlier_batches() -> None:
    assert torch.equal(running_mean(REWARDS, None), REWARDS)
    torch.testing.assert_close(running_mean(REWARDS, 0.3), REWARDS - 0.3)
    first = updated_mean(None, torch.tensor([1.0, 2.0]), 0.9)
    assert first == 1.5
    second = updated_mean(first, torch.tensor([2.5]), 0.9)
    assert second == pytest.approx(0.9 * 1.5 + 0.1 * 2.5, abs=1e-15)
    assert updated_mean(second, torch.zeros(0), 0.9) == second
    assert updated_mean(None, torch.zeros(0), 0.9) is None
    assert updated_mean(7.0, REWARDS, 1.0) == 7.0
    assert updated_mean(7.0, REWARDS, 0) == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: constant(REWARDS, math.nan), r"baseline must be a finite number, got nan"),
        (lambda: constant(REWARDS, None), r"baseline must be a finite number, got None"),
        (lambda: constant([1.0], 0.0), r"rewards must be a Tensor, got list"),
        (lambda: running_mean(REWARDS, math.inf), r"baseline must be a finite number, got inf"),
        (lambda: updated_mean(0.0, REWARDS, 1.1), r"decay must be a finite number from 0 to 1, got 1.1"),
        (lambda: updated_mean(math.nan, REWARDS, 0.9), r"mean must be a finite number, got nan"),
        (lambda: updated_mean(0.0, torch.tensor([math.nan]), 0.9), r"rewards must be finite, got nan at index 0"),
        (lambda: group_mean(REWARDS, 3, normalize_std=True, eps=-1.0), r"eps must be a finite number of at least 0"),
        (lambda: group_mean(REWARDS.to(torch.complex64), 3), r"rewards must be real, got torch.complex64"),
    ],
)
def test_mistakes_of_the_baselines(call, message: str) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match=message):
        call()
