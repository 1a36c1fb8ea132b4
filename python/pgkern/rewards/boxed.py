r"""The reward of an answer in a `\boxed{…}`."""

from collections.abc import Sequence

from ..verification import Gold, Verdict, verify, verify_many
from .reward import Reward, judged


def boxed(completion: str, gold: Gold) -> Reward:
    r"""Reward a right `\boxed{X}`; the form is that there is a box with something in it.

    What the course (CS336, assignment 5) calls the question-only reward.
    """
    return judged(verify(completion, gold, mode="boxed"))


def boxed_many(completions: Sequence[str], golds: Sequence[Gold], *, num_threads: int | None = None) -> list[Reward]:
    """`[boxed(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores)."""
    codes = verify_many(completions, golds, mode="boxed", num_threads=num_threads)
    return [judged(Verdict(code)) for code in codes.tolist()]
