from pathlib import Path

import pytest

from pgkern.data.answer_form import worked_solution
from pgkern.data.prompts import R1_ZERO, prompt_format
from pgkern.rewards import boxed, gsm8k, r1_zero


def test_the_question_stands_in_its_place_and_its_braces_stay() -> None:
    text = prompt_format("r1_zero").render("What is {question} in {1, 2}?")
    assert "User: What is {question} in {1, 2}?\nAssistant: <think>" in text
    assert text.endswith("Assistant: <think>")
    assert prompt_format("question_only").render("What?") == "What?"
    assert R1_ZERO.count("{question}") == 1


def test_a_template_of_ones_own_is_a_text_or_a_file(tmp_path: Path) -> None:
    assert prompt_format("Q: {question}\nA:").render("{x}") == "Q: {x}\nA:"
    path = tmp_path / "prompt.txt"
    path.write_text("Frage: {question} (Antwort in \\boxed{}, größer als 0)\n", encoding="utf-8")
    assert prompt_format(f"file:{path}").render("1+1") == "Frage: 1+1 (Antwort in \\boxed{}, größer als 0)\n"
    path.write_text("Frage:")
    with pytest.raises(ValueError, match=r"prompt\.txt does not say where the {question} goes: 'Frage:'"):
        prompt_format(f"file:{path}")
    path.write_bytes(b"\xff{question}")
    with pytest.raises(ValueError, match=r"prompt\.txt is not UTF-8 text"):
        prompt_format(f"file:{path}")
    with pytest.raises(FileNotFoundError):
        prompt_format(f"file:{tmp_path / 'none.txt'}")


def test_what_is_no_template_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="prompt is 'r1zero', expected one of 'r1_zero', 'question_only', 'chat', a t"):
        prompt_format("r1zero")
    with pytest.raises(ValueError, match="a system prompt goes with prompt 'chat', not 'r1_zero'"):
        prompt_format("r1_zero", system="Be brief.")


def test_the_messages_of_a_chat() -> None:
    assert prompt_format("chat").messages("1+1?") == [{"role": "user", "content": "1+1?"}]
    assert prompt_format("chat", system="Be brief.").messages("1+1?") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+1?"},
    ]


@pytest.mark.parametrize(
    ("prompt", "form", "solution"),
    [
        ("r1_zero", "r1_zero", " 1+1=2 </think> <answer> 2 </answer>"),
        ("question_only", "boxed", " 1+1=2\nThe answer is \\boxed{2}."),
        ("chat", "boxed", "1+1=2\nThe answer is \\boxed{2}."),
        ("{question}\n", "boxed", "1+1=2\nThe answer is \\boxed{2}."),
        ("{question} End with #### and the answer.", "gsm8k", " 1+1=2\n#### 2"),
        ("{question} Put it between <answer> and </answer>.\n", "r1_zero", "1+1=2 </think> <answer> 2 </answer>"),
    ],
)
def test_a_solution_is_in_the_form_that_the_prompt_asks_for(prompt: str, form: str, solution: str) -> None:
    made = prompt_format(prompt)
    assert made.answer_form == form
    assert made.solution(" 1+1=2\n", " 2") == solution


def test_the_setting_of_the_form_has_the_last_word() -> None:
    assert prompt_format("question_only", answer_form="gsm8k").solution("", "2") == " #### 2"


def test_a_solution_earns_the_reward_of_its_form() -> None:
    for form, reward in (("r1_zero", r1_zero), ("boxed", boxed), ("gsm8k", gsm8k)):
        for answer in ("1,200", r"\frac{1}{2}", "x^2 + 1"):
            solution = worked_solution(form, "First \\boxed{7}, then more.", answer)  # type: ignore[arg-type]
            assert reward(solution, answer).reward == 1.0, (form, answer)


def test_a_box_that_is_there_is_not_written_twice() -> None:
    assert worked_solution("boxed", "So $x = \\boxed{2}$.", "2") == "So $x = \\boxed{2}$."
