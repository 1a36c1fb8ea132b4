from fractions import Fraction
from itertools import combinations

import pytest

from pgkern.train.evaluation.interval import interval
from pgkern.train.evaluation.majority_vote import majority_vote
from pgkern.train.evaluation.pass_at_k import pass_at_k


def test_it_is_the_share_of_subsets_with_a_right_answer() -> None:
    for n in range(1, 8):
        for right in range(n + 1):
            answers = [True] * right + [False] * (n - right)
            for k in range(1, n + 1):
                subsets = list(combinations(answers, k))
                share = Fraction(sum(map(any, subsets)), len(subsets))
                assert pass_at_k(n, right, k) == pytest.approx(float(share), abs=1e-15), (n, right, k)


def test_many_samples_overflow_nothing() -> None:
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)
    assert pass_at_k(10_000, 0, 10_000) == 0.0


@pytest.mark.parametrize("arguments", [(4, 5, 1), (4, -1, 1), (4, 1, 0), (4, 1, 5)])
def test_what_there_cannot_be(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"(num_right|k) is -?\d, expected"):
        pass_at_k(*arguments)


def test_votes_for_one_value_count_together_however_it_is_spelled() -> None:
    assert majority_vote(["3", r"\frac{1}{2}", "3", "0.5", "1/2"]) == 1
    assert majority_vote(["x+1", "1 + x", "y"]) == 0


def test_ties_go_to_the_first_and_who_does_not_answer_does_not_vote() -> None:
    assert majority_vote(["2", "1", "1", "2"]) == 0
    assert majority_vote([None, "1", None, "2", "2.0"]) == 3
    assert majority_vote([None, None]) is None
    assert majority_vote([]) is None


def test_the_same_spelling_is_compared_once() -> None:
    asked: list[tuple[str, str]] = []

    def equal(a: str, b: str) -> bool:
        asked.append((a, b))
        return a == b

    assert majority_vote(["1", "2"] * 50 + ["2"], equal=equal) == 1
    assert asked == [("2", "1")]


def test_wilsons_interval_for_right_and_wrong() -> None:
    # Newcombe 1998, table I: 81 of 263 and 15 of 148
    assert interval([1.0] * 81 + [0.0] * 182) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval([1.0] * 15 + [0.0] * 133) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert interval([0.0] * 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert interval([1.0] * 20)[1] == 1.0


def test_samples_of_a_problem_do_not_count_as_problems() -> None:
    low, high = interval([0.5] * 100)  # no spread between the problems, but a hundred of them
    assert (low, high) == pytest.approx(interval([1.0, 0.0] * 50))
    wide, narrow = interval([1.0, 0.0] * 50), interval([0.6, 0.4] * 50)
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 3
    with pytest.raises(ValueError, match="no problem"):
        interval([])
