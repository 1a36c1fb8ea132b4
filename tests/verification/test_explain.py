import dataclasses

import pytest

from pgkern import Explanation, Verdict, explain, verify
from pgkern.explanation import GoldExplanation


@pytest.mark.parametrize(
    ("completion", "gold"),
    [
        ("\\boxed{1{,}000}", "1000"),
        ("\\boxed{41}", "42"),
        ("I do not know.", "42"),
        ("\\boxed{5}", ""),
        ("\\boxed{9^9^9}", "3"),
        ("\\boxed{1/2}", ["7", "0.5"]),
    ],
)
def test_the_verdict_is_the_one_explained(completion: str, gold: str | list[str]) -> None:
    explanation = explain(completion, gold)
    golds = [gold] if isinstance(gold, str) else gold
    assert explanation.verdict is verify(completion, gold)
    assert [one.gold for one in explanation.golds] == golds
    assert [one.verdict for one in explanation.golds] == [verify(completion, one) for one in golds]
    assert explanation.work >= 0


def test_what_was_extracted_is_shown() -> None:
    assert explain("so \\boxed{ 41 }", "42").extracted == "41"
    assert explain("\\boxed{41} 42", "42", mode="last_number").extracted == "42"
    assert explain("nothing", "42").extracted is None
    assert "\ufffd" in explain("\\boxed{\ud800}", "\ud800").golds[0].gold
    with pytest.raises(dataclasses.FrozenInstanceError):
        explain("5", "5").work = 0  # type: ignore[misc]


def test_it_reads_as_a_few_lines() -> None:
    golds = (
        GoldExplanation("0.5", "1/2", Verdict.CORRECT, "equal numbers"),
        GoldExplanation("7", "7", Verdict.WRONG, ""),
    )
    explanation = Explanation(Verdict.CORRECT, "\\frac{1}\n{2}", "1/2", golds, 1234)
    assert str(explanation).splitlines() == [
        "CORRECT",
        "  answer: \\frac{1} {2}, read as 1/2",
        "  gold: 0.5, read as 1/2",
        "    CORRECT: equal numbers",
        "  gold: 7",
        "    WRONG",
        "  work: 1,234 units",
    ]
    none = Explanation(Verdict.NO_ANSWER, None, None, (), 5)
    assert str(none).splitlines()[1] == "  the completion gives no answer"
