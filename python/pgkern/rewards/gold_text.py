"""Golds as data sets have them: text, several texts, or a number."""

from numbers import Real
from typing import TypeAlias

from ..verification import Gold

GoldLike: TypeAlias = Gold | int | float
"""A gold, or a number: as in the course grader (CS336, assignment 5) what Python prints of it is the gold."""


def gold_text(gold: GoldLike) -> Gold:
    """The gold as the verifier takes it."""
    if isinstance(gold, (int, float, Real)):  # NumPy's numbers are `Real`, too
        return str(gold)
    return gold
