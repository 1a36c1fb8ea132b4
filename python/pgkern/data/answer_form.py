"""The forms in which a response gives its answer, each with a reward of the same name."""

from typing import Literal

from ..verification import extract_answer

__all__ = ["AnswerForm", "form_asked_for", "worked_solution"]

AnswerForm = Literal["r1_zero", "boxed", "gsm8k"]
r"""`</think> <answer> X </answer>`, `\boxed{X}`, or `#### X`."""


def form_asked_for(template: str) -> AnswerForm:
    """The form that a prompt's text speaks of; `boxed` where it speaks of none."""
    if "</think>" in template or "<answer>" in template:
        return "r1_zero"
    return "gsm8k" if "####" in template and "boxed" not in template else "boxed"


def worked_solution(form: AnswerForm, reasoning: str, answer: str) -> str:
    r"""What somebody writes who reasons so and arrives at `answer`.

    >>> worked_solution("r1_zero", "1+1=2", "2")
    '1+1=2 </think> <answer> 2 </answer>'
    >>> worked_solution("gsm8k", "1+1=2", "2")
    '1+1=2\n#### 2'

    In the form `boxed` a reasoning whose last box holds this answer stands as it is.
    """
    reasoning, answer = reasoning.strip(), answer.strip()
    if form == "r1_zero":
        return f"{reasoning} </think> <answer> {answer} </answer>"
    if form == "gsm8k":
        return f"{reasoning}\n#### {answer}".lstrip()
    if extract_answer(reasoning, mode="boxed") == answer:
        return reasoning
    return f"{reasoning}\nThe answer is \\boxed{{{answer}}}.".lstrip()
