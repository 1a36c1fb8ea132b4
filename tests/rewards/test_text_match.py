import time

import pytest

from pgkern import Verdict
from pgkern.rewards import text_match

EXACT = {"normalize": False, "ignore_case": False, "ignore_spaces": False}
CASES = [
    ("The Nile", "the  nile", {}, True),
    ("  The\nNile ", "The Nile", {}, True),
    ("The Nile", "the nile", {"ignore_case": False}, False),
    ("The  Nile", "The Nile", {"ignore_spaces": False}, False),
    ("The Nile.", "The Nile", {}, False),
    ("“The Nile”!", "The Nile", {"ignore_punctuation": True}, True),
    ("ﬁve ４２", "five 42", {}, True),
    ("４２", "42", {"normalize": False}, False),
    ("STRASSE", "Straße", {}, True),
    ("cafe\u0301", "café", {}, True),
    ("cafe\u0301", "café", {"normalize": False}, False),
    ("The Nile", "The Nile", EXACT, True),
    ("The nile", "The Nile", EXACT, False),
    (" The Nile\n", "The Nile", EXACT, True),
    ("3.5", "35", {"ignore_punctuation": True}, True),
    ("3.5", "35", {}, False),
    ("a+b", "ab", {"ignore_punctuation": True}, False),  # a plus sign is a symbol
    ("a.*", "abc", {}, False),
    ("<think>no</think> yes", "yes", {}, True),
    ("the answer is yes", "yes", {"mode": "auto"}, True),
    ("no", ["yes", "No"], {}, True),
]


@pytest.mark.parametrize(("completion", "gold", "options", "same"), CASES)
def test_what_does_not_matter_is_said(
    completion: str, gold: str | list[str], options: dict[str, bool], same: bool
) -> None:
    assert text_match(completion, gold, **options).verdict == (Verdict.CORRECT if same else Verdict.WRONG)


def test_nothing_is_no_answer() -> None:
    assert text_match(" ", "x").verdict == Verdict.NO_ANSWER
    assert text_match("?!", "x", ignore_punctuation=True).verdict == Verdict.NO_ANSWER
    assert text_match("x", "").verdict == Verdict.BAD_GOLD
    assert text_match("x", []).verdict == Verdict.BAD_GOLD
    for answer, form in (("x", 1), ("?!", 1), ("", 0)):
        reward = text_match(answer, ["?!", " "], ignore_punctuation=True)
        assert (reward.verdict, reward.format_reward) == (Verdict.BAD_GOLD, form)
    assert text_match("?!", "?!").verdict == Verdict.CORRECT
    assert text_match("x", ["?!", "x"], ignore_punctuation=True).verdict == Verdict.CORRECT


@pytest.mark.parametrize("text", ["\u0302\u0323" * 50_000, "a" * 1_000_000, "\ufdfa" * 50_000, "\ud800", "\0"])
def test_hostile_texts_end_at_once(text: str) -> None:
    started = time.perf_counter()
    assert text_match(text, "a").reward == 0
    assert time.perf_counter() - started < 10  # hanging is what it must not; a slow machine may be slow
    assert text_match(text, [text]).reward == (0 if "\ud800" in text else 1)
