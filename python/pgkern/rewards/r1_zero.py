"""The reward of the r1_zero prompt: an answer between tags, behind the thoughts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..gold_text import GoldLike, gold_text
from ..verification import Verdict, verify, verify_many
from .reward import Reward
from .verify_options import VerifyOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


def r1_zero(completion: str, gold: GoldLike, **options: "Unpack[VerifyOptions]") -> Reward:
    """Reward `… </think> <answer> X </answer>`: 1 when it has this form and X is right.

    The r1_zero prompt ends with `Assistant: <think>`, so a completion begins inside the thoughts. As in the course
    grader it comes from (CS336, assignment 5), the form is `"</think> <answer>"` and `"</answer>"` anywhere, spelled
    exactly so; a box inside the answer wins over the rest of it. The answer is the last closed tag, so text behind it
    does no harm.

    Raises `ValueError` for a gold that is neither text nor number (None, True), and for options that the verifier does
    not know.
    """
    if not _has_the_form(completion):
        return _FORMLESS
    return _formed(verify(completion, gold_text(gold), mode="answer_tag", **options))


def r1_zero_many(
    completions: Sequence[str],
    golds: Sequence[GoldLike],
    *,
    num_threads: int | None = None,
    **options: "Unpack[VerifyOptions]",
) -> list[Reward]:
    """`[r1_zero(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores).

    Raises `ValueError` as that does, when the lengths differ, and for fewer than one thread.
    """
    codes = verify_many(
        completions, [gold_text(gold) for gold in golds], mode="answer_tag", num_threads=num_threads, **options
    )
    return [
        _formed(Verdict(code)) if _has_the_form(completion) else _FORMLESS
        for completion, code in zip(completions, codes.tolist(), strict=True)
    ]


_FORMLESS = Reward(0.0, 0.0, 0.0, Verdict.NO_ANSWER)


def _has_the_form(completion: str) -> bool:
    return "</think> <answer>" in completion and "</answer>" in completion


def _formed(verdict: Verdict) -> Reward:
    right = float(verdict == Verdict.CORRECT)
    return Reward(right, 1.0, right, verdict)
