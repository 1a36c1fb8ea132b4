import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pgkern.gold_text import gold_text, number_text


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("5", "5"),
        (5, "5"),
        (-0.5, "-0.5"),
        (1e22, "1e+22"),
        (Decimal("0.1000000000000000055"), "0.1000000000000000055"),
        (Fraction(1, 3), "1/3"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        ([5], ["5"]),
        (("a", 2.5), ["a", "2.5"]),
        (np.array(["a", "b"]), ["a", "b"]),
    ],
)
def test_numbers_are_what_is_printed_of_them(gold: Any, text: str | list[str]) -> None:
    assert gold_text(gold) == text


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        (True, "gold is True: it must be a text, a number, or a list of those"),
        ([False], r"gold\[0\] is False: it must be"),
        (None, "gold is None"),
        (b"5", "gold is b'5'"),
        ({"5": 1}, "gold is {'5': 1}"),
        ({"5"}, "gold is {'5'}"),
        (["5", None], r"gold\[1\] is None"),
        ([["5"]], r"gold\[0\] is \['5'\]"),
        ([], "gold is empty"),
        (math.nan, "gold is nan"),
        (["5", -math.inf], r"gold\[1\] is -inf"),
        (Decimal("sNaN"), r"gold is Decimal\('sNaN'\)"),
    ],
)
def test_what_is_no_gold_is_named(gold: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gold_text(gold)


def test_what_is_no_number_has_no_text() -> None:
    assert [number_text(one) for one in ("5", True, None, math.inf, 5j)] == [None] * 5
