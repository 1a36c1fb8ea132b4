from typing import Any

import numpy as np
import pytest

from pgkern import Verdict
from pgkern.rewards import Reward, boxed, boxed_many, gsm8k, gsm8k_many, r1_zero, r1_zero_many

RIGHT = Reward(1.0, 1.0, 1.0, Verdict.CORRECT)
FORMLESS = Reward(0.0, 0.0, 0.0, Verdict.NO_ANSWER)

# The r1_zero prompt ends with "<think>": a completion begins inside the thoughts.
R1_ZERO = [
    ("6 * 7 </think> <answer> 42 </answer>", RIGHT),
    ("6 * 7 </think> <answer>\\boxed{42}</answer>", RIGHT),
    ("6 * 7 </think> <answer> 42 </answer> and so on", RIGHT),
    ("6 * 7 </think> <answer> 41 </answer>", Reward(0.0, 1.0, 0.0, Verdict.WRONG)),
    ("6 * 7 </think> <answer></answer>", Reward(0.0, 1.0, 0.0, Verdict.NO_ANSWER)),
    ("6 * 7 </think><answer> 42 </answer>", FORMLESS),
    ("6 * 7 </think>\n<answer> 42 </answer>", FORMLESS),
    ("6 * 7 </think> <answer> 42", FORMLESS),
    ("<answer> 42 </answer>", FORMLESS),
    ("42", FORMLESS),
    ("", FORMLESS),
]


@pytest.mark.parametrize(("completion", "reward"), R1_ZERO)
def test_r1_zero_wants_the_form_and_the_answer(completion: str, reward: Reward) -> None:
    assert r1_zero(completion, "42") == reward


def test_boxed_wants_a_box() -> None:
    assert boxed("so \\boxed{42}", "42") == RIGHT
    assert boxed("so \\boxed{41}", "42") == Reward(0.0, 1.0, 0.0, Verdict.WRONG)
    assert boxed("so 42", "42") == FORMLESS
    assert boxed("\\boxed{}", "42") == FORMLESS


def test_gsm8k_takes_a_worked_solution_as_gold() -> None:
    assert gsm8k("6*7=42\n#### 42", "42") == RIGHT
    assert gsm8k("#### 1000", "500+500 = <<500+500=1000>>1000\n#### 1,000") == RIGHT
    assert gsm8k("42", "#### 42") == FORMLESS
    assert gsm8k("#### 7", ["6", "so 7\n#### 7"]) == RIGHT


@pytest.mark.parametrize("gold", [42, 42.0, np.int64(42), np.float32(42), ["41", "42"], [41, 42]])
def test_a_gold_may_be_a_number_or_several_texts(gold: Any) -> None:
    completion = "</think> <answer>\\boxed{42}\n#### 42</answer>"
    assert r1_zero("</think> <answer>42</answer>", gold) == boxed(completion, gold) == gsm8k("#### 42", gold) == RIGHT
    assert r1_zero_many(["</think> <answer>42</answer>"], [gold]) == boxed_many([completion], [gold]) == [RIGHT]


@pytest.mark.parametrize("gold", [True, np.bool_(True), None, ["42", True], [["42"]], b"42", {"42": 1}])
def test_any_other_gold_is_refused(gold: Any) -> None:
    for one, many in ((r1_zero, r1_zero_many), (boxed, boxed_many), (gsm8k, gsm8k_many)):
        with pytest.raises(ValueError, match="it must be a text, a number, or a list of those"):
            many(["42"], [gold])
        with pytest.raises(ValueError, match="it must be a text, a number, or a list of those"):
            one("</think> <answer>42</answer>", gold)


def test_the_verifiers_options_are_passed_on() -> None:
    for one, many, completion in (
        (r1_zero, r1_zero_many, "</think> <answer>50</answer>"),
        (boxed, boxed_many, "\\boxed{50}"),
        (gsm8k, gsm8k_many, "#### 50"),
    ):
        assert one(completion, "50%", percent="either", units="optional").reward == 1
        with pytest.raises(ValueError, match="percent"):
            one(completion, "50%", percent="no such rule")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="percent"):
            many([completion], ["50%"], percent="no such rule")  # type: ignore[arg-type]


def test_batches_equal_one_by_one() -> None:
    completions = [completion for completion, _ in R1_ZERO] + ["\\boxed{42}", "#### 42", "#### 41"]
    golds = ["42"] * len(completions)
    for one, many in ((r1_zero, r1_zero_many), (boxed, boxed_many), (gsm8k, gsm8k_many)):
        singly = [one(completion, gold) for completion, gold in zip(completions, golds, strict=True)]
        for num_threads in (None, 1, 3):
            assert many(completions, golds, num_threads=num_threads) == singly
    with pytest.raises(ValueError, match=f"{len(completions)} completions but 1 golds"):
        r1_zero_many(completions, ["42"])
