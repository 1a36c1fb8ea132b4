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


def judged(verdict: Verdict, reason: str = "", *, answered: bool | None = None) -> Reward:
    """1 for the right answer, 0 for any other; the form is that there is an answer at all.

    The verdict says whether there is, but for a bad gold, beside which `answered` does.
    """
    right = float(verdict == Verdict.CORRECT)
    form = verdict != Verdict.NO_ANSWER if answered is None else answered
    return Reward(right, float(form), right, verdict, reason)
