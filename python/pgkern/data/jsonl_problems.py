"""Problems from a JSONL file, such as GSM8K's."""

from pathlib import Path

from ..gold_text import number_text
from ..verification import extract_answer
from .json_lines import Record, json_records
from .problem import Problem
from .prompts import r1_zero_solution


def read_problems(path: str | Path, *, question_field: str = "question", answer_field: str = "answer") -> list[Problem]:
    """One `Problem` a line.

    An answer with a worked solution in front of `#### 42` (GSM8K's way) gives gold "42" and the solution in the
    r1_zero format; any other answer is the gold as it stands, without a solution.

    Raises `ValueError` that names file and line for a line that is no JSON object, lacks a field, holds something else
    than text in it or an empty answer, and for a file without problems.
    """
    problems = [_problem(record, question_field, answer_field) for record in json_records(Path(path))]
    if not problems:
        raise ValueError(f"{path}: no problems in this file")
    return problems


def _problem(record: Record, question_field: str, answer_field: str) -> Problem:
    question, answer = (_text(record, field) for field in (question_field, answer_field))
    reasoning, marker, _ = answer.rpartition("####")
    if not marker:
        return Problem(question, answer.strip())
    gold = extract_answer(answer, mode="gsm8k")
    if gold is None:
        raise ValueError(f"{record.where}: nothing after '####' in the field {answer_field!r}")
    return Problem(question, gold, r1_zero_solution(reasoning, gold))


def _text(record: Record, field: str) -> str:
    value = record.field(field)
    value = number_text(value) or value
    if not isinstance(value, str):
        raise ValueError(f"{record.where}: the field {field!r} is {type(value).__name__}, expected text")
    if not value.strip():
        raise ValueError(f"{record.where}: the field {field!r} is empty")
    return value
