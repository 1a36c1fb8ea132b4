"""Any text at all, through the binding: a verdict comes back, the same each time, and within its units of work."""

import re
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from pgkern import Verdict, equivalent, explain, extract_answer, verify, verify_many

UNITS_PER_CHECK = 500_000
MODES = ["auto", "boxed", "answer_tag", "gsm8k", "last_number", "choice", "whole"]
PIECES = re.findall(
    r"\S+",
    r"""
    1 -2 0.5 1,000 x y n + - * / ^ _ = < \le ( ) [ ] { } \{ \} | , ; : . ! % \% $ \$ ° \frac \frac{1}{2} \sqrt \sqrt{2}
    \pi e i \infty \sin \ln \log_2 \pm \cup \in \mathbb{R} \emptyset \text{ \begin{pmatrix} & \\ \end{pmatrix}
    \left( \right) \lfloor \binom{n}{2} \overline{3} \pmod{5} cm hours dollars three percent
    \boxed{ <answer> </answer> </think> #### and or answer:
    """,
)
STRANGE = [" ", "\n", "\0", "\ud800", "\udfff", "\u202e", "½", "٣"]

# Everything a Python string can hold, lone surrogates and NULs included.
texts = st.one_of(
    st.text(st.characters(), max_size=40),
    st.lists(st.sampled_from([*PIECES, *STRANGE]), max_size=14).map("".join),
)
options = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(MODES),
        "tolerance": st.sampled_from([None, 0.0, 0.01]),
        "percent": st.sampled_from(["either", "hundredths", "number"]),
        "units": st.sampled_from(["optional", "required", "ignored"]),
        "order": st.sampled_from(["as_written", "ordered", "any"]),
    }
)


@seed(7)
@settings(max_examples=1500, deadline=None, database=None)
@given(texts, texts, options)
def test_any_text_has_a_verdict(text: str, gold: str, options: dict[str, Any]) -> None:
    verdict = verify(text, gold, **options)
    explanation = explain(text, gold, **options)
    assert explanation.verdict is verdict
    assert 0 <= explanation.work <= UNITS_PER_CHECK
    assert str(explanation)
    assert verify_many([text, text], [gold, gold], **options).tolist() == [verdict, verdict]
    assert verify(gold, gold, **{**options, "mode": "whole"}) is not Verdict.WRONG
    answer = extract_answer(text, mode=options["mode"])
    spelled = re.sub("[\ud800-\udfff]", "\ufffd", text)
    if answer is None:
        assert verdict is Verdict.NO_ANSWER
    else:
        assert answer in spelled or spelled.count("\\boxed") > 1  # several boxes are several answers


NESTED = 100_000
HOSTILE = {
    "tower": "9**9**9",
    "taller tower": "9^{9^{9^9}}",
    "factorial": "99999999!",
    "exponent": "1e999999999",
    "expansion": "(x+1)^3000",
    "tiny": "10^{-10^9}",
    "binomial": "\\binom{10^9}{5·10^8}",
    "roots": "\\sqrt{" * NESTED + "2" + "}" * NESTED,
    "brackets": "(" * NESTED + "2" + ")" * NESTED,
    "braces": "{" * 1_000_000,
    "no arguments": "\\frac" * 1000,
    "NULs": "\0" * 100_000,
    "surrogates": "\ud800" * 100_000,
    "right to left": "\u202e62951413\u202c",
    "boxes": "".join(f"\\boxed{{{i}}}" for i in range(10_000)),
    "nested boxes": "\\boxed{" * 10_000 + "1" + "}" * 10_000,
    "matrix header": "\\begin{array}{" + "c" * 10_000 + "}" + "1&" * 10_000 + "\\\\" * 10_000 + "\\end{array}",
    "list": "1," * 300_000,
    "digits": "7" * 1_000_000,
    "sum": "1+" * 300_000 + "1",
    "prose": "the answer is " * 70_000,
    "dollars": "$" * 1_000_000,
    "combining": "x" + "\u0301" * 300_000,
    "code": "__import__('os').system('false')",
}


@pytest.mark.timeout(120)  # a hang is what these are made for; each takes milliseconds
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_cost_one_check_and_are_not_right(text: str) -> None:
    for completion in (text, f"So it is $\\boxed{{{text}}}$.", f"<answer>{text}</answer>"):
        for mode in MODES:
            explanation = explain(completion, "31415926", mode=mode)
            assert explanation.verdict is not Verdict.CORRECT
            assert explanation.work <= UNITS_PER_CHECK
    assert not equivalent("31415926", text)
    assert verify(text, text, mode="whole") is not Verdict.WRONG
