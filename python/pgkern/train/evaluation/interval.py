"""How far a mean over problems may be from the truth."""

import math
from collections.abc import Sequence

__all__ = ["interval"]

_Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


def interval(shares: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of numbers from 0 to 1, one a problem.

    Wilson's (1927), for as many observations as the spread says, `p (1 - p) / (s² / n)`, and at least n.

    For shares that are 0 or 1 it is Wilson's interval itself; so nothing is certain where all are right, as it would be
    with the normal one, and samples of one problem do not count as problems.

    Raises `ValueError` for no numbers.
    """
    count = len(shares)
    if not count:
        raise ValueError("there is no problem to take a mean of")
    mean = sum(shares) / count
    variance_of_mean = sum((share - mean) ** 2 for share in shares) / count**2
    effective = max(count, mean * (1 - mean) / variance_of_mean) if variance_of_mean > 0 else count
    scale = 1 + _Z**2 / effective
    middle = (mean + _Z**2 / (2 * effective)) / scale
    half = _Z / scale * math.sqrt(mean * (1 - mean) / effective + (_Z / (2 * effective)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)
