"""When a reward counts as fallen: hardly ever by chance, surely after a collapse."""

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from pgkern.train.config import DivergenceConfig
from pgkern.train.divergence.reward_history import RewardHistory

PATIENCE = DivergenceConfig().reward_patience
BASELINES = Path(__file__).parents[3] / "examples" / "baselines" / "results.json"


def history(rewards: list[float], window: int = 20, min_share: float = 0.5) -> tuple[RewardHistory, float]:
    """What is remembered after all rewards, and the most that was ever lost."""
    remembered, most = RewardHistory(), 0.0
    for step, reward in enumerate(rewards, 1):
        remembered.add(step, reward, window=window, min_share=min_share)
        most = max(most, remembered.lost)
    return remembered, most


def sampled(chances: list[float], groups: int, samples: int, seed: int) -> list[float]:
    """Mean rewards of steps where each prompt has a difficulty of its own around the step's chance."""
    draw = random.Random(seed)
    rewards = []
    for chance in chances:
        right = 0
        for _ in range(groups):
            of_prompt = draw.betavariate(max(chance, 1e-6), max(1 - chance, 1e-6))
            right += sum(draw.random() < of_prompt for _ in range(samples))
        rewards.append(right / (groups * samples))
    return rewards


def test_a_step_counts_by_how_far_it_is_below_the_bound() -> None:
    even = [0.8] * 4
    assert history([*even, 0.0], window=4)[0].lost == 1.0
    assert history([*even, 0.0, 0.0, 0.2], window=4)[0].lost == 2.5  # the bound is 0.4
    assert history([*even, 0.0, 0.0, 0.4], window=4)[0].lost == 2.0
    assert history([*even, 0.0, 0.0, 0.8], window=4)[0].lost == 1.0
    assert history([*even, 0.0, 0.8, 0.8], window=4)[0].lost == 0.0  # never below
    assert history([*even, -50.0], window=4)[0].lost == 1.0  # one outlier is one step


def test_the_first_window_says_nothing() -> None:
    remembered, most = history([0.9] * 5 + [0.0] * 14)
    assert (most, remembered.best) == (0.0, [])


def test_the_last_good_step_is_before_a_sudden_fall_and_within_a_slow_one() -> None:
    assert history([0.8] * 50 + [0.0] * 30)[0].good_step == 50
    jitter = [0.02, -0.02] * 100
    slow = [max(0.0, 0.8 - 0.004 * step) + noise for step, noise in enumerate(jitter)]
    fallen, most = history([0.8 + noise for noise in jitter[:50]] + slow)
    assert 50 <= fallen.good_step < 70
    assert most > PATIENCE


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("groups", "samples"), [(3, 4), (16, 4), (32, 8)])
@pytest.mark.parametrize("chance", [0.002, 0.05, 0.16, 0.5, 0.9])
def test_chance_is_no_fall(chance: float, groups: int, samples: int, seed: int) -> None:
    assert history(sampled([chance] * 300, groups, samples, seed))[1] < PATIENCE


@pytest.mark.parametrize("seed", range(3))
def test_a_rise_a_plateau_and_a_small_step_back_are_no_fall(seed: int) -> None:
    chances = [0.1 + 0.7 * step / 200 for step in range(200)] + [0.8] * 50 + [0.6] * 100
    assert history(sampled(chances, 16, 4, seed))[1] < PATIENCE / 4


@pytest.mark.parametrize(("before", "after"), [(0.16, 0.02), (0.5, 0.05), (0.9, 0.0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_collapse_is_found(before: float, after: float, seed: int) -> None:
    rewards = sampled([before] * 60 + [after] * 100, 32, 8, seed)
    assert history(rewards[:60])[1] < PATIENCE / 4
    remembered, most = history(rewards)
    assert most >= PATIENCE
    assert 40 <= remembered.good_step <= 80  # the fall began no more than a window before it


def test_rewards_below_zero_are_held_to_what_was_won() -> None:
    draw = random.Random(0)

    def around(mean: float, steps: int) -> list[float]:
        return [draw.gauss(mean, 0.1) for _ in range(steps)]

    won = around(-0.9, 30) + around(0.5, 50)
    assert history(won)[1] < 1.0
    assert history(won + around(0.0, 100))[1] < 5.0  # two thirds of it are left
    assert history(won + around(-0.7, 100))[1] > PATIENCE
    assert history(around(-0.5, 50) + around(-2.0, 100))[1] == 0.0  # nothing was won: there is nothing to hold it to


def test_rewards_too_rare_to_tell_are_left_alone() -> None:
    rare = [0.0] * 19 + [1 / 12]
    assert history(rare * 3 + [0.0] * 500)[1] == 0.0


def test_no_run_of_the_baselines_example_has_fallen() -> None:
    curves = [run["train_reward"] for row in json.loads(BASELINES.read_text())["variants"] for run in row["runs"]]
    assert len(curves) >= 30
    assert max(history(curve, window=5)[1] for curve in curves) < 1.0


def test_it_goes_on_from_a_checkpoint_exactly() -> None:
    rewards = sampled([0.5] * 40 + [0.02] * 40, 3, 4, seed=1)
    whole, _ = history(rewards)
    for cut in (5, 20, 45, 60):
        taken_up = RewardHistory(**json.loads(json.dumps(asdict(history(rewards[:cut])[0]))))
        for step, reward in enumerate(rewards[cut:], cut + 1):
            taken_up.add(step, reward, window=20, min_share=0.5)
        assert taken_up == whole


def test_a_window_of_another_length_goes_on_with_what_there_is() -> None:
    remembered, _ = history([0.5] * 20)
    remembered.add(21, 0.5, window=5, min_share=0.5)
    assert remembered.recent == [0.5] * 5
    for step in range(22, 30):
        remembered.add(step, 0.0, window=5, min_share=0.5)
    assert remembered.lost == 8.0
