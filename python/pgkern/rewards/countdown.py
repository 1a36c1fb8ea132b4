"""The reward of the numbers game: reach a target from given numbers by + - * and /."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from ..verification import Verdict, extract_answer
from .arithmetic_expression import NotArithmeticError, NumberNotAllowedError, TooMuchError, evaluate
from .exact_number import Number, exact_number
from .reward import Reward, judged


def countdown(
    completion: str, target: Number, numbers: Iterable[Number], *, at_most_once: bool = False, mode: str = "auto"
) -> Reward:
    r"""Reward an expression over `numbers` whose value is `target`, exactly.

    `fractions.Fraction(eval(answer)) == target` and every number used once, but nothing is run: the answer, found as
    `extract_answer` does with `mode`, is numbers, `+ - * /` (also `× ÷ · \times \div \cdot \frac`) and parentheses.
    A sign before a number, a power, or two numbers glued together are not. Each of `numbers` is used exactly once, as
    often as it is listed; with `at_most_once` some may be left out. `= target` may stand behind the expression.

    An expression with another value or other numbers is `WRONG`, what is no such expression `UNPARSED`, one longer
    than 10,000 characters or nested more than 50 deep `OVER_BUDGET`; a target or number that is none is `BAD_GOLD`.

    Raises `ValueError` when `numbers` is a text instead of a list, or the mode none.

    >>> countdown("<answer> (25 - 1) / 4 * 3 </answer>", 18, [1, 3, 4, 25]).reward
    1.0
    >>> countdown("<answer> 25 - 4 - 3 </answer>", 18, [1, 3, 4, 25]).reason
    '1 of the numbers is left out: 1'
    """
    if isinstance(numbers, (str, bytes)):
        raise ValueError(f"numbers is {numbers!r:.80}: it must be a list of numbers")
    goal = exact_number(target)
    given = [exact_number(number) for number in numbers]
    answer = extract_answer(completion, mode=mode)
    if goal is None or None in given:
        reason = "the target and the numbers must be finite numbers"
        return judged(Verdict.BAD_GOLD, reason, answered=answer is not None)
    if answer is None:
        return judged(Verdict.NO_ANSWER)
    return judged(*_check(answer, goal, Counter(number for number in given if number is not None), at_most_once))


def _check(answer: str, goal: Fraction, given: Counter[Fraction], at_most_once: bool) -> tuple[Verdict, str]:
    try:
        found = evaluate(answer.lstrip(" \t\r\n$").rstrip(" \t\r\n$."), given)
    except NotArithmeticError as error:
        return Verdict.UNPARSED, str(error)
    except TooMuchError as error:
        return Verdict.OVER_BUDGET, str(error)
    except NumberNotAllowedError as error:
        return Verdict.WRONG, f"{error} is not among the numbers, or not as often"
    except ZeroDivisionError:
        return Verdict.WRONG, "division by zero"
    left_out = list((given - found.used).elements())
    if left_out and not at_most_once:
        shown = ", ".join(map(str, left_out))
        return (
            Verdict.WRONG,
            f"{len(left_out)} of the numbers {'is' if len(left_out) == 1 else 'are'} left out: {shown}",
        )
    if found.value != goal:
        return Verdict.WRONG, f"its value is {found.value}, not {goal}"
    if found.claimed not in (None, goal):
        return Verdict.WRONG, f"it is said to be {found.claimed}, not {goal}"
    return Verdict.CORRECT, ""
