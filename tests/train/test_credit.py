"""Rewards to advantages, by numbers worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from pgkern.data.problem import Problem
from pgkern.rollout.engine import Prompt, Rollout
from pgkern.train.config import AdvantageConfig, ObjectiveConfig, RolloutConfig, TrainConfig, ValueConfig
from pgkern.train.credit import assign_credit
from pgkern.train.judging.rewards_in_loop import Judged
from pgkern.train.sampling.experience import Sample


def sample(group: int, reward: float | None, length: int = 2, finish: Any = "stop") -> Sample:
    rollout = Rollout(group, Prompt("", (1,)), (5,) * length, "", (-0.5,) * length, finish, 0)
    return Sample(Problem("", ""), group, rollout, Judged(reward, 0.0, {}, "scored", "", None))


def config(rollouts: RolloutConfig | None = None, **settings: Any) -> TrainConfig:
    settings = {"normalize_std": False, **settings}
    return TrainConfig(advantages=AdvantageConfig(**settings), rollouts=rollouts or RolloutConfig())


ONE_RIGHT = [sample(0, 1.0), sample(0, 0.0), sample(1, 0.0), sample(1, 0.0)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"baseline": "none"}, [1.0, 0.0, 0.0, 0.0]),
        ({"baseline": "constant", "constant": 0.3}, [0.7, -0.3, -0.3, -0.3]),
        ({"baseline": "running_mean"}, [0.8, -0.2, -0.2, -0.2]),
        ({"baseline": "batch_mean"}, [0.75, -0.25, -0.25, -0.25]),
        ({"baseline": "group_mean"}, [0.5, -0.5, 0.0, 0.0]),
        ({"baseline": "leave_one_out"}, [1.0, -1.0, 0.0, 0.0]),
        ({"baseline": "group_mean", "normalize_std": True}, [0.5**0.5, -(0.5**0.5), 0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("returns", ["episode", "reward_to_go"])
def test_every_baseline(settings: dict[str, Any], returns: str, expected: list[float]) -> None:
    """The reward comes with the last token, so without discount both kinds of return are the same."""
    if returns == "reward_to_go" and settings.get("normalize_std"):
        with pytest.raises(ValueError, match="normalize_std goes with returns 'episode'"):
            config(**settings, returns=returns)
        return
    credit = assign_credit(ONE_RIGHT, config(**settings, returns=returns), mean_before=0.2)
    assert credit.trained == [0, 1, 2, 3]
    assert credit.advantages == [pytest.approx([value] * 2, abs=1e-5) for value in expected]
    rewards = [1.0, 0.0, 0.0, 0.0]
    if not settings.get("normalize_std"):
        mean_baseline = sum(reward - value for reward, value in zip(rewards, expected, strict=True)) / 4
        assert credit.metrics["baseline"] == pytest.approx(mean_baseline)


def test_a_group_without_a_difference_has_exactly_no_advantage() -> None:
    samples = [sample(0, 0.1), sample(0, 0.1), sample(0, 0.1)]
    for returns in ("episode", "reward_to_go"):
        credit = assign_credit(samples, config(baseline="group_mean", returns=returns))
        assert credit.advantages == [[0.0, 0.0]] * 3


def test_discounted_returns_as_a_whole_and_to_go() -> None:
    samples = [sample(0, 1.0, length=3), sample(1, 1.0, length=1)]
    whole = assign_credit(samples, config(baseline="none", discount=0.5))
    assert whole.advantages == [[0.25] * 3, [1.0]]
    to_go = assign_credit(samples, config(baseline="none", discount=0.5, returns="reward_to_go"))
    assert to_go.advantages == [[0.25, 0.5, 1.0], [1.0]]


def test_a_failed_reward_costs_its_sample_alone() -> None:
    samples = [sample(0, 1.0), sample(0, None), sample(0, 0.0), sample(1, 1.0, length=0)]
    credit = assign_credit(samples, config(baseline="group_mean"))
    assert credit.trained == [0, 2]
    assert credit.advantages == [[0.5, 0.5], [-0.5, -0.5]]
    nothing = assign_credit([sample(0, None)], config(baseline="group_mean"))
    assert (nothing.trained, nothing.advantages, nothing.metrics) == ([], [], {})


def test_leave_one_out_leaves_out_whoever_has_nobody_left_to_compare_with() -> None:
    samples = [sample(0, 1.0), sample(0, None), sample(1, 1.0), sample(1, 0.0)]
    credit = assign_credit(samples, config(baseline="leave_one_out"))
    assert credit.trained == [2, 3]
    assert credit.advantages == [[1.0, 1.0], [-1.0, -1.0]]


def test_a_cut_off_response_counts_in_the_mean_and_is_not_trained_on() -> None:
    samples = [sample(0, 1.0), sample(0, 0.0, finish="length")]
    credit = assign_credit(samples, config(RolloutConfig(overlong="mask"), baseline="group_mean"))
    assert credit.trained == [0]
    assert credit.advantages == [[0.5, 0.5]]


def test_length_costs_reward_within_the_buffer() -> None:
    """DAPO eq. 13: free up to max_tokens - buffer, then linearly down to the whole penalty."""
    rollouts = RolloutConfig(max_tokens=10, overlong="shape", overlong_buffer=4, overlong_penalty=0.8)
    samples = [sample(group, 1.0, length) for group, length in enumerate((6, 7, 10))]
    credit = assign_credit(samples, config(rollouts, baseline="none"))
    assert [row[0] for row in credit.advantages] == pytest.approx([1.0, 0.8, 0.2])


def test_dropped_zeros_do_not_count() -> None:
    assert assign_credit(ONE_RIGHT, config(baseline="group_mean", drop_zero=True)).trained == [0, 1]


def test_the_kl_penalty_is_taken_off_token_by_token() -> None:
    penalised = replace(
        config(baseline="none", returns="reward_to_go"), objective=ObjectiveConfig(kl_coef=0.1, kl_in="reward")
    )
    credit = assign_credit([sample(0, 1.0)], penalised, old_log_probs=[[-1.0, -2.0]], ref_log_probs=[[-3.0, -1.0]])
    assert credit.advantages == [pytest.approx([1.0 + 0.1 - 0.2, 1.0 + 0.1])]


def test_a_learned_value_gives_generalised_advantages_and_targets() -> None:
    """δ = r + γ V' - V: the second token's is 1 - 0.4, the first one's 0.9 · 0.4 - 0.2; the sum with λγ = 0.45."""
    settings = replace(config(baseline="value", discount=0.9), value=ValueConfig(gae_lambda=0.5))
    credit = assign_credit([sample(0, 1.0)], settings, values=[[0.2, 0.4]])
    assert credit.advantages == [pytest.approx([0.16 + 0.45 * 0.6, 0.6])]
    assert credit.value_targets == [pytest.approx([0.16 + 0.45 * 0.6 + 0.2, 1.0])]


def test_sequences_of_different_length_keep_their_own_numbers() -> None:
    samples = [sample(0, 1.0, 1), sample(0, 0.0, 4), sample(1, 0.5, 2), sample(1, 0.5, 3)]
    credit = assign_credit(samples, config(baseline="group_mean"))
    assert [len(row) for row in credit.advantages] == [1, 4, 2, 3]
    assert credit.episode_returns.tolist() == [1.0, 0.0, 0.5, 0.5]
