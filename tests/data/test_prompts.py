import pytest

from pgkern.data.prompts import R1_ZERO, r1_zero_solution, render


def test_the_question_stands_in_its_place_and_its_braces_stay() -> None:
    text = render("r1_zero", "What is {question} in {1, 2}?")
    assert "User: What is {question} in {1, 2}?\nAssistant: <think>" in text
    assert text.endswith("Assistant: <think>")
    assert render("question_only", "What?") == "What?"
    assert R1_ZERO.count("{question}") == 1


def test_an_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown prompt template 'r1zero'; there are question_only, r1_zero"):
        render("r1zero", "What?")


def test_a_solution_closes_the_thought_and_gives_the_answer() -> None:
    assert r1_zero_solution("1+1=2\n", " 2") == " 1+1=2 </think> <answer> 2 </answer>"
