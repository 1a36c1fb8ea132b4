"""Countdown: reach a target from given numbers by + - * and /. Problems without end, no file needed.

Each is made from its own solution, so there always is one. The reward `countdown` takes any other as well.
"""

import random
from dataclasses import dataclass

from .problem import Problem
from .prompts import PromptFormat, prompt_format

__all__ = ["countdown_problems", "countdown_question"]

_TRIES = 1_000  # draws in a row without a new problem, and 20 for each found, after which none is taken to be left


def countdown_question(numbers: list[int], target: int) -> str:
    """The problem in words.

    >>> countdown_question([3, 4, 25], 84)
    'Use the numbers 3, 4 and 25, each exactly once, and + - * / to write an expression that equals 84.'
    """
    *others, last = map(str, numbers)
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"Use the numbers {listed}, each exactly once, and + - * / to write an expression that equals {target}."


def countdown_problems(
    count: int,
    *,
    num_numbers: int,
    largest_number: int,
    largest_target: int,
    seed: int,
    prompt: PromptFormat | None = None,
) -> list[Problem]:
    """`count` different problems of `num_numbers` numbers from 1 to `largest_number`, in an order that `seed` fixes.

    No two have the same numbers, in whatever order, and the same target; targets are whole, from 1 to `largest_target`,
    and so is everything on the way of the worked solution. The numbers are also in the column `numbers`.

    Raises `ValueError` when there are not that many different ones to be found.
    """
    rng = random.Random(seed)
    prompt = prompt or prompt_format("r1_zero")
    found: dict[tuple[int, ...], Problem] = {}
    tries = 0
    while len(found) < count:
        numbers = [rng.randint(1, largest_number) for _ in range(num_numbers)]
        solved = _combined(numbers, rng)
        key = (*sorted(numbers), solved.value)
        tries += 1
        if solved.value <= largest_target and key not in found:
            found[key] = _problem(numbers, solved, prompt)
            tries = 0
        elif tries > _TRIES + 20 * len(found):
            raise ValueError(
                f"{count} different problems wanted, but only {len(found)} were found with {num_numbers} numbers up to "
                f"{largest_number} and targets up to {largest_target}; allow for more of either, or want fewer"
            )
    return list(found.values())


@dataclass(frozen=True)
class _Part:
    """A whole value above 0, the expression that has it, and the steps that lead there."""

    value: int
    expression: str
    steps: tuple[str, ...] = ()
    is_product: bool = True
    """Whether the expression may stand beside * and / without parentheses."""


def _combined(numbers: list[int], rng: random.Random) -> _Part:
    parts = [_Part(number, str(number)) for number in numbers]
    while len(parts) > 1:
        rng.shuffle(parts)
        parts.append(_joined(parts.pop(), parts.pop(), rng))
    return parts[0]


def _joined(a: _Part, b: _Part, rng: random.Random) -> _Part:
    """Two parts by an operation whose result is whole and above 0."""
    if a.value < b.value:
        a, b = b, a
    operations = ["+", "*"] + ["-"] * (a.value > b.value) + ["/"] * (a.value % b.value == 0)
    sign = rng.choice(operations)
    value = {"+": a.value + b.value, "-": a.value - b.value, "*": a.value * b.value}.get(sign, a.value // b.value)
    is_product = sign in "*/"
    left = a.expression if not is_product or a.is_product else f"({a.expression})"
    bare = b.steps == () or sign == "+" or (sign in "-*" and b.is_product and "/" not in b.expression)
    right = b.expression if bare else f"({b.expression})"
    steps = (*a.steps, *b.steps, f"{a.value} {sign} {b.value} = {value}")
    return _Part(value, f"{left} {sign} {right}", steps, is_product)


def _problem(numbers: list[int], solved: _Part, prompt: PromptFormat) -> Problem:
    return Problem(
        countdown_question(numbers, solved.value),
        str(solved.value),
        prompt.solution(", ".join(solved.steps), solved.expression),
        {"numbers": numbers},
    )
