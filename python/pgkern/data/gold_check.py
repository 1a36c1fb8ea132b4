"""Golds that the verifier cannot read: whatever a policy answers to them, it is not right."""

from collections.abc import Sequence

from ..verification import Verdict, verify_many
from .problem import Problem

__all__ = ["unreadable_golds"]


def unreadable_golds(problems: Sequence[Problem]) -> list[Problem]:
    """The problems whose gold is `BAD_GOLD` to any answer that is not spelled as it is."""
    codes = verify_many(["0"] * len(problems), [problem.gold for problem in problems], mode="whole")
    return [problem for problem, code in zip(problems, codes.tolist(), strict=True) if code == Verdict.BAD_GOLD]
