"""Spellings of random rationals, judged against `fractions.Fraction`."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern import Verdict, equivalent, verify

INTEGERS = st.integers(-(10**12), 10**12)
# fmt: off
PIECES = [
    "\\frac", "{", "}", "1", "2", ",", ".", "-", "^", "_", "\\boxed", "$", "x", "(", ")", "\\text", "\\pm",
    "and", "%", "=", "/", "\\sqrt", "e", ":", "\\\\", "&", "°", "½", "\\begin{matrix}", "\\end{matrix}", " ",
]
# fmt: on
FRACTIONS = st.builds(Fraction, INTEGERS, st.integers(1, 10**6))


def spellings(value: Fraction) -> list[str]:
    sign, size = ("-" if value < 0 else ""), abs(value)
    above, below = size.numerator, size.denominator
    all_spellings = [
        f"{sign}{above}/{below}",
        f"{sign}\\frac{{{above}}}{{{below}}}",
        f"$\\dfrac{{{sign}{above}}}{{{below}}}$",
        f"{sign}{3 * above}/{3 * below}",
        f"x = {sign}{above} / {below}",
        f"\\text{{{sign}{above}/{below}}}",
    ]
    whole, rest = divmod(size, 1)
    if rest and whole:
        all_spellings.append(f"{sign}{whole}\\frac{{{rest.numerator}}}{{{rest.denominator}}}")
        all_spellings.append(f"{sign}{whole} {rest.numerator}/{rest.denominator}")
    if below == 1:
        all_spellings += [
            f"{sign}{above}",
            f"{sign}{above:,}",
            f"{sign}{above:,}".replace(",", "{,}"),
            f"{sign}{above}.00",
        ]
        all_spellings += [f"\\${sign}{above:,}", f"{sign}{above} apples"]
    return all_spellings


@given(FRACTIONS)
@settings(max_examples=150, deadline=None)
def test_every_spelling_equals_every_other(value: Fraction) -> None:
    gold = f"{value.numerator}/{value.denominator}"
    for answer in spellings(value):
        assert equivalent(answer, gold), answer
        assert verify(f"Thus \\boxed{{{answer}}}.", gold) is Verdict.CORRECT


@given(FRACTIONS, FRACTIONS)
@settings(max_examples=150, deadline=None)
def test_different_rationals_never_are(one: Fraction, other: Fraction) -> None:
    for answer in spellings(one):
        for gold in spellings(other)[:2]:
            assert equivalent(answer, gold) == (one == other), (answer, gold)


@given(st.integers(0, 10**30), st.integers(0, 20), st.integers(-30, 30))
@settings(max_examples=150, deadline=None)
def test_decimals_and_powers_of_ten_are_exact(digits: int, places: int, exponent: int) -> None:
    value = Fraction(digits, 10**places) * Fraction(10) ** exponent
    numeral = str(digits).rjust(places + 1, "0")
    decimal = f"{numeral[: len(numeral) - places]}.{numeral[len(numeral) - places :]}" if places else numeral
    gold = f"{value.numerator}/{value.denominator}"
    for answer in (f"{decimal}e{exponent}", f"{decimal} \\times 10^{{{exponent}}}", f"{decimal} \\cdot 10^{exponent}"):
        assert equivalent(answer, gold), answer
        assert not equivalent(answer, f"{value.numerator + 1}/{value.denominator}"), answer


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_lists_have_no_order_and_tuples_have(values: list[int], random: object) -> None:
    shuffled = values.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    spelled, other = (", ".join(map(str, order)) for order in (values, shuffled))
    assert equivalent(other, spelled)
    assert equivalent(f"\\{{{other}\\}}", spelled)
    assert equivalent(f"({other})", f"({spelled})") == (values == shuffled)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_verdict(text: str) -> None:
    assert verify(text, "31415926.5") is not Verdict.CORRECT
    assert equivalent(text, text) or not text.strip() or verify(text, text, mode="whole") is not Verdict.WRONG


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
@settings(max_examples=500, deadline=None)
def test_any_pieces_of_mathematics_have_a_verdict(text: str) -> None:
    assert verify(text, "31415926.5") is not Verdict.CORRECT
    assert verify(text, text, mode="whole") is not Verdict.WRONG
