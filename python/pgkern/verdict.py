"""What a check decides."""

from enum import IntEnum

__all__ = ["Verdict"]


class Verdict(IntEnum):
    """What a check decides. Only `CORRECT` is a reward of 1; the others are told apart for the log."""

    WRONG = 0
    """Both sides were read, and they differ: proven, or of kinds that are never equal."""
    CORRECT = 1
    """Both sides are equal: proven, or with a chance of error below 2⁻¹⁰⁰."""
    NO_ANSWER = 2
    """The completion gives no answer."""
    UNPARSED = 3
    """The answer is not understood, or equality could be neither shown nor refuted."""
    BAD_GOLD = 4
    """The gold is empty or not understood, and the answer is not spelled as it is."""
    OVER_BUDGET = 5
    """Deciding would take more work than one check may."""
