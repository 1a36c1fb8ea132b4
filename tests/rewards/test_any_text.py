"""Whatever a completion says, a reward ends, quickly, and says what it found."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern.rewards import (
    Reward,
    boxed,
    countdown,
    gsm8k,
    json_match,
    multiple_choice,
    r1_zero,
    text_match,
)

REWARDS: list[Callable[[str], Reward]] = [
    lambda text: r1_zero(text, "42"),
    lambda text: boxed(text, "42"),
    lambda text: gsm8k(text, "42"),
    lambda text: countdown(text, 42, [6, 7]),
    lambda text: countdown(text, 42, [6, 7], mode="whole"),
    lambda text: multiple_choice(text, "C", ["forty", "42", "7 * 6"]),
    lambda text: multiple_choice(text, "C", mode="whole"),
    lambda text: json_match(text, "[42]"),
    lambda text: text_match(text, "42", ignore_punctuation=True),
]
PIECES = [
    "</think> <answer>",
    "</answer>",
    "\\boxed{",
    "}",
    "####",
    "```",
    "\n",
    "6*7",
    "42",
    "(",
    "[",
    '"',
    "\\text{",
    "B)",
]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_judged(text: str) -> None:
    for reward in REWARDS:
        judged = reward(text)
        assert judged.reward in (0, 1)
        assert reward(text) == judged


@pytest.mark.parametrize(
    "piece", [*PIECES, "a", " ", "\0", "\u0301", "\ud800", "\ufdfa", "{", "(B", "*", "$", "A ", "\\"]
)
def test_a_megabyte_of_anything_ends_at_once(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    for reward in REWARDS:
        for wrapped in (text, f"</think> <answer>{text}</answer>"):
            started = time.perf_counter()
            assert reward(wrapped).reward == 0
            assert time.perf_counter() - started < 10  # hanging is what it must not; a slow machine may be slow
