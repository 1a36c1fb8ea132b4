"""Golds as data sets have them: text, a number, or several of these."""

from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from numbers import Real
from typing import TypeAlias

from .verification import Gold

__all__ = ["GoldLike", "gold_text", "number_text"]

GoldLike: TypeAlias = str | int | float | Iterable[str | int | float]
"""A gold, or a number that stands for the digits it is printed with; or several of these, any of which is accepted."""


def gold_text(gold: object) -> Gold:
    """The gold as the verifier takes it, of a `GoldLike`.

    Raises `ValueError` for anything else: None, truth values, NaN, the infinities, mappings, sets, and what is empty.
    """
    if isinstance(gold, str) or not isinstance(gold, Iterable) or isinstance(gold, Mapping | Set | bytes | bytearray):
        return _one(gold, "gold")
    golds = [_one(one, f"gold[{index}]") for index, one in enumerate(gold)]
    if not golds:
        raise ValueError("gold is empty: at least one gold must be accepted")
    return golds


def number_text(number: object) -> str | None:
    """What is printed of a number; None for what is none, for truth values, for NaN and the infinities."""
    if isinstance(number, bool) or not isinstance(number, Real | Decimal):
        return None
    text = str(number)
    return text if text.lstrip("-")[:1].isdecimal() else None  # the others are printed as words


def _one(gold: object, name: str) -> str:
    text = gold if isinstance(gold, str) else number_text(gold)
    if text is None:
        raise ValueError(f"{name} is {gold!r:.80}: it must be a text, a number, or a list of those")
    return text
