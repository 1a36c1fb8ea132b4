"""A mistake in an argument is told with the argument's name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pgkern import Verdict, equivalent, explain, extract_answer, verify, verify_many


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: extract_answer(None), "completion must be str, not NoneType"),
        (lambda: extract_answer("5", mode=5), "mode must be str, not int"),
        (lambda: equivalent(5, "5"), "answer must be str, not int"),
        (lambda: verify(5, "5"), "completion must be str, not int"),
        (lambda: explain(b"5", "5"), "completion must be str, not bytes"),
        (lambda: verify("5", "5", mode=None), "mode must be str, not NoneType"),
        (lambda: verify("5", 5), "gold must be str or a sequence of str, not int"),
        (lambda: verify("5", b"5"), "gold must be str or a sequence of str, not bytes"),
        (lambda: verify("5", bytearray(b"5")), "gold must be str or a sequence of str, not bytearray"),
        (lambda: verify("5", {"5": 1}), "gold must be str or a sequence of str, not dict"),
        (lambda: verify("5", {"5"}), "gold must be str or a sequence of str, not set"),
        (lambda: verify("5", frozenset("5")), "gold must be str or a sequence of str, not frozenset"),
        (lambda: verify("5", ["5", 6]), r"gold\[1\] must be str, not int"),
        (lambda: verify_many(["5"], [{"5": 1}]), r"golds\[0\] must be str or a sequence of str, not dict"),
        (lambda: verify_many(["5"], {"5": 1}), "golds must be a sequence of str or of sequences of str, not dict"),
        (lambda: verify_many({"5": 1}, ["5"]), "completions must be a sequence of str, not dict"),
        (lambda: verify_many(b"5", ["5"]), "completions must be a sequence of str, not bytes"),
        (lambda: verify_many(["5"], ["5"], num_threads="2"), "num_threads must be an integer or None, not str"),
        (lambda: verify_many(["5"], ["5"], num_threads=1.5), "num_threads must be an integer or None, not float"),
        (lambda: verify_many(["5"], ["5"], mode=b"auto"), "mode must be str, not bytes"),
    ],
)
def test_a_wrong_type_is_told_with_its_argument(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("number", [0, -1, 1025, 10**30, -(10**30)])
def test_a_number_of_threads_out_of_reach_is_told(number: int) -> None:
    with pytest.raises(ValueError, match=f"num_threads is {number}: it must be from 1 to 1024"):
        verify_many(["5"], ["5"], num_threads=number)


@pytest.mark.parametrize(
    "golds", [["4", "5"], ("4", "5"), iter(["4", "5"]), np.array(["4", "5"]), {"4": 1, "5": 2}.keys()]
)
def test_golds_in_any_order_that_is_one_are_taken(golds: Any) -> None:
    assert verify("5", golds, mode="whole") is Verdict.CORRECT
