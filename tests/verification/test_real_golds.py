"""Golds as people wrote them: each is itself, and neither its neighbour nor itself with another digit."""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from pgkern import Verdict, verify, verify_many

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "verify"
FILES = ["math_test_5000", "math_train_7474_gold", "bigmath_5000_gold", "college_math_gold", "olympiadbench_675"]

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data/verify beside the repository")

# Rows next to each other that are one answer in two spellings: each was looked at.
EQUAL_NEIGHBOURS = {
    "math_train_7474_gold": {("45^\\circ", "\\frac{\\pi}{4}")},
    "bigmath_5000_gold": {
        ("(1)(3)", "3rd \\text{ won}"),
        ("Second", "a_1 = a_2 = 2"),
        ("D: [0, +\\infty)", "D: \\frac{1}{2} - p"),  # the letter of a choice
    },
    "college_math_gold": {
        ("$\\log (0.01)=-2$", "$x=-2$"),
        ("$10 $", "width $=$ height $=\\operatorname{depth}=10$"),
    },
}


def golds(name: str) -> list[str]:
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        found = [json.loads(line)["gold"] for line in lines]
    return [gold if isinstance(gold, str) else gold[0] for gold in found]


def with_another_digit(gold: str) -> str | None:
    """Change the last digit of a number that decides: not an index, a power, a base, or what another number overrules.

    The letter of a choice overrules its text, a value what is said to be close to it, and the end of a chain the rest.
    """
    if re.match(r"\s*\(?[A-Z](: |\) )", gold) or "\\approx" in gold:
        return None
    digits = list(re.finditer(r"(?<![\w^{.])\d+(?![\w.]*\})", gold))
    if not digits or digits[-1].end() <= gold.rfind("=") or "^{0}" in gold:
        return None
    at = digits[-1].end() - 1
    return gold[:at] + str((int(gold[at]) + 1) % 10) + gold[at + 1 :]


@pytest.mark.parametrize("name", FILES)
def test_every_gold_is_itself(name: str) -> None:
    table = golds(name)
    found = Counter(Verdict(code).name for code in verify_many(table, table, mode="whole").tolist())
    assert found["WRONG"] == found["OVER_BUDGET"] == found["UNPARSED"] == 0
    assert found["CORRECT"] >= len(table) - 8  # some golds of bigmath and college_math are empty, or say nothing


@pytest.mark.parametrize("name", FILES)
def test_every_gold_is_told_from_itself_with_another_digit(name: str) -> None:
    pairs = [(other, gold) for gold in golds(name) if (other := with_another_digit(gold)) is not None]
    codes = verify_many([other for other, _ in pairs], [gold for _, gold in pairs], mode="whole").tolist()
    taken = [pair for pair, code in zip(pairs, codes, strict=True) if code == Verdict.CORRECT]
    assert len(pairs) > 0.4 * len(golds(name))
    assert taken == []


@pytest.mark.parametrize("name", FILES)
def test_every_gold_is_told_from_the_next(name: str) -> None:
    distinct = list(dict.fromkeys(golds(name)))
    pairs = list(pairwise(distinct))
    codes = verify_many([one for one, _ in pairs], [other for _, other in pairs], mode="whole").tolist()
    equal = {pair for pair, code in zip(pairs, codes, strict=True) if code == Verdict.CORRECT}
    assert equal <= EQUAL_NEIGHBOURS.get(name, set())
    assert all(verify(other, one, mode="whole") is Verdict.CORRECT for one, other in equal)
