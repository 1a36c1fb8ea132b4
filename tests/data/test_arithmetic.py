import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.data.arithmetic import addition_problems, worked_addition


def test_working_of_a_sum_with_carries() -> None:
    assert worked_addition(47, 85) == ("7+5=12, 4+8+1=13", 132)
    assert worked_addition(0, 0) == ("0+0=0", 0)
    assert worked_addition(999, 1) == ("9+1=10, 9+0+1=10, 9+0+1=10", 1000)


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_careful_working_is_addition(a: int, b: int) -> None:
    assert worked_addition(a, b)[1] == a + b


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_who_forgets_every_carry_adds_digit_by_digit(a: int, b: int) -> None:
    width = max(len(str(a)), len(str(b)))
    columns = [int(x) + int(y) for x, y in zip(str(a).zfill(width), str(b).zfill(width), strict=True)]
    without_carries = int("".join(str(column % 10) for column in columns)) + columns[0] // 10 * 10**width
    assert worked_addition(a, b, slip_rate=1.0)[1] == without_carries


def test_a_carry_is_forgotten_as_often_as_asked() -> None:
    rng = random.Random(7)
    forgotten = sum(worked_addition(5, 15, slip_rate=0.3, rng=rng)[1] != 20 for _ in range(4000))
    assert 0.27 < forgotten / 4000 < 0.33


def test_problems_are_different_and_repeatable() -> None:
    problems = addition_problems(500, num_digits=2, slip_rate=0.5, seed=3)
    assert problems == addition_problems(500, num_digits=2, slip_rate=0.5, seed=3)
    assert problems != addition_problems(500, num_digits=2, slip_rate=0.5, seed=4)
    assert len({problem.question for problem in problems}) == 500


def test_the_gold_is_right_whatever_the_solution_says() -> None:
    wrong = 0
    for problem in addition_problems(300, num_digits=3, slip_rate=1.0, seed=0):
        a, b = (int(word) for word in problem.question.removeprefix("What is ").removesuffix("?").split(" + "))
        assert problem.gold == str(a + b)
        assert problem.solution is not None
        wrong += f"<answer> {a + b} </answer>" not in problem.solution
    assert 150 < wrong < 300  # those that have a carry into another column


def test_every_one_digit_problem_exists_and_no_more() -> None:
    assert len(addition_problems(100, num_digits=1, slip_rate=0.0, seed=0)) == 100
    with pytest.raises(ValueError, match="101 different problems wanted, but 1-digit addition has only 100"):
        addition_problems(101, num_digits=1, slip_rate=0.0, seed=0)
