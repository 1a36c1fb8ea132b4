"""Returns: numbers worked out by hand, a slow twin in plain Python, hostile rewards, discounts and ids."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from pgkern.returns import discounted, undiscounted

REWARDS = torch.tensor([1.0, 0.0, 2.0, 3.0, 4.0], dtype=torch.float64)
IDS = torch.tensor([7, 7, 7, -1, -1])


def slow_returns(rewards: list[float], ids: list[int], discount: float, *, reward_to_go: bool) -> list[float]:
    """Eq. 6 as it is printed, one token after another."""
    found = []
    for t, sequence in enumerate(ids):
        episode = [k for k in range(len(ids)) if ids[k] == sequence]
        start = t if reward_to_go else episode[0]
        found.append(math.fsum(discount ** (k - start) * rewards[k] for k in episode if k >= start))
    return found


def close(found: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(found, torch.tensor(expected, dtype=found.dtype), rtol=1e-12, atol=1e-12)


def test_undiscounted_returns_by_hand() -> None:
    close(undiscounted(REWARDS), [10, 10, 10, 10, 10])
    close(undiscounted(REWARDS, reward_to_go=True), [10, 9, 9, 7, 4])
    close(undiscounted(REWARDS, IDS), [3, 3, 3, 7, 7])
    close(undiscounted(REWARDS, IDS, reward_to_go=True), [3, 2, 2, 7, 4])


def test_discounted_returns_by_hand() -> None:
    # 1 + 0 / 2 + 2 / 4 + 3 / 8 + 4 / 16
    close(discounted(REWARDS, 0.5), [2.125] * 5)
    close(discounted(REWARDS, 0.5, reward_to_go=True), [2.125, 2.25, 4.5, 5.0, 4.0])
    close(discounted(REWARDS, 0.5, IDS), [1.5, 1.5, 1.5, 5.0, 5.0])
    close(discounted(REWARDS, 0.5, IDS, reward_to_go=True), [1.5, 1.0, 2.0, 5.0, 4.0])


def test_a_discount_of_zero_keeps_the_first_reward_alone() -> None:
    close(discounted(REWARDS, 0.0, IDS), [1, 1, 1, 3, 3])
    close(discounted(REWARDS, 0.0, IDS, reward_to_go=True), REWARDS.tolist())
    close(discounted(REWARDS, 0, IDS, reward_to_go=True), REWARDS.tolist())


def test_a_terminal_reward_is_every_tokens_return() -> None:
    rewards = torch.tensor([0.0, 0, 0, 1, 0, 0])
    ids = torch.tensor([0, 0, 0, 0, 1, 1])
    for reward_to_go in (False, True):
        assert undiscounted(rewards, ids, reward_to_go=reward_to_go).tolist() == [1, 1, 1, 1, 0, 0]


@settings(deadline=None, max_examples=150)
@given(
    lengths=st.lists(st.integers(1, 20), max_size=6),
    discount=st.one_of(st.sampled_from([0.0, 1.0, 1e-9]), st.floats(0, 1)),
    reward_to_go=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equal_to_the_slow_twin(lengths: list[int], discount: float, reward_to_go: bool, seed: int) -> None:
    # Ids in no order: only that equal ones are neighbours counts.
    ids = [(5 * s + 3) % 7 - 2 for s, length in enumerate(lengths) for _ in range(length)]
    rewards = torch.randn(len(ids), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = discounted(rewards, discount, torch.tensor(ids, dtype=torch.int64), reward_to_go=reward_to_go)
    close(found, slow_returns(rewards.tolist(), ids, discount, reward_to_go=reward_to_go))


@pytest.mark.parametrize("discount", [1.0, 0.999, 0.5, 1e-3])
def test_long_episodes_neither_overflow_nor_lose_digits(discount: float) -> None:
    """γ⁻ᵗ would be 1e300 after 100 tokens at the smallest of these."""
    length = 20_001
    rewards = torch.randn(length, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected, after = [0.0] * length, 0.0
    for t in reversed(range(length)):
        after = rewards[t].item() + discount * after
        expected[t] = after
    found = discounted(rewards, discount, reward_to_go=True)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-10)
    assert discounted(rewards, discount)[length // 2] == found[0]


def test_one_token_and_none() -> None:
    assert discounted(torch.tensor([3.0]), 0.5).tolist() == [3.0]
    assert discounted(torch.tensor([3.0, 4.0]), 0.5, torch.tensor([1, 0]), reward_to_go=True).tolist() == [3.0, 4.0]
    for ids in (None, torch.zeros(0, dtype=torch.int64)):
        assert undiscounted(torch.zeros(0), ids).shape == (0,)
        assert discounted(torch.zeros(0), 0.9, ids, reward_to_go=True).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool])
def test_narrow_rewards_are_summed_in_fp32(dtype: torch.dtype) -> None:
    found = undiscounted(torch.ones(1001, dtype=dtype))
    assert found.dtype == torch.float32
    assert (found == 1001).all()  # a sum in bf16 stays at 256


def test_no_gradient_flows_through_a_return() -> None:
    assert not discounted(REWARDS.clone().requires_grad_(), 0.9).requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rewards_T": [1.0]}, r"rewards_T must be a Tensor, got list: \[1.0\]"),
        ({"rewards_T": REWARDS[None]}, r"rewards_T must have shape \[T\], got \[1, 5\]"),
        ({"rewards_T": torch.tensor([0.0, math.inf])}, r"rewards_T must be finite, got inf at index 1"),
        ({"rewards_T": torch.tensor([math.nan])}, r"rewards_T must be finite, got nan at index 0"),
        ({"rewards_T": REWARDS.to(torch.complex64)}, r"rewards_T must be real, got torch.complex64"),
        ({"discount": 1.5}, r"discount must be a finite number from 0 to 1, got 1.5"),
        ({"discount": -0.1}, r"discount must be a finite number from 0 to 1, got -0.1"),
        ({"discount": math.nan}, r"discount must be a finite number from 0 to 1, got nan"),
        ({"discount": True}, r"discount must be a finite number from 0 to 1, got True"),
        ({"discount": "0.9"}, r"discount must be a finite number from 0 to 1, got '0.9'"),
        ({"sequence_ids": [0, 0, 0, 1, 1]}, r"sequence_ids must be a Tensor, got list"),
        ({"sequence_ids": IDS[:4]}, r"sequence_ids has shape \[4\] on cpu, expected \[5\] on cpu"),
        ({"sequence_ids": IDS.to(torch.float32)}, r"sequence_ids must be integers, got torch.float32"),
        ({"sequence_ids": torch.tensor([3, 3, 1, 3, 1])}, r"sequence id 3 comes again at index 3"),
        ({"sequence_ids": torch.tensor([0, 1, 2, 2, 0])}, r"sequence id 0 comes again at index 4"),
    ],
)
def test_mistakes_are_named_with_their_numbers(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        discounted(**{"rewards_T": REWARDS, "discount": 0.9, **arguments})
