"""The penalties that are added to rewards: DAPO's piecewise line, the KL penalty, hostile numbers."""

import math

import pytest
import torch

from pgkern.reward_shaping import kl_penalty_rewards, overlong_penalty


def test_the_overlong_penalty_is_a_line_over_the_buffer() -> None:
    lengths = torch.tensor([0, 1, 90, 91, 95, 99, 100, 101, 10_000])
    expected = [0, 0, 0, -0.1, -0.5, -0.9, -1, -1, -1]
    torch.testing.assert_close(overlong_penalty(lengths, 100, 10), torch.tensor(expected))
    torch.testing.assert_close(overlong_penalty(lengths, 100, 10, 0.25), torch.tensor(expected) * 0.25)
    assert (overlong_penalty(lengths, 100, 10, 0.0) == 0).all()


@pytest.mark.parametrize("length", range(13))
def test_as_eq_13_of_dapo_says(length: int) -> None:
    max_tokens, buffer = 10, 4
    if length <= max_tokens - buffer:
        expected = 0.0
    elif length <= max_tokens:
        expected = ((max_tokens - buffer) - length) / buffer
    else:
        expected = -1.0
    assert overlong_penalty(torch.tensor([length]), max_tokens, buffer, 1.0).item() == expected


def test_a_buffer_of_one_token_or_of_all() -> None:
    assert overlong_penalty(torch.tensor([9, 10, 11]), 10, 1).tolist() == [0.0, -1.0, -1.0]
    assert overlong_penalty(torch.tensor([0, 5, 10], dtype=torch.int32), 10, 10).tolist() == [0.0, -0.5, -1.0]
    assert overlong_penalty(torch.zeros(0, dtype=torch.int64), 10, 10).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lengths": torch.tensor([1.0])}, r"lengths must be integers, got torch.float32"),
        ({"lengths": torch.tensor([True])}, r"lengths must be integers, got torch.bool"),
        ({"lengths": torch.tensor([3, -1])}, r"lengths must be at least 0, got -1"),
        ({"lengths": torch.tensor([[3]])}, r"lengths must have shape \[N\], got \[1, 1\]"),
        ({"lengths": [3]}, r"lengths must be a Tensor, got list"),
        ({"max_tokens": 0}, r"max_tokens must be a finite number of at least 1, got 0"),
        ({"buffer": 0}, r"buffer must be a finite number from 1 to 10, got 0"),
        ({"buffer": 11}, r"buffer must be a finite number from 1 to 10, got 11"),
        ({"penalty": -1.0}, r"penalty must be a finite number of at least 0, got -1.0"),
        ({"penalty": math.nan}, r"penalty must be a finite number of at least 0, got nan"),
    ],
)
def test_mistakes_of_overlong_penalty(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overlong_penalty(**{"lengths": torch.tensor([3]), "max_tokens": 10, "buffer": 4, "penalty": 1.0, **arguments})


def test_the_kl_penalty_is_the_log_ratio_of_every_token() -> None:
    log_probs = torch.tensor([-1.0, -2.0, -0.5], dtype=torch.float64, requires_grad=True)
    ref_log_probs = torch.tensor([-1.0, -1.0, -2.5], dtype=torch.float64)
    found = kl_penalty_rewards(log_probs, ref_log_probs, 0.1)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.1, -0.2], dtype=torch.float64))
    assert not found.requires_grad
    assert (kl_penalty_rewards(log_probs, ref_log_probs, 0.0) == 0).all()


def test_a_token_that_the_reference_never_takes_costs_a_bounded_amount() -> None:
    assert kl_penalty_rewards(torch.tensor([-1.0]), torch.tensor([-1000.0]), 0.5).item() == -10.0


def test_bf16_and_no_tokens() -> None:
    found = kl_penalty_rewards(torch.tensor([-1.0]).bfloat16(), torch.tensor([-3.0]).bfloat16(), 0.1)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(-0.2)
    assert kl_penalty_rewards(torch.zeros(0), torch.zeros(0), 0.1).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_probs_T": torch.tensor([math.nan])}, r"log_probs_T must be finite, got nan at index 0"),
        ({"ref_log_probs_T": torch.tensor([-math.inf])}, r"ref_log_probs_T must be finite, got -inf at index 0"),
        ({"ref_log_probs_T": torch.zeros(2)}, r"ref_log_probs_T has shape \[2\] on cpu, expected \[1\] on cpu"),
        ({"kl_coef": -0.1}, r"kl_coef must be a finite number of at least 0, got -0.1"),
    ],
)
def test_mistakes_of_kl_penalty_rewards(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kl_penalty_rewards(
            **{"log_probs_T": torch.zeros(1), "ref_log_probs_T": torch.zeros(1), "kl_coef": 0.1, **arguments}
        )
