"""The two tasks of the reference curves: a sum's last digit as one token, and two-digit addition."""

import random

from pgkern.data.problem import Problem

SYMBOLS = "0123456789+="


def last_digit_problems() -> list[Problem]:
    """`a+b=` for every pair of digits; right is the one token (a + b) mod 10."""
    return [Problem(f"{a}+{b}=", str((a + b) % 10)) for a in range(10) for b in range(10)]


def two_digit_problems(seed: int) -> list[Problem]:
    """`a+b=` for every pair of two-digit numbers, in an order that `seed` fixes; the solution is the sum."""
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    random.Random(seed).shuffle(pairs)
    return [Problem(f"{a}+{b}=", str(a + b), str(a + b)) for a, b in pairs]
