import os
import threading
import warnings

import numpy as np
import pytest

import pgkern
from pgkern import Verdict, equivalent, extract_answer, verify, verify_many


def test_verdicts_have_their_codes() -> None:
    assert {verdict.name: int(verdict) for verdict in Verdict} == {
        "WRONG": 0,
        "CORRECT": 1,
        "NO_ANSWER": 2,
        "UNPARSED": 3,
        "BAD_GOLD": 4,
        "OVER_BUDGET": 5,
    }


@pytest.mark.parametrize(
    ("mode", "completion", "answer"),
    [
        ("auto", "so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("auto", "The value is 42. \\boxed{}", None),
        ("auto", "**Final Answer:** **73**", "73"),
        ("boxed", "The answer is 5", None),
        ("answer_tag", "x </think> <answer> 7 </answer>", "7"),
        ("gsm8k", "4 + 5\n#### 9", "9"),
        ("gsm8k", "\\boxed{9}", None),
        ("last_number", "from 3 to 1,250.50.", "1,250.50"),
        ("choice", "I choose (B), not A.", "B"),
        ("choice", "The answer is (B).", "(B)"),
        ("whole", " 5 + 6 ", "5 + 6"),
    ],
)
def test_each_mode_looks_in_its_place(mode: str, completion: str, answer: str | None) -> None:
    assert extract_answer(completion, mode=mode) == answer


@pytest.mark.parametrize(
    ("completion", "gold", "verdict"),
    [
        ("\\boxed{1{,}000}", "1000", Verdict.CORRECT),
        ("\\boxed{41}", "42", Verdict.WRONG),
        ("I do not know.", "42", Verdict.NO_ANSWER),
        ("\\boxed{\\int x}", "5", Verdict.UNPARSED),
        ("\\boxed{5}", "", Verdict.BAD_GOLD),
        ("\\boxed{99999999!}", "3", Verdict.OVER_BUDGET),
        ("\\boxed{1/2}", ["7", "0.5"], Verdict.CORRECT),
    ],
)
def test_every_verdict_can_be_had(completion: str, gold: str | list[str], verdict: Verdict) -> None:
    assert verify(completion, gold) is verdict
    assert verify_many([completion], [gold]).tolist() == [verdict]


def test_equivalent_takes_one_gold_or_several() -> None:
    assert equivalent("0.5", "\\frac12") is True
    assert equivalent("0.33", "\\frac13") is False
    assert equivalent("3", ("1", "3")) is True


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        *((f"{number} {word}", number) for number, word in [("2", "theta"), ("3", "sevenths"), ("3", "ninths")]),
        *((f"5 {word}", "5") for word in ["twelfths", "thousandths", "quadrillion", "lakh", "grand", "sinh", "root"]),
        *((f"5 {word}", "5") for word in ["wrong", "incorrect", "false", "unsure", "none", "less", "more"]),
        *((f"5{wrapped}", "5") for wrapped in [r"\mathrm{i}", r"\mathrm{e}", r"\text{x}", r"\text{ k}", r"\mathrm{M}"]),
        *(("5 " + words, "5") for words in ["percent less", "basis points", "percent of it", "of", "square"]),
        ("ab", "AB"),
        ("xY", "Xy"),
        ("x y", "X Y"),
        *((answer, "A") for answer in ["A. not", "A. is wrong", "A. B.", "A) B", "A: B", "(A) (B)", "A. isn't"]),
        ("2,2", "2"),
        ("2", "2,2"),
        ("{5,5}", "{5}"),
        (r"\{5,5\}", r"\{5\}"),
        ("5 and 5", "5"),
        ("5\x006", "56"),
        ("5\x006", "6"),
        ("1\u200b0", "10"),
        ("5$$6", "56"),
    ],
)
def test_what_changes_an_answer_is_not_dropped(answer: str, gold: str) -> None:
    assert verify(answer, gold, mode="whole") is not Verdict.CORRECT
    assert verify(f"\\boxed{{{answer}}}", gold) is not Verdict.CORRECT


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("5 apples", "5"),
        ("5 minutes", "5"),
        ("5 years old", "5"),
        ("60 miles per hour", "60"),
        (r"5\,\mathrm{m/s}", "5"),
        (r"20^\circ\text{C}", "20"),
        ("12 square units", "12"),
        ("5 percent", "5"),
        ("Yes", "yes"),
        ("Evelyn", r"\text{evelyn}"),
        ("A) 42", "A"),
        ("3, 2", "2, 3"),
    ],
)
def test_what_changes_nothing_is_dropped(answer: str, gold: str) -> None:
    assert verify(answer, gold, mode="whole") is Verdict.CORRECT


@pytest.mark.parametrize("gold", ["-", "—", "=", "\\frac", "1/0", "\\frac{1}{0}", "{}"])
def test_a_gold_without_a_value_is_matched_by_nothing(gold: str) -> None:
    assert verify(gold, gold, mode="whole") is Verdict.BAD_GOLD
    assert verify("5", gold, mode="whole") is Verdict.BAD_GOLD


@pytest.mark.parametrize(
    ("completion", "answer"),
    [("on 2024-05-05", "2024-05-05"), ("it is 1-5", "1-5"), ("16-3=13", "13"), ("it is -5", "-5")],
)
def test_a_hyphen_between_digits_joins_them(completion: str, answer: str) -> None:
    assert extract_answer(completion, mode="last_number") == answer


LONG = " so it is" * 600  # a batch of a few dozen such texts is worth sharing among threads


@pytest.mark.parametrize("before", ["", LONG], ids=["on the calling thread", "shared"])
def test_many_equals_one_by_one_on_any_number_of_threads(before: str) -> None:
    completions = [before + f"so \\boxed{{{i % 7}}}" if i % 3 else "" for i in range(1000)]
    golds: list[str | list[str]] = [str(i % 5) if i % 2 else [str(i % 5), "6"] for i in range(1000)]
    expected = [int(verify(completion, gold)) for completion, gold in zip(completions, golds, strict=True)]
    assert len(set(expected)) == 3
    for num_threads in (None, 1, 2, 5):
        codes = verify_many(completions, golds, num_threads=num_threads)
        assert codes.dtype == np.uint8
        assert codes.tolist() == expected


def test_any_thread_may_call() -> None:
    results: list[list[int]] = []

    def call() -> None:
        results.append(
            verify_many([LONG + "\\boxed{1}", LONG + "\\boxed{2}"] * 50, ["1"] * 100, num_threads=2).tolist()
        )

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[1, 0] * 50] * 8


def test_a_forked_child_has_threads_of_its_own() -> None:
    assert verify_many([LONG + "\\boxed{5}"] * 64, ["5"] * 64, num_threads=2).sum() == 64
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking with threads
        child = os.fork()
    if child == 0:
        os.write(writer, bytes(verify_many([LONG + "\\boxed{5}"] * 64, ["5"] * 64, num_threads=2).tolist()))
        os._exit(0)
    assert os.waitpid(child, 0) == (child, 0)
    assert os.read(reader, 100) == b"\1" * 64
    os.close(reader)
    os.close(writer)


def test_text_of_any_code_points_is_read() -> None:
    assert verify("\ud800 \\boxed{5} \udfff", "5") is Verdict.CORRECT
    assert verify("\\boxed{5\ud800}", "5") is not Verdict.CORRECT
    assert extract_answer("\\boxed{\ud800}") is not None
    assert verify("\\boxed{5}\0", "5\0") is Verdict.CORRECT
    assert verify_many(np.array(["\\boxed{5}"]), np.array(["5"])).tolist() == [1]
    assert verify_many([], []).tolist() == []


def test_mistakes_name_what_was_given_and_what_is_wanted() -> None:
    with pytest.raises(ValueError, match=r'mode is "box".*auto, boxed, answer_tag, gsm8k, last_number, choice, whole'):
        verify("5", "5", mode="box")
    with pytest.raises(ValueError, match="2 completions but 1 golds"):
        verify_many(["5", "6"], ["5"])
    with pytest.raises(TypeError, match=r"completions\[1\] must be str, not int"):
        verify_many(["5", 6], ["5", "6"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"golds\[0\] must be str or a sequence of str, not int"):
        verify_many(["5"], [5])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"golds\[1\]\[0\] must be str, not NoneType"):
        verify_many(["5", "6"], ["5", [None]])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="completions must be a sequence of str, not one str"):
        verify_many("55", ["5", "5"])
    with pytest.raises(ValueError, match=r"golds\[0\] is empty"):
        verify_many(["5"], [[]])
    with pytest.raises(ValueError, match="gold is empty"):
        verify("5", [])
    for num_threads in (0, -1, 2**40):
        with pytest.raises(ValueError, match=f"num_threads is {num_threads}"):
            verify_many(["5"], ["5"], num_threads=num_threads)


def test_the_package_hands_out_the_same_functions() -> None:
    assert pgkern.verify is verify
    assert pgkern.Verdict is Verdict
