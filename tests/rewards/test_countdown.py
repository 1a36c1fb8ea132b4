import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import Verdict
from pgkern.rewards import countdown

NUMBERS = [1, 3, 4, 25]
CASES = [
    ("(25 - 1) / 4 * 3", Verdict.CORRECT),
    ("3 * ((25-1)/4)", Verdict.CORRECT),
    ("(25 − 1) ÷ 4 × 3", Verdict.CORRECT),
    (r"\frac{25 - 1}{4} \cdot 3", Verdict.CORRECT),
    (r"\left(25 - 1\right) \div 4 \times 3", Verdict.CORRECT),
    (r"3 / \dfrac{4}{25 - 1}", Verdict.CORRECT),
    ("[(25 - 1) / 4] * 3 = 18", Verdict.CORRECT),
    ("$(25 - 1) / 4 * 3$.", Verdict.CORRECT),
    ("(25 - 1) / 4 * 3 = 19", Verdict.WRONG),
    ("25 - 4 - 3", Verdict.WRONG),  # 1 is left out
    ("25 - 3 - 4 * 1", Verdict.CORRECT),
    ("25 - 3 - 4 + 1", Verdict.WRONG),
    ("25 - 3 - 4 * 1 * 1", Verdict.WRONG),
    ("18", Verdict.WRONG),
    ("25 * 3 / (4 - 3 - 1)", Verdict.WRONG),
    ("(25 + 3) / (4 - 4)", Verdict.WRONG),
    ("-1 + 25", Verdict.UNPARSED),
    ("25 * (-1)", Verdict.UNPARSED),
    ("25 - -1", Verdict.UNPARSED),
    ("25 ** 3", Verdict.UNPARSED),
    ("25 ^ 3", Verdict.UNPARSED),
    ("25 // 3", Verdict.UNPARSED),
    ("25 3", Verdict.UNPARSED),
    ("25(3)", Verdict.UNPARSED),
    ("(25", Verdict.UNPARSED),
    ("25)", Verdict.UNPARSED),
    ("25 +", Verdict.UNPARSED),
    ("٢٥ + ３", Verdict.UNPARSED),
    ("1e3", Verdict.UNPARSED),
    ("1_3", Verdict.UNPARSED),
    ("x + 1", Verdict.UNPARSED),
    ("25 = 1 = 3", Verdict.UNPARSED),
    (r"\frac 1 3", Verdict.UNPARSED),
    ("__import__('os').system('true')", Verdict.UNPARSED),
    ("1 + 3 if 4 else 25", Verdict.UNPARSED),
    ("", Verdict.NO_ANSWER),
]


@pytest.mark.parametrize(("expression", "verdict"), CASES)
def test_an_expression_over_the_numbers_that_reaches_the_target(expression: str, verdict: Verdict) -> None:
    reward = countdown(f"<think>25 * 3</think> <answer>{expression}</answer>", 18, NUMBERS)
    assert reward.verdict == verdict
    assert reward.reward == reward.answer_reward == float(verdict == Verdict.CORRECT)
    assert reward.format_reward == float(verdict != Verdict.NO_ANSWER)
    assert bool(reward.reason) == (verdict not in (Verdict.CORRECT, Verdict.NO_ANSWER))


def test_numbers_count_as_often_as_they_are_listed() -> None:
    assert countdown("<answer>2 + 2</answer>", 4, [2, 2]).reward == 1
    assert countdown("<answer>2 + 2</answer>", 4, [2]).reward == 0
    assert countdown("<answer>2 + 2</answer>", 4, [2, 2, 2]).reason == "1 of the numbers is left out: 2"
    assert countdown("<answer>2 + 2</answer>", 4, [2, 2, 2, 5], at_most_once=True).reward == 1
    assert countdown("<answer>2 + 2</answer>", 4, [2, 5], at_most_once=True).reward == 0


def test_values_are_exact() -> None:
    assert countdown("<answer>1 / 3 * 3</answer>", 1, [1, 3, 3]).reward == 1
    assert countdown("<answer>0.1 + 0.2</answer>", "0.3", [0.1, 0.2]).reward == 1
    assert countdown("<answer>1 / 3</answer>", Fraction(1, 3), [1, 3]).reward == 1
    assert countdown("<answer>1 / 3</answer>", "0.3333333333333333", [1, 3]).reward == 0
    assert countdown("<answer>0.1 + 0.2</answer>", np.float32(0.3), [np.float32(0.1), np.float64(0.2)]).reward == 1
    assert countdown("<answer>0.1 + 0.2</answer>", Decimal("0.30"), [Decimal("0.1"), "0.2"]).reward == 1
    for target in (Decimal("NaN"), Decimal("1e999999"), Decimal("-Infinity")):
        assert countdown("<answer>1</answer>", target, [1]).verdict == Verdict.BAD_GOLD
    big = 10**40
    assert countdown(f"<answer>{big} - 1</answer>", big - 1, [big, 1]).reward == 1
    assert countdown(f"<answer>{big} - 1</answer>", big, [big, 1]).reward == 0


@pytest.mark.parametrize("target", [None, "x", "1/0", float("nan"), True, [18]])
def test_a_target_that_is_no_number_is_a_bad_gold(target: Any) -> None:
    assert countdown("<answer>25</answer>", target, [25]).verdict == Verdict.BAD_GOLD
    assert countdown("<answer>25</answer>", 25, [25, target]).verdict == Verdict.BAD_GOLD
    assert countdown("", target, [25]).format_reward == 0
    assert countdown("<answer>25</answer>", target, [25]).format_reward == 1


def test_a_text_is_no_list_of_numbers() -> None:
    with pytest.raises(ValueError, match="numbers is '12': it must be a list of numbers"):
        countdown("<answer>1 + 2</answer>", 3, "12")


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 1_000_000,
        "(" * 4_000 + "1" + ")" * 4_000,
        "1+" * 4_000 + "1",
        "9**9**9",
        "9" * 9_000,
        "1/" * 4_000,
        "\\frac{" * 1_500,
        "\\left" * 1_900,
        " " * 9_999 + "$",
        "\ud800",
        "\0",
    ],
)
def test_hostile_texts_end_at_once(expression: str) -> None:
    started = time.perf_counter()
    assert countdown(f"<answer>{expression}</answer>", 1, [1, 9, 9, 9]).reward == 0
    assert time.perf_counter() - started < 10  # hanging is what it must not; a slow machine may be slow


def trees(numbers: list[int], data: st.DataObject) -> str:
    """An expression in which each of the numbers stands once."""
    if len(numbers) == 1:
        return str(numbers[0])
    cut = data.draw(st.integers(1, len(numbers) - 1))
    left, right = trees(numbers[:cut], data), trees(numbers[cut:], data)
    return f"({left}) {data.draw(st.sampled_from('+-*/'))} ({right})"


@settings(deadline=None, derandomize=True)
@given(numbers=st.lists(st.integers(0, 100), min_size=1, max_size=6), data=st.data())
def test_the_value_is_that_of_python(numbers: list[int], data: st.DataObject) -> None:
    expression = trees(numbers, data)
    exact = expression
    for number in sorted(set(numbers), reverse=True):
        exact = exact.replace(f"({number})", f"(Fraction({number}))")
    exact = f"Fraction({exact})" if len(numbers) == 1 else exact
    try:
        value = eval(exact)  # of the test's own making
    except ZeroDivisionError:
        assert countdown(f"<answer>{expression}</answer>", 0, numbers).reason == "division by zero"
        return
    assert countdown(f"<answer>{expression}</answer>", value, numbers).reward == 1
    assert countdown(f"<answer>{expression}</answer>", value + 1, numbers).reward == 0
