"""Problems from a JSONL file, such as GSM8K's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..verification import extract_answer
from .problem import Problem
from .prompts import r1_zero_solution


def read_problems(path: str | Path, *, question_field: str = "question", answer_field: str = "answer") -> list[Problem]:
    """One `Problem` a line.

    An answer with a worked solution in front of `#### 42` (GSM8K's way) gives gold "42" and the solution in the
    r1_zero format; any other answer is the gold as it stands, without a solution.

    Raises `ValueError` that names file and line for a line that is no JSON object, lacks a field, holds something else
    than text in it or an empty answer, and for a file without problems.
    """
    problems = [_problem(record, where, question_field, answer_field) for where, record in _records(Path(path))]
    if not problems:
        raise ValueError(f"{path}: no problems in this file")
    return problems


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{where}: not valid JSON ({error})") from error
            if not isinstance(record, dict):
                raise ValueError(f"{where}: expected a JSON object, got {type(record).__name__}")
            yield where, record


def _problem(record: dict[str, Any], where: str, question_field: str, answer_field: str) -> Problem:
    question, answer = (_text(record, field, where) for field in (question_field, answer_field))
    reasoning, marker, _ = answer.rpartition("####")
    if not marker:
        return Problem(question, answer.strip())
    gold = extract_answer(answer, mode="gsm8k")
    if gold is None:
        raise ValueError(f"{where}: nothing after '####' in the field {answer_field!r}")
    return Problem(question, gold, r1_zero_solution(reasoning, gold))


def _text(record: dict[str, Any], field: str, where: str) -> str:
    if field not in record:
        raise ValueError(f"{where}: no field {field!r}; the fields are {', '.join(map(repr, record))}")
    value = record[field]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{where}: the field {field!r} is {type(value).__name__}, expected text")
    if not value.strip():
        raise ValueError(f"{where}: the field {field!r} is empty")
    return value
