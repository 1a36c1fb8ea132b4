"""Completions and golds to verify: the labelled files where they are present, a few of our own otherwise."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .environment import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "verify"

HARD = "hard cases"


@dataclass(frozen=True)
class Pairs:
    """A named set of pairs. A label says whether the completion is right; None where nobody said.

    Attributes:
        hostile: made to hang or crash a grader, so not given to others than ours.
        goal: by how much ours should be faster than Math-Verify on one thread, if that was ever set.
    """

    name: str
    ids: list[str]
    completions: list[str]
    golds: list[str | list[str]]
    labels: list[bool | None]
    hostile: bool = False
    goal: float | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def spaced(self, count: int) -> "Pairs":
        """At most `count` of the pairs, evenly spaced."""
        step = max(1.0, len(self) / count)
        kept = [int(number * step) for number in range(min(count, len(self)))]
        return self.at(kept)

    def at(self, kept: list[int]) -> "Pairs":
        """The pairs at these places."""
        ids, completions = [self.ids[i] for i in kept], [self.completions[i] for i in kept]
        golds, labels = [self.golds[i] for i in kept], [self.labels[i] for i in kept]
        return Pairs(self.name, ids, completions, golds, labels, self.hostile, self.goal)


def load_pairs(folder: Path) -> tuple[list[Pairs], list[str]]:
    """The sets of a folder, and a line for each file that is not there."""
    found, missing = [], []
    for file, name, read, goal in _FILES:
        path = folder / file
        if not path.exists():
            missing.append(f"{name}: left out, there is no {file}")
            continue
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
        found.append(_pairs(name, [pair for row in rows for pair in read(row)], goal=goal))
    if (folder / _CASES).exists():
        rows = [json.loads(line) for line in (folder / _CASES).read_text(encoding="utf-8").splitlines() if line]
        cases = [(f"case-{number}", *_case(row)) for number, row in enumerate(rows)]
        attack = [row["kind"] == "attack" for row in rows]
        hard = [case for case, hostile in zip(cases, attack, strict=True) if not hostile]
        found.append(_pairs(HARD, hard, goal=300.0))
        hostile = [case for case, hostile in zip(cases, attack, strict=True) if hostile]
        found.append(_pairs("hostile completions", hostile, hostile=True))
    if not found:
        return [_sample()], [*missing, "a small built-in sample stands in for the files"]
    return found, missing


def _pairs(name: str, pairs: list[Any], *, hostile: bool = False, goal: float | None = None) -> Pairs:
    ids, completions, golds, labels = (list(column) for column in zip(*pairs, strict=True))
    return Pairs(name, ids, completions, golds, labels, hostile, goal)


_Pair = tuple[str, str, str | list[str], bool | None]


def _completion(row: dict[str, Any]) -> Iterator[_Pair]:
    yield row["id"], row["completion"], row["gold"], row.get("expected_fixed", row["expected"])


def _solution(row: dict[str, Any]) -> Iterator[_Pair]:
    yield row["id"], row["solution"], row["gold"], None if row.get("n_boxed", 1) > 1 else True


def _gold_itself(row: dict[str, Any]) -> Iterator[_Pair]:
    golds = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
    for number, gold in enumerate(golds):
        yield f"{row['id']}.{number}", f"\\boxed{{{gold.strip('$')}}}", gold, True


def _case(row: dict[str, Any]) -> tuple[str, str | list[str], bool | None]:
    completion = row["pred"] if row["pred_is"] == "completion" else f"\\boxed{{{row['pred']}}}"
    return completion, row["gold"], row["expected"]


_CASES = "cases.jsonl"
_FILES = (
    ("gsm8k_completions_5276.jsonl", "GSM8K completions", _completion, None),
    ("math_completions_qwen_800.jsonl", "MATH completions", _completion, None),
    ("math_test_5000.jsonl", "MATH solutions", _solution, 100.0),
    ("mathv_gemini_pro_cot.jsonl", "MATH-Vision completions", _completion, None),
    ("olympiadbench_675.jsonl", "OlympiadBench golds, boxed", _gold_itself, None),
    ("bigmath_5000_gold.jsonl", "Big-Math golds, boxed", _gold_itself, None),
)


def _sample() -> Pairs:
    """Twelve answers in spellings that graders trip over, each after a short derivation."""
    answers: list[tuple[str, str, bool]] = [
        ("\\frac{1}{2}", "0.5", True),
        ("1{,}000", "1000", True),
        ("\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}", True),
        ("x^2 + 2x + 1", "(x+1)^2", True),
        ("[0, 1)", "[0,1)", True),
        ("(0, 1)", "[0,1)", False),
        ("3, 1, 2", "1, 2, 3", True),
        ("50\\%", "\\frac{1}{2}", True),
        ("0.33", "\\frac{1}{3}", False),
        ("-7", "7", False),
        ("2^{10}", "1024", True),
        ("\\text{(C)}", "C", True),
    ]
    pairs = [
        (f"sample-{number}", f"Step by step we find that it is \\boxed{{{answer}}}.", gold, label)
        for number, (answer, gold, label) in enumerate(answers)
    ]
    return _pairs("built-in sample", pairs)
