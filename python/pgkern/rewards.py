"""Rewards of completions: 1 for the right answer in the right form, 0 for anything else."""

from collections.abc import Sequence
from dataclasses import dataclass

from .verification import Gold, Verdict, extract_answer, verify, verify_many

__all__ = ["Reward", "boxed", "boxed_many", "gsm8k", "gsm8k_many", "r1_zero", "r1_zero_many"]


@dataclass(frozen=True)
class Reward:
    """What a completion earned, and why.

    Attributes:
        reward: what the policy is trained on.
        format_reward: 1 when the completion has the form that was asked for.
        answer_reward: 1 when its answer is right (and the form too, where one is asked for).
        verdict: what the check of the answer decided; `NO_ANSWER` where the form left nothing to check.
    """

    reward: float
    format_reward: float
    answer_reward: float
    verdict: Verdict


def r1_zero(completion: str, gold: Gold) -> Reward:
    """Reward `… </think> <answer> X </answer>`: 1 when it has this form and X is right.

    The r1_zero prompt ends with `Assistant: <think>`, so a completion begins inside the thoughts. As in the course
    grader it comes from (CS336, assignment 5), the form is `"</think> <answer>"` and `"</answer>"` anywhere, spelled
    exactly so; a box inside the answer wins over the rest of it. The answer is the last closed tag, so text behind it
    does no harm.
    """
    if not _has_r1_zero_form(completion):
        return Reward(0.0, 0.0, 0.0, Verdict.NO_ANSWER)
    return _formed(verify(completion, gold, mode="answer_tag"))


def r1_zero_many(completions: Sequence[str], golds: Sequence[Gold], *, num_threads: int | None = None) -> list[Reward]:
    """`[r1_zero(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores)."""
    codes = verify_many(completions, golds, mode="answer_tag", num_threads=num_threads)
    return [
        _formed(Verdict(code)) if _has_r1_zero_form(completion) else Reward(0.0, 0.0, 0.0, Verdict.NO_ANSWER)
        for completion, code in zip(completions, codes.tolist(), strict=True)
    ]


def boxed(completion: str, gold: Gold) -> Reward:
    r"""Reward a right `\boxed{X}`; the form is that there is a box with something in it."""
    return _in_place(verify(completion, gold, mode="boxed"))


def boxed_many(completions: Sequence[str], golds: Sequence[Gold], *, num_threads: int | None = None) -> list[Reward]:
    """`[boxed(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores)."""
    codes = verify_many(completions, golds, mode="boxed", num_threads=num_threads)
    return [_in_place(Verdict(code)) for code in codes.tolist()]


def gsm8k(completion: str, gold: Gold) -> Reward:
    """Reward a right `#### X`; the gold may be a worked solution that itself ends in `#### X`."""
    return _in_place(verify(completion, _gsm8k_gold(gold), mode="gsm8k"))


def gsm8k_many(completions: Sequence[str], golds: Sequence[Gold], *, num_threads: int | None = None) -> list[Reward]:
    """`[gsm8k(c, g) for c, g in zip(completions, golds)]`, on `num_threads` threads (None: all cores)."""
    codes = verify_many(completions, [_gsm8k_gold(gold) for gold in golds], mode="gsm8k", num_threads=num_threads)
    return [_in_place(Verdict(code)) for code in codes.tolist()]


def _has_r1_zero_form(completion: str) -> bool:
    return "</think> <answer>" in completion and "</answer>" in completion


def _formed(verdict: Verdict) -> Reward:
    right = float(verdict == Verdict.CORRECT)
    return Reward(right, 1.0, right, verdict)


def _in_place(verdict: Verdict) -> Reward:
    right = float(verdict == Verdict.CORRECT)
    return Reward(right, float(verdict != Verdict.NO_ANSWER), right, verdict)


def _gsm8k_gold(gold: Gold) -> Gold:
    if not isinstance(gold, str):
        return gold
    return extract_answer(gold, mode="gsm8k") or gold
