"""Addition, worked digit by digit: problems without end, no file needed.

The worked solutions are written by a careless pupil who forgets a carry now and then. A policy that imitates them
has both habits; only the verified reward tells the right one from the wrong one.
"""

import random
from collections.abc import Iterator

from .problem import Problem
from .prompts import PromptFormat, prompt_format


def worked_addition(a: int, b: int, *, slip_rate: float = 0.0, rng: random.Random | None = None) -> tuple[str, int]:
    """The column-by-column working of `a + b` and the sum it arrives at.

    Each carry is forgotten with probability `slip_rate`; with 0 the sum is `a + b`.

    >>> worked_addition(47, 85)
    ('7+5=12, 4+8+1=13', 132)
    """
    rng = rng or random.Random(0)
    columns: list[str] = []
    total, carry, place = 0, 0, 1
    while a or b or not columns:
        (a, digit_a), (b, digit_b) = divmod(a, 10), divmod(b, 10)
        if carry and rng.random() < slip_rate:
            carry = 0
        column = digit_a + digit_b + carry
        columns.append(f"{digit_a}+{digit_b}{'+1' if carry else ''}={column}")
        total += (column % 10) * place
        carry, place = column // 10, place * 10
    return ", ".join(columns), total + carry * place


def addition_problems(
    count: int, *, num_digits: int, slip_rate: float, seed: int, prompt: PromptFormat | None = None
) -> list[Problem]:
    """`count` different additions of two `num_digits`-digit numbers, in an order that `seed` fixes.

    Solutions are in the form of `prompt`, by default r1_zero's.

    Raises `ValueError` when there are not that many different ones.
    """
    low, high = (10 ** (num_digits - 1) if num_digits > 1 else 0), 10**num_digits
    available = (high - low) ** 2
    if count > available:
        raise ValueError(f"{count} different problems wanted, but {num_digits}-digit addition has only {available}")
    prompt = prompt or prompt_format("r1_zero")
    return [
        _problem(a, b, slip_rate, random.Random(f"{seed}/{a}/{b}"), prompt) for a, b in _pairs(count, low, high, seed)
    ]


def _pairs(count: int, low: int, high: int, seed: int) -> Iterator[tuple[int, int]]:
    width = high - low
    for index in random.Random(seed).sample(range(width**2), count):
        yield low + index // width, low + index % width


def _problem(a: int, b: int, slip_rate: float, rng: random.Random, prompt: PromptFormat) -> Problem:
    working, total = worked_addition(a, b, slip_rate=slip_rate, rng=rng)
    return Problem(f"What is {a} + {b}?", str(a + b), prompt.solution(working, str(total)))
