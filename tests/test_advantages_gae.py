"""Generalised advantage estimation: numbers by hand, a slow twin, its two ends, bootstrapping, hostile inputs."""

import math

import pytest
import torch

from pgkern.advantages import gae
from pgkern.returns import discounted

REWARDS = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.5], dtype=torch.float64)
VALUES = torch.tensor([0.5, 0.25, 0.75, 1.0, -1.0], dtype=torch.float64)
IDS = torch.tensor([4, 4, 4, 2, 2])


def slow_gae(rewards: list, values: list, ids: list, discount: float, gae_lambda: float, bootstrap: dict) -> list:
    """Backwards, one token after another."""
    found = [0.0] * len(ids)
    for t in reversed(range(len(ids))):
        ends = t + 1 == len(ids) or ids[t + 1] != ids[t]
        after = bootstrap.get(ids[t], 0.0) if ends else values[t + 1]
        error = rewards[t] + discount * after - values[t]
        found[t] = error + (0.0 if ends else discount * gae_lambda * found[t + 1])
    return found


def test_by_hand() -> None:
    # One-step errors at γ = 0.5: 0.125 - 0.5, 0.375 - 0.25, 1 - 0.75 | -0.5 - 1, 0.5 + 1; summed with γλ = 0.25.
    found = gae(REWARDS, VALUES, IDS, discount=0.5, gae_lambda=0.5)
    torch.testing.assert_close(
        found, torch.tensor([-0.375 + 0.03125 + 0.015625, 0.125 + 0.0625, 0.25, -1.5 + 0.375, 1.5]).double()
    )


@pytest.mark.parametrize("discount", [0.0, 0.3, 0.99, 1.0])
@pytest.mark.parametrize("gae_lambda", [0.0, 0.95, 1.0])
@pytest.mark.parametrize("bootstrapped", [False, True])
def test_equal_to_the_slow_twin(discount: float, gae_lambda: float, bootstrapped: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    ids = torch.tensor([5, 0, 9, 2]).repeat_interleave(torch.tensor([1, 17, 30, 4]))
    rewards, values = (torch.randn(52, dtype=torch.float64, generator=generator) for _ in range(2))
    after = torch.randn(4, dtype=torch.float64, generator=generator) if bootstrapped else None
    found = gae(rewards, values, ids, discount=discount, gae_lambda=gae_lambda, bootstrap_S=after)
    table = dict(zip([5, 0, 9, 2], after.tolist(), strict=True)) if after is not None else {}
    expected = slow_gae(rewards.tolist(), values.tolist(), ids.tolist(), discount, gae_lambda, table)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_lambda_one_is_the_return_less_the_value() -> None:
    for discount in (0.0, 0.7, 1.0):
        expected = discounted(REWARDS, discount, IDS, reward_to_go=True) - VALUES
        found = gae(REWARDS, VALUES, IDS, discount=discount, gae_lambda=1.0)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_lambda_zero_is_the_one_step_error() -> None:
    found = gae(REWARDS, VALUES, IDS, discount=0.5, gae_lambda=0.0)
    next_values = torch.tensor([0.25, 0.75, 0.0, -1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(found, REWARDS + 0.5 * next_values - VALUES)


def test_an_episode_that_was_cut_off_goes_on_in_its_bootstrap_value() -> None:
    found = gae(REWARDS, VALUES, IDS, discount=0.5, gae_lambda=1.0, bootstrap_S=torch.tensor([0.0, 2.0]))
    rewards = REWARDS.clone()
    rewards[4] += 0.5 * 2.0
    torch.testing.assert_close(found, gae(rewards, VALUES, IDS, discount=0.5, gae_lambda=1.0))


def test_without_ids_it_is_one_episode_and_the_inputs_stay_as_they_are() -> None:
    values = VALUES.clone().requires_grad_()
    found = gae(REWARDS, values, discount=1.0, gae_lambda=1.0)
    torch.testing.assert_close(found, 1.5 - torch.tensor([0.0, 0, 0, 1, 1]).double() - VALUES)
    assert not found.requires_grad
    assert torch.equal(values.detach(), VALUES)


def test_one_token_none_and_narrow_types() -> None:
    assert gae(torch.tensor([1.0]), torch.tensor([0.25]), discount=0.9, gae_lambda=0.9).item() == 0.75
    empty = torch.zeros(0)
    for ids in (None, torch.zeros(0, dtype=torch.int64)):
        assert gae(empty, empty, ids, discount=0.9, gae_lambda=0.9, bootstrap_S=empty).shape == (0,)
    found = gae(torch.tensor([1, 1]), torch.tensor([0.5, 0.5]).bfloat16(), discount=1, gae_lambda=1)
    assert found.dtype == torch.float32
    assert found.tolist() == [1.5, 0.5]
    assert gae(REWARDS, VALUES.float(), discount=1.0, gae_lambda=1.0).dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values_T": VALUES[:4]}, r"values_T has shape \[4\] on cpu, expected \[5\] on cpu"),
        ({"values_T": VALUES * math.nan}, r"values_T must be finite, got nan at index 0"),
        ({"rewards_T": REWARDS[:, None]}, r"rewards_T must have shape \[T\], got \[5, 1\]"),
        ({"gae_lambda": 1.01}, r"gae_lambda must be a finite number from 0 to 1, got 1.01"),
        ({"discount": -1}, r"discount must be a finite number from 0 to 1, got -1"),
        ({"bootstrap_S": torch.zeros(3)}, r"bootstrap_S has shape \[3\] on cpu, expected \[2\] on cpu"),
        ({"bootstrap_S": torch.tensor([0.0, math.inf])}, r"bootstrap_S must be finite, got inf at index 1"),
        ({"sequence_ids": torch.tensor([0, 1, 0, 1, 1])}, r"sequence id 0 comes again at index 2"),
    ],
)
def test_mistakes_are_named_with_their_numbers(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gae(
            **{
                "rewards_T": REWARDS,
                "values_T": VALUES,
                "sequence_ids": IDS,
                "discount": 0.9,
                "gae_lambda": 0.9,
                **arguments,
            }
        )
