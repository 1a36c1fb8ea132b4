"""The answer that most samples give, where what is equal is the verifier's to say: 1/2 and 0.5 vote for one another."""

from collections.abc import Callable, Sequence

from ...verification import equivalent

__all__ = ["majority_vote"]


def majority_vote(answers: Sequence[str | None], *, equal: Callable[[str, str], bool] = equivalent) -> int | None:
    """The place of the first answer of the largest group; None when nobody answered.

    An answer joins the first group whose first answer it equals. A sample without an answer (None) has no vote, and of
    groups of one size the one that began first wins.

    >>> majority_vote(["3", "1/2", None, "0.5"])
    1
    """
    groups: list[list[int]] = []
    group_of: dict[str, list[int]] = {}  # by spelling, so that few answers have to be compared
    for place, answer in enumerate(answers):
        if answer is None:
            continue
        if answer not in group_of:
            found = next((group for group in groups if equal(answer, answers[group[0]] or "")), None)
            if found is None:
                groups.append(found := [])
            group_of[answer] = found
        group_of[answer].append(place)
    return max(groups, key=len)[0] if groups else None  # max takes the first of equals
