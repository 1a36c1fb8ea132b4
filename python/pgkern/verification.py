"""Is a completion's answer the gold? Decided exactly, in Rust; needs neither torch nor anything but NumPy."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from . import _native

__all__ = ["Gold", "Verdict", "equivalent", "extract_answer", "verify", "verify_many"]

Gold: TypeAlias = str | Sequence[str]
"""One gold answer, or several of which any is accepted."""


class Verdict(IntEnum):
    """What a check decides. Only `CORRECT` is a reward of 1; the others are told apart for the log."""

    WRONG = 0
    """Both sides were read, and they differ."""
    CORRECT = 1
    """Both sides are equal, exactly."""
    NO_ANSWER = 2
    """The completion gives no answer."""
    UNPARSED = 3
    """The answer is mathematics the reader does not know, and is not spelled as the gold is."""
    BAD_GOLD = 4
    """The gold is empty or mathematics the reader does not know, and the answer is not spelled as it is."""
    OVER_BUDGET = 5
    """Deciding would take more work than one check may."""


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


def equivalent(answer: str, gold: Gold) -> bool:
    """Whether a bare answer equals the gold, or one of several.

    Numbers are compared exactly, in any spelling; lists without order, tuples and intervals with it. What is not read
    as a number is equal when it is spelled the same but for case, space, fonts and the names of commands.
    A percentage x% is x/100 and, against a bare number above one, also x. A unit that only one side has is dropped
    if it is known (`5 cm`, `5 apples`); any other word makes it another answer. One value is not a list of it.

    >>> equivalent("0.5", "\\\\frac12"), equivalent("0.33", "\\\\frac13")
    (True, False)
    """
    return _native.equivalent(answer, gold) == Verdict.CORRECT


def verify(completion: str, gold: Gold, *, mode: str = "auto") -> Verdict:
    """Extract a completion's answer as `extract_answer` does and decide whether it equals the gold, or one of several.

    >>> verify("So the total is \\\\boxed{1{,}000}.", "1000")
    <Verdict.CORRECT: 1>

    Raises `ValueError` for an unknown mode or an empty sequence of golds, `TypeError` for what is not text.
    """
    return Verdict(_native.verify(completion, gold, mode))


def verify_many(
    completions: Sequence[str], golds: Sequence[Gold], *, mode: str = "auto", num_threads: int | None = None
) -> npt.NDArray[np.uint8]:
    """Verdict codes of many completions, in their order: `[verify(c, g) for c, g in zip(completions, golds)]`.

    Runs on `num_threads` threads (None: all cores) with the interpreter lock released; the verdicts do not depend on
    how many.

    Raises `ValueError` when the numbers of completions and golds differ, `TypeError` for an element that is not text
    (with its index).
    """
    return _native.verify_many(completions, golds, mode, num_threads)
