"""Is a completion's answer the gold? Decided exactly, in Rust; needs neither torch nor anything but NumPy."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _native
from .explanation import Explanation, GoldExplanation
from .verdict import Verdict

__all__ = [
    "Gold",
    "Order",
    "Percent",
    "Units",
    "Verdict",
    "equivalent",
    "explain",
    "extract_answer",
    "verify",
    "verify_many",
]

Gold: TypeAlias = str | Sequence[str]
"""One gold answer, or several of which any is accepted."""

Percent: TypeAlias = Literal["either", "hundredths", "number"]
"""What 10 % is against a bare number: 0.1 and also 10, 0.1 alone, or 10 alone."""

Units: TypeAlias = Literal["optional", "required", "ignored"]
"""A unit on one side alone: dropped, a difference, or (with those on both sides) not looked at."""

Order: TypeAlias = Literal["as_written", "ordered", "any"]
"""Whether order counts: for tuples but not for lists and sets, for lists as well, or for nothing."""


def extract_answer(completion: str, *, mode: str = "auto") -> str | None:
    """Return the answer a completion gives, as it is spelled there, or None.

    Only what follows the last `</think>` is looked at. `mode` says where the answer stands:

    - `"auto"`: the first of these that is present, the last occurrence of it: `<answer>…</answer>` (a box inside
      wins), `\\boxed{…}` or `\\fbox{…}`, `#### …`, "the answer is …" or "Answer: …", the last mathematics, the last
      number. An empty box is no answer; nothing is taken in its stead.
    - `"boxed"`, `"answer_tag"`, `"gsm8k"` (`#### …`), `"last_number"`, `"choice"` (a letter): that place only.
    - `"whole"`: the completion itself.

    >>> extract_answer("First \\\\boxed{41}. Correcting: \\\\boxed{42}.")
    '42'

    Raises `ValueError` for an unknown mode.
    """
    return _native.extract_answer(completion, mode)


def equivalent(
    answer: str,
    gold: Gold,
    *,
    tolerance: float | None = None,
    percent: Percent = "either",
    units: Units = "optional",
    order: Order = "as_written",
) -> bool:
    """Whether a bare answer equals the gold, or one of several.

    Both are read, in any spelling of LaTeX or plain text, and compared by what they mean (docs/verification.md has the
    rules as tables):

    - Numbers exactly: 0.5 is 1/2, and 0.333333333 is not 1/3.
    - Expressions by their value wherever both are real: `(x+1)^2` is `x^2+2x+1`, `\\sqrt{x^2}` is `|x|` and not `x`.
    - Quantities after conversion: 5 cm is 0.05 m, and never 5 kg. Money, times of day, ratios, angles likewise.
    - Tuples, intervals and matrices in order; lists, sets, unions and solutions in any, each element as often as it is
      there. One value is not a list of it.
    - Equations up to a factor other than zero, inequalities also as intervals; `x = 5` is 5 and not `y = 5`.
    - A choice by its letter, and words as they are spelled but for case, spaces, fonts and quotes.

    What is spelled the same is equal, whether it is understood or not, unless it has no value (1/0). True is returned
    for what is proven, or with a chance of error below 2⁻¹⁰⁰; False for all else, also for what is not understood or
    would take more work than a check may: `verify` with `mode="whole"` tells these apart.

    Args:
        answer: the answer alone.
        gold: one gold, or several of which any is accepted, tried in order. They share the work that one check may
            spend: behind many that are long and hard to read, a right one may not be reached (`OVER_BUDGET`).
        tolerance: when a decimal stands for a number it does not equal. None: for an irrational one of which it gives
            at least nine significant digits, all right. 0: never. Above 0: when it is away from the gold by at most
            this part of the gold, rational or not.
        percent: what x% is against a bare number (two percentages are compared as such). `"either"`: x/100, and also x
            where the bare number is above one in size, so that 10 is 10 % and 1 is not 1 %. `"hundredths"`: x/100 only.
            `"number"`: x only.
        units: `"optional"` drops a known unit that only one side has (`5 cm`, `5 apples`); any other word makes it
            another answer. `"required"` tells 5 cm from 5; `"ignored"` does not even tell 5 cm from 5 m.
        order: `"as_written"` as above. `"ordered"` tells the list 1, 2 from 2, 1; `"any"` does not even tell the tuple
            (1, 2) from (2, 1).

    >>> equivalent("0.5", "\\frac12"), equivalent("0.33", "\\frac13")
    (True, False)

    Raises `ValueError` for an empty sequence of golds, for a tolerance that is negative or not finite, and for an
    option's value that is none of those above; `TypeError` for what is not text, and for golds in a mapping or a set.
    """
    return _native.equivalent(answer, gold, (tolerance, percent, units, order)) == Verdict.CORRECT


def verify(
    completion: str,
    gold: Gold,
    *,
    mode: str = "auto",
    tolerance: float | None = None,
    percent: Percent = "either",
    units: Units = "optional",
    order: Order = "as_written",
) -> Verdict:
    """Extract a completion's answer as `extract_answer` does and decide whether it equals the gold, or one of several.

    The options are those of `equivalent`, and so is the rule that several golds share the work of one check.

    >>> verify("So the total is \\boxed{1{,}000}.", "1000")
    <Verdict.CORRECT: 1>

    Raises what `equivalent` raises, and `ValueError` for an unknown mode.
    """
    return Verdict(_native.verify(completion, gold, mode, (tolerance, percent, units, order)))


def verify_many(
    completions: Iterable[str],
    golds: Iterable[Gold],
    *,
    mode: str = "auto",
    num_threads: int | None = None,
    tolerance: float | None = None,
    percent: Percent = "either",
    units: Units = "optional",
    order: Order = "as_written",
) -> npt.NDArray[np.uint8]:
    """Verdict codes of many completions, in their order: `[verify(c, g) for c, g in zip(completions, golds)]`.

    Runs on `num_threads` threads (None: all cores) with the interpreter lock released; the verdicts do not depend on
    how many. It may be called from any thread, and Ctrl-C stops it.

    Both may be any sequence of `str`, a NumPy array of text, or a pyarrow array (chunked or not) of `string`,
    `large_string` or `string_view`, which is read where it lies. Several golds of a completion are a sequence, or a
    row of a pyarrow array of lists. A completion that is null in a pyarrow array is `NO_ANSWER`, a gold that is null
    `BAD_GOLD`. The options are those of `equivalent`.

    Raises what `verify` raises; `ValueError` when the numbers of completions and golds differ or `num_threads` is not
    from 1 to 1024, `TypeError` for an element that is not text (with its index).
    """
    return _native.verify_many(completions, golds, mode, num_threads, (tolerance, percent, units, order))


def explain(
    completion: str,
    gold: Gold,
    *,
    mode: str = "auto",
    tolerance: float | None = None,
    percent: Percent = "either",
    units: Units = "optional",
    order: Order = "as_written",
) -> Explanation:
    """Verify as `verify` does and say why: what was extracted, how both sides were read, and which rule decided.

    >>> print(explain("It is \\boxed{7}.", "8").verdict.name)
    WRONG

    Raises what `verify` raises.
    """
    options = (tolerance, percent, units, order)
    code, extracted, answer, golds, work = _native.explain(completion, gold, mode, options)
    explained = tuple(GoldExplanation(text, reading, Verdict(one), rule) for text, reading, one, rule in golds)
    return Explanation(Verdict(code), extracted, answer, explained, work)
