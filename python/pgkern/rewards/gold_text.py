"""Golds as data sets have them: text, several texts, or a number."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TypeAlias

from ..verification import Gold

GoldLike: TypeAlias = Gold | int | float
"""A gold, or a number: as in the course grader (CS336, assignment 5) what Python prints of it is the gold."""


def gold_text(gold: GoldLike) -> Gold:
    """The gold as the verifier takes it.

    Raises `ValueError` for what is neither text nor number nor a sequence of those: None, and truth values, too.
    """
    if isinstance(gold, Iterable) and not isinstance(gold, (str, bytes, Mapping)):
        return [_text(one) for one in gold]
    return _text(gold)


def _text(gold: object) -> str:
    if isinstance(gold, str):
        return gold
    if isinstance(gold, Real) and not isinstance(gold, bool):  # NumPy's numbers are `Real`, its truth values are not
        return str(gold)
    raise ValueError(f"gold is {gold!r:.80}: it must be a text, a number, or a list of those")
