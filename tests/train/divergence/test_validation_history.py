import json
import math
import random
from dataclasses import asdict
from statistics import fmean, pvariance

import pytest

from pgkern.train.divergence.validation_history import Validation, ValidationHistory


def solved(right: int, problems: int) -> Validation:
    return Validation.of([1.0] * right + [0.0] * (problems - right))


def fallen_at(evaluations: list[Validation], min_share: float = 0.5) -> tuple[list[int], ValidationHistory]:
    """The evaluations, counted from 0, that are told as fallen."""
    history = ValidationHistory()
    told = [step for step, each in enumerate(evaluations) if history.add(step, each, min_share=min_share)]
    return told, history


def test_what_an_evaluation_came_to() -> None:
    assert Validation.of([1.0, 0.0, 0.5]) == Validation(0.5, pytest.approx(1 / 6), 3)
    nothing = Validation.of([])
    assert math.isnan(nothing.mean)
    assert nothing.count == 0


def test_chance_is_told_by_all_the_rewards_together() -> None:
    generator = random.Random(0)
    for sizes in ((2, 2), (5, 9), (100, 40)):
        high = [generator.gauss(1.0, 1.0) for _ in range(sizes[0])]
        low = [generator.gauss(0.0, 1.0) for _ in range(sizes[1])]
        error = math.sqrt(pvariance(high + low) * (1 / sizes[0] + 1 / sizes[1]))
        expected = fmean(high) - fmean(low) > 4 * error
        assert Validation.of(high).exceeds(Validation.of(low)) is expected
        assert not Validation.of(low).exceeds(Validation.of(high))
    assert solved(60, 100).exceeds(solved(30, 100))
    assert not solved(60, 100).exceeds(solved(50, 100))
    assert not solved(7, 7).exceeds(solved(0, 7)), "seven problems are too few for any difference"
    assert not Validation.of([]).exceeds(solved(1, 2))
    assert not solved(1, 2).exceeds(Validation.of([]))


def test_a_collapse_within_the_first_steps_is_a_fall() -> None:
    """0.16 of 512 before the first step and 0.02 after it: the reference curve at a learning rate of 1e-3."""
    told, history = fallen_at([solved(82, 512), solved(10, 512), solved(11, 512)])
    assert told == [1, 2]
    assert (history.best, history.good_step) == (solved(82, 512), 0)


def test_a_fall_that_is_not_below_the_bound_is_none_but_no_good_step_either() -> None:
    told, history = fallen_at([solved(400, 512), solved(300, 512)])
    assert told == []
    assert history.good_step == 0
    assert fallen_at([solved(400, 512), solved(300, 512)], min_share=0.9)[0] == [1]


@pytest.mark.parametrize("chance", [0.05, 0.15, 0.5, None])
def test_noise_is_hardly_ever_a_fall_three_times_in_a_row(chance: float | None) -> None:
    """In one of 100 runs at most, of 100 evaluations of 64 answers; each draws anew, which greedy ones do not."""
    generator = random.Random(0)
    alarms = 0
    for _ in range(100):
        climb = [min(0.9, 0.05 + 0.01 * step) for step in range(100)]
        chances = climb if chance is None else [chance] * 100
        told, _ = fallen_at([solved(sum(generator.random() < each for _ in range(64)), 64) for each in chances])
        alarms += any(later - earlier == 2 for earlier, later in zip(told, told[2:], strict=False))
    assert alarms <= 1


def test_rewards_that_begin_below_0_are_held_to_what_was_won() -> None:
    def rewards(mean: float) -> Validation:
        return Validation(mean, 0.01, 256)

    assert fallen_at([rewards(-1.0), rewards(-0.2), rewards(-0.5)])[0] == []
    assert fallen_at([rewards(-1.0), rewards(-0.2), rewards(-0.7)])[0] == [2]


def test_an_evaluation_that_judged_nothing_says_nothing() -> None:
    told, history = fallen_at([Validation.of([]), solved(82, 512), Validation.of([]), solved(10, 512)])
    assert told == [3]
    assert (history.first, history.good_step) == (82 / 512, 1)


def test_it_is_remembered_as_json() -> None:
    _, history = fallen_at([solved(82, 512), solved(81, 512), solved(10, 512)])
    fields = json.loads(json.dumps(asdict(history)))
    assert ValidationHistory(best=Validation(**fields.pop("best")), **fields) == history
