"""Agreement with labels on the data kept beside the repository (see its README for where it comes from)."""

import json
from pathlib import Path
from typing import Any

import pytest

from pgkern import Verdict, extract_answer, verify, verify_many

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "verify"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data/verify beside the repository")


def rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def verdicts(table: list[dict[str, Any]], completion: str = "completion") -> list[Verdict]:
    codes = verify_many([row[completion] for row in table], [row["gold"] for row in table])
    return [Verdict(code) for code in codes.tolist()]


def test_gsm8k_agrees_with_every_label() -> None:
    table = rows("gsm8k_completions_5276.jsonl")
    differ = [
        (row["id"], verdict.name, row["gold"], extract_answer(row["completion"]))
        for row, verdict in zip(table, verdicts(table), strict=True)
        if (verdict is Verdict.CORRECT) != row["expected"]
    ]
    assert len(table) == 5276
    assert differ == []


def test_math_completions_differ_only_where_the_label_is_wrong() -> None:
    table = rows("math_completions_qwen_800.jsonl")
    differ = {
        (row["gold"], extract_answer(row["completion"]))
        for row, verdict in zip(table, verdicts(table), strict=True)
        if (verdict is Verdict.CORRECT) != row.get("expected_fixed", row["expected"])
    }
    assert differ == {("\\text{4:30 p.m.}", "4:30 \\text{ p.m.}")}  # labelled wrong: the grader kept "4:30" only


def test_human_solutions_of_math_are_right() -> None:
    # The others give two answers side by side, of which the gold names one.
    found = verdicts(rows("math_test_5000.jsonl"), "solution")
    assert sum(verdict is Verdict.CORRECT for verdict in found) >= 4993


@pytest.mark.parametrize(
    ("name", "minimum"),
    [
        ("math_train_7474_gold", 7472),
        ("bigmath_5000_gold", 4996),
        ("college_math_gold", 2818),
        ("olympiadbench_675", 675),
    ],
)
def test_golds_equal_themselves(name: str, minimum: int) -> None:
    golds = [gold if isinstance(gold, str) else gold[0] for gold in (row["gold"] for row in rows(f"{name}.jsonl"))]
    codes = verify_many(golds, golds, mode="whole")
    unequal = [gold for gold, code in zip(golds, codes.tolist(), strict=True) if code != Verdict.CORRECT]
    assert len(golds) - len(unequal) >= minimum
    assert all(not gold.strip("\\quad \n=?") for gold in unequal)  # the rest say nothing


def test_no_labelled_case_is_right_by_mistake() -> None:
    missed = 0
    for row in rows("cases.jsonl"):
        verdict = verify(row["pred"], row["gold"], mode="whole" if row["pred_is"] == "answer" else "auto")
        if row["expected"] is False:
            assert verdict is not Verdict.CORRECT, row
        elif row["expected"] is True:
            missed += verdict is not Verdict.CORRECT
    assert missed <= 24  # algebra and radicals are not read yet
