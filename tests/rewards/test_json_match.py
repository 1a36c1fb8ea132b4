import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import Verdict
from pgkern.rewards import json_match

EQUAL = [
    ('{"a": 1, "b": [1, 2]}', '{"b":[1.0,2],"a":1}'),
    ("1", "1.0"),
    ("1", "10e-1"),
    ("0", "-0.0"),
    ("1e400", "10E+399"),
    ("0.1", "0.10"),
    ("123456789012345678901234567890", "123456789012345678901234567890.0"),
    ('"é"', r'"\u00e9"'),
    ("null", " null\n"),
    ("1" * 6_000, "1" * 6_000 + ".0"),
]
DIFFERENT = [
    ("[1, 2]", "[2, 1]"),
    ("1", "true"),
    ("0", "false"),
    ("1", '"1"'),
    ("1e400", "1e401"),
    ("1e400", "2e400"),
    ("0.1", "0.1000000000000000055511151231257827"),
    ("9007199254740993", "9007199254740992"),
    ('{"a": 1}', '{"a": 1, "b": null}'),
    ("[]", "{}"),
    ('"a"', '"A"'),
    ("-1", "1"),
]
NO_JSON = [
    ('{"a": 1, "a": 1}', "more than once"),
    ("NaN", "NaN is no JSON"),
    ("[Infinity]", "Infinity is no JSON"),
    ("[" * 100_000, "nested more than 100 deep"),
    ("[" * 101 + "]" * 101, "nested more than 100 deep"),
    ('{"a":' * 50_000, "more than 100000"),
    ("1" * 100_001, "100001 characters"),
    ("1e" + "9" * 30, "exponent of 30 characters"),
    ('"' * 99_999, "Extra data"),
    ('"\\' * 49_999, "Unterminated"),
    ("{'a': 1}", "double quotes"),
    ("42 is it", "Extra data"),
    ("[01]", "delimiter"),
    ("\ud800", "Expecting value"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_the_same_value_in_another_spelling(gold: str, answer: str) -> None:
    for one, other in ((gold, answer), (answer, gold)):
        assert json_match(other, one).reward == 1
        assert json_match(f"Here:\n```json\n{other}\n```\nDone.", one).reward == 1


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_another_value(gold: str, answer: str) -> None:
    assert json_match(answer, gold).verdict == json_match(gold, answer).verdict == Verdict.WRONG


@pytest.mark.parametrize(("answer", "reason"), NO_JSON)
def test_what_is_no_json_says_why_and_at_once(answer: str, reason: str) -> None:
    started = time.perf_counter()
    reward = json_match(answer, "1")
    assert (reward.reward, reward.verdict) == (0, Verdict.UNPARSED)
    assert reason in reward.reason
    assert time.perf_counter() - started < 10  # hanging is what it must not; a slow machine may be slow
    assert json_match("1", answer).verdict == Verdict.BAD_GOLD


def test_brackets_within_a_string_have_no_depth() -> None:
    text = json.dumps("[" * 200 + '\\"{' * 200)
    assert json_match(text, text).reward == 1


def test_the_last_fenced_block_counts() -> None:
    assert json_match("```json\n1\n```\nno:\n```\n2\n```", "2").reward == 1
    assert json_match("```json\n1\n```\nno:\n```\n2\n```", "1").reward == 0
    assert json_match("<think>```\n1\n```</think>2", "2").reward == 1
    assert json_match("```json\n{", "{}").verdict == Verdict.UNPARSED
    assert json_match("```json\n{}", "{}").reward == 1  # stopped at the closing marks
    assert json_match("```json\n```", "{}").verdict == Verdict.NO_ANSWER
    assert json_match(" ", "{}").verdict == Verdict.NO_ANSWER


def test_a_share_for_equal_fields_where_asked_for() -> None:
    gold = '{"a": 1, "b": [2], "c": "x"}'
    assert json_match('{"a": 1.0, "b": [2], "c": "y"}', gold).reward == 0
    reward = json_match('{"a": 1.0, "b": [2], "c": "y"}', gold, partial=True)
    assert (reward.reward, reward.answer_reward, reward.reason) == (2 / 3, 0, "2 of 3 fields are equal")
    assert json_match('{"a": 1, "d": 1}', gold, partial=True).reward == 1 / 4
    assert json_match("[1]", gold, partial=True).reward == 0
    assert json_match("{}", gold, partial=True).reward == 0
    assert json_match(gold, gold, partial=True).answer_reward == 1


def test_the_gold_may_be_a_value() -> None:
    assert json_match('{"a": [1, null, true]}', {"a": (1, None, True)}).reward == 1
    loop: list[Any] = []
    loop.append(loop)
    for gold in (float("nan"), {1, 2}, loop):
        for answer, form in (("1", 1), ("", 0)):
            reward = json_match(answer, gold)
            assert (reward.verdict, reward.format_reward) == (Verdict.BAD_GOLD, form)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, derandomize=True)
@given(VALUES, st.booleans())
def test_any_value_is_itself(value: Any, ascii_only: bool) -> None:
    assert json_match(json.dumps(value, ensure_ascii=ascii_only, indent=1), json.dumps(value)).reward == 1


@settings(deadline=None, derandomize=True)
@given(VALUES, VALUES)
def test_two_values_are_equal_where_python_says_so(one: Any, other: Any) -> None:
    def kinds(value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    expected = kinds(one) == kinds(other)
    if not expected and one == other:  # 1 and 1.0, 1 and True: the tables above have them
        return
    assert json_match(json.dumps(one), json.dumps(other)).reward == float(expected)
