from typing import Any

import pytest

from pgkern.train.updating.schedule import falling, learning_rate_factor, rising


def factors(steps: int, schedule: Any, **settings: Any) -> list[float]:
    return [learning_rate_factor(step, steps=steps, schedule=schedule, **settings) for step in range(steps)]


def test_it_rises_to_one_and_stays() -> None:
    assert [rising(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert rising(0, 0) == 1.0


def test_it_falls_to_the_last_step() -> None:
    assert [falling(step, 4) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


COS = [1.0, 0.8535533905932737, 0.5, 0.14644660940672624]  # (1 + cos(π k / 4)) / 2


@pytest.mark.parametrize(
    ("schedule", "settings", "expected"),
    [
        ("constant", {}, [1.0, 1.0, 1.0, 1.0]),
        ("constant", {"warmup_steps": 2, "final_share": 0.5}, [0.5, 1.0, 1.0, 1.0]),
        ("linear", {}, [1.0, 0.75, 0.5, 0.25]),
        ("linear", {"final_share": 0.5}, [1.0, 0.875, 0.75, 0.625]),
        ("linear", {"warmup_steps": 2}, [0.5, 0.75, 0.5, 0.25]),
        ("linear", {"warmup_steps": 8}, [0.125, 0.1875, 0.1875, 0.125]),
        ("cosine", {}, COS),
        ("cosine", {"final_share": 0.2}, [0.2 + 0.8 * value for value in COS]),
        ("cosine", {"warmup_steps": 2}, [0.5, *COS[1:]]),
        ("warmup_stable_decay", {"decay_steps": 2}, [1.0, 1.0, 1.0, 0.5]),
        ("warmup_stable_decay", {"decay_steps": 3, "warmup_steps": 2}, [0.5, 1.0, 2 / 3, 1 / 3]),
        ("warmup_stable_decay", {"decay_steps": 2, "final_share": 0.5}, [1.0, 1.0, 1.0, 0.75]),
        ("warmup_stable_decay", {"decay_steps": 9}, [1.0, 0.75, 0.5, 0.25]),
        ("warmup_stable_decay", {"decay_steps": 0}, [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_every_schedule_by_its_table(schedule: str, settings: dict[str, Any], expected: list[float]) -> None:
    assert factors(4, schedule, **settings) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("steps", "warmup_steps"), [(60, 10), (7, 0), (1, 3), (1000, 33)])
def test_linear_is_bit_for_bit_the_product_of_its_two_lines(steps: int, warmup_steps: int) -> None:
    expected = [falling(step, steps) * rising(step, warmup_steps) for step in range(steps)]
    assert factors(steps, "linear", warmup_steps=warmup_steps) == expected


@pytest.mark.parametrize("schedule", ["linear", "constant", "cosine", "warmup_stable_decay"])
def test_the_last_step_still_learns_and_no_step_learns_faster_than_configured(schedule: str) -> None:
    for steps in (1, 2, 17):
        found = factors(steps, schedule, warmup_steps=3, decay_steps=5)
        assert found[-1] > 0
        assert max(found) <= 1


def test_a_step_outside_the_run_and_an_unknown_schedule_are_refused() -> None:
    with pytest.raises(ValueError, match="step is 4, expected 0 to 3"):
        learning_rate_factor(4, steps=4, schedule="linear")
    with pytest.raises(ValueError, match="step is -1"):
        learning_rate_factor(-1, steps=4, schedule="linear")
    unknown: Any = "triangular"
    with pytest.raises(ValueError, match="unknown schedule 'triangular'"):
        learning_rate_factor(0, steps=4, schedule=unknown)
