"""The reward of a text that is the gold, up to what is said not to matter."""

import unicodedata

from ..verification import Gold, Verdict, extract_answer
from .reward import Reward, judged

MAX_CHARACTERS = 100_000
# Putting a run of combining marks in order takes time in its square. No text has more in a row (Unicode, UAX #15-D).
MAX_COMBINING_MARKS = 30


def text_match(
    completion: str,
    gold: Gold,
    *,
    mode: str = "whole",
    normalize: bool = True,
    ignore_case: bool = True,
    ignore_spaces: bool = True,
    ignore_punctuation: bool = False,
) -> Reward:
    """Reward the gold's text, or that of one of several golds.

    The answer is found as `extract_answer` does with `mode`: by default all that follows the last `</think>`, without
    the white space around it. Letters are those of Unicode's NFKC unless `normalize` is False (`ﬁ` is `fi`, full-width
    digits are digits), compared without case, every run of white space as one space; `ignore_punctuation` leaves out
    whatever Unicode calls punctuation. With all four False the texts must be the same, letter by letter, but for the
    white space around the answer.

    Texts that differ are `WRONG`. Unless it is the gold letter by letter, an answer longer than 100,000 characters or
    with more than 30 combining marks in a row is `OVER_BUDGET`; a gold of which nothing is left is `BAD_GOLD`.

    Raises `ValueError` for a mode that is none.

    >>> text_match("  The  Nile. ", "the nile", ignore_punctuation=True).reward
    1.0
    """
    golds = [gold] if isinstance(gold, str) else list(gold)
    answer = extract_answer(completion, mode=mode)

    def punctuation(letter: str) -> bool:
        return ignore_punctuation and unicodedata.category(letter).startswith("P")

    def comparable(text: str) -> str:
        if normalize:
            text = unicodedata.normalize("NFKC", text)
        if ignore_case:
            text = text.casefold()
        if normalize and ignore_case:  # folding can take letters apart again
            text = unicodedata.normalize("NFKC", text)
        if ignore_punctuation:
            text = "".join(letter for letter in text if not punctuation(letter))
        return " ".join(text.split()) if ignore_spaces else text.strip()

    golds = [one for one in golds if not all(letter.isspace() or punctuation(letter) for letter in one)]
    if not golds:
        return judged(Verdict.BAD_GOLD, "nothing is left of the gold but what is ignored", answered=answer is not None)
    if answer is None:
        return judged(Verdict.NO_ANSWER)
    if answer in golds:
        return judged(Verdict.CORRECT)
    if len(answer) > MAX_CHARACTERS:
        return judged(Verdict.OVER_BUDGET, f"the answer has {len(answer)} characters, more than {MAX_CHARACTERS}")
    if not answer.isascii() and _longest_run_of_marks(answer) > MAX_COMBINING_MARKS:
        return judged(Verdict.OVER_BUDGET, f"more than {MAX_COMBINING_MARKS} combining marks in a row")
    found = comparable(answer)
    if not found:
        return judged(Verdict.NO_ANSWER, "nothing is left of the answer but what is ignored")
    return judged(Verdict.CORRECT if any(comparable(one) == found for one in golds) else Verdict.WRONG)


def _longest_run_of_marks(text: str) -> int:
    longest = run = 0
    for letter in text:
        run = run + 1 if unicodedata.combining(letter) else 0
        longest = max(longest, run)
    return longest
