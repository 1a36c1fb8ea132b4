r"""The reward of an answer in a `\boxed{…}`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..gold_text import GoldLike, gold_text
from ..verification import Verdict, verify, verify_many
from .reward import Reward, judged
from .verify_options import VerifyOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


def boxed(completion: str, gold: GoldLike, **options: "Unpack[VerifyOptions]") -> Reward:
    r"""Reward a right `\boxed{X}`; the form is that there is a box with something in it.

    What the course (CS336, assignment 5) calls the question-only reward.

    Raises `ValueError` for a gold that is neither text nor number (None, True), and for options that the verifier does
    not know.
    """
    return judged(verify(completion, gold_text(gold), mode="boxed", **options))


def boxed_many(
    completions: Sequence[str],
    golds: Sequence[GoldLike],
    *,
    num_threads: int | None = None,
    **options: "Unpack[VerifyOptions]",
) -> list[Reward]:
    """`[boxed(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores).

    Raises `ValueError` as that does, when the lengths differ, and for fewer than one thread.
    """
    codes = verify_many(
        completions, [gold_text(gold) for gold in golds], mode="boxed", num_threads=num_threads, **options
    )
    return [judged(Verdict(code)) for code in codes.tolist()]
