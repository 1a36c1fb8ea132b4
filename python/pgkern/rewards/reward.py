"""What a completion earned."""

from dataclasses import dataclass

from ..verification import Verdict


@dataclass(frozen=True)
class Reward:
    """What a completion earned, and why.

    Attributes:
        reward: what the policy is trained on.
        format_reward: 1 when the completion has the form that was asked for.
        answer_reward: 1 when its answer is right (and the form too, where one is asked for).
        verdict: what the check of the answer decided; `NO_ANSWER` where the form left nothing to check.
        reason: in words, why the answer is not right; empty where the verdict says it all.
    """

    reward: float
    format_reward: float
    answer_reward: float
    verdict: Verdict
    reason: str = ""


def judged(verdict: Verdict, reason: str = "") -> Reward:
    """1 for the right answer, 0 for any other; the form is that there is an answer at all."""
    right = float(verdict == Verdict.CORRECT)
    return Reward(right, float(verdict != Verdict.NO_ANSWER), right, verdict, reason)
