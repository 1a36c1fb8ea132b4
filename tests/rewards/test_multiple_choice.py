import pytest

from pgkern import Verdict
from pgkern.rewards import multiple_choice

CITIES = ["Oslo", "Bern", "Rome", "Paris"]
CASES = [
    ("So it is **(C)**.", Verdict.CORRECT),
    ("The answer is C", Verdict.CORRECT),
    ("The answer is C) Rome", Verdict.CORRECT),
    ("<answer>c</answer>", Verdict.CORRECT),
    (r"\boxed{\text{(C) Rome}}", Verdict.CORRECT),
    (r"\boxed{\textbf{C}}", Verdict.CORRECT),
    (r"\boxed{rome}", Verdict.CORRECT),
    ("<think>(A)? No.</think> Rome", Verdict.CORRECT),
    ("C", Verdict.CORRECT),
    ("C. Rome", Verdict.CORRECT),
    ("The answer is B", Verdict.WRONG),
    ("The answer is Paris", Verdict.WRONG),
    ("The answer is C) Paris", Verdict.UNPARSED),
    ("<answer>B or C</answer>", Verdict.UNPARSED),
    ("<answer>E</answer>", Verdict.UNPARSED),
    ("<answer>London</answer>", Verdict.UNPARSED),
    ("no idea", Verdict.NO_ANSWER),
    ("", Verdict.NO_ANSWER),
]


@pytest.mark.parametrize(("completion", "verdict"), CASES)
@pytest.mark.parametrize("gold", ["C", "(C)", "Rome", 2])
def test_an_option_is_named_by_letter_or_text(completion: str, verdict: Verdict, gold: str | int) -> None:
    reward = multiple_choice(completion, gold, CITIES)
    assert reward.verdict == verdict
    assert reward.reward == float(verdict == Verdict.CORRECT)


def test_without_the_options_it_is_the_letter() -> None:
    assert multiple_choice("The answer is (B).", "B").reward == 1
    assert multiple_choice("The answer is (B) 42", "B").reward == 1
    assert multiple_choice("The answer is (A).", "B").verdict == Verdict.WRONG
    assert multiple_choice("A) is too small. The answer is (B).", "B").reward == 1
    assert multiple_choice("A) is too small. The answer is (B).", "B", ["1", "2"]).reward == 1


@pytest.mark.parametrize("options", [None, CITIES])
@pytest.mark.parametrize(
    "completion",
    [
        "not B",
        "B is wrong",
        "It cannot be (B).",
        "A and B",
        "(A), (B)",
        "A, B, C, D",
        "maybe B",
        "The answer is not B.",
        "The answer is (A) or (B).",
        "The answer is (B) or (A).",
        "The answer is B) or C)",
        "<answer>(B) and (C)</answer>",
        "<answer>B) is wrong</answer>",
    ],
)
def test_a_letter_that_is_denied_or_one_of_several_earns_nothing(completion: str, options: list[str] | None) -> None:
    for gold in "ABC":
        assert multiple_choice(completion, gold, options).reward == 0


@pytest.mark.parametrize("options", [None, CITIES])
@pytest.mark.parametrize(
    "completion",
    [
        "B, because A is too small",
        "The answer is (B).",
        "Not A but B",
        "A is wrong, so B",
        "It's B, not A.",
        "B. The others are wrong.",
    ],
)
def test_what_is_said_of_the_others_leaves_the_choice(completion: str, options: list[str] | None) -> None:
    assert multiple_choice(completion, "B", options).reward == 1


def test_options_with_labels_of_their_own() -> None:
    options = {"1": "three", "2": "four", "3": "one"}
    assert multiple_choice("<answer>2</answer>", "2", options).reward == 1
    assert multiple_choice("<answer>four</answer>", "2", options).reward == 1
    assert multiple_choice("<answer>3</answer>", "2", options).reward == 0


def test_a_letter_that_is_also_a_text_is_the_letter() -> None:
    assert multiple_choice("<answer>A</answer>", "A", ["B", "A"]).reward == 1
    assert multiple_choice("<answer>A</answer>", "B", ["B", "A"]).reward == 0


def test_of_two_options_with_the_same_text_either_is_right() -> None:
    assert multiple_choice("<answer>A</answer>", "B", ["one", " One ", "two"]).reward == 1


@pytest.mark.parametrize("gold", ["E", "London", "", 4, -1])
def test_a_gold_that_names_no_option_is_bad(gold: str | int) -> None:
    assert multiple_choice("C", gold, CITIES).verdict == Verdict.BAD_GOLD


def test_beside_a_bad_gold_the_form_is_still_that_there_is_an_answer() -> None:
    assert multiple_choice("", "London", CITIES).format_reward == 0
    assert multiple_choice("(B)", "London", CITIES).format_reward == 1
    assert multiple_choice("Rome", "London", CITIES).format_reward == 1


def test_more_options_than_letters_want_labels() -> None:
    with pytest.raises(ValueError, match="27 options"):
        multiple_choice("A", "A", ["x"] * 27)
    with pytest.raises(ValueError, match="gold is True: it must be a label"):
        multiple_choice("A", True, CITIES)
