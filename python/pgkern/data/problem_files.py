"""Problems from files, such as GSM8K's and MATH's."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..gold_text import gold_text, number_text
from ..verification import extract_answer
from .json_lines import Record
from .problem import Problem
from .problem_fields import ProblemFields
from .problem_records import problem_records
from .prompts import PromptFormat, prompt_format

__all__ = ["read_problems"]


def read_problems(
    path: str | Path,
    fields: ProblemFields | None = None,
    *,
    split: str = "train",
    prompt: PromptFormat | None = None,
    watch: Callable[[Iterator[Record]], Iterable[Record]] = iter,
) -> list[Problem]:
    """One `Problem` a row of what `problem_records` reads.

    The gold is the answer: text, a number (which stands for the digits it is written with), or a list of those, any of
    which is right. An answer with a worked solution in front of `#### 42` (GSM8K's way) gives gold "42"; without an
    answer the last box of the solution is the gold, or the boxes that stand together there (MATH's way). Solutions are
    brought into the form of `prompt`, r1_zero's by default.

    Args:
        path: a file or a folder.
        fields: which field is what.
        split: which split of a folder.
        prompt: the prompt's format, which says how a solution gives its answer.
        watch: may look at the rows as they come, for a progress bar.

    Raises `ValueError` that names file and row for a row that is no object, lacks a field (with those that there are),
    or has something else in it than is meant to be there; for a file without problems; and what `problem_records` does.
    """
    path, fields, prompt = Path(path), fields or ProblemFields(), prompt or prompt_format("r1_zero")
    first = next(problem_records(path, split), None)
    if first is None:
        raise ValueError(f"{path}: no problems in this file")
    fields = fields.in_file(first)
    return [_problem(record, fields, prompt) for record in watch(problem_records(path, split, fields.names()))]


def _problem(record: Record, fields: ProblemFields, prompt: PromptFormat) -> Problem:
    question = _text(record, fields.question[0])
    gold: str | tuple[str, ...]
    reasoning = _solution(record, fields.solution[0]) if fields.solution else None
    if fields.answer:
        gold, worked = _answer(record, fields)
        reasoning = worked if reasoning is None else reasoning
    else:
        gold = _boxed(record, fields.solution[0], reasoning)
    solution = None
    if reasoning is not None:
        solution = prompt.solution(reasoning, gold if isinstance(gold, str) else gold[0])
    return Problem(question, gold, solution, {name: record.field(name) for name in fields.columns})


def _answer(record: Record, fields: ProblemFields) -> tuple[str | tuple[str, ...], str | None]:
    """The gold, and the worked solution in front of it where there is one."""
    name = fields.answer[0]
    value = record.field(name)
    if isinstance(value, list):
        return _several(record, name, value), None
    answer = _text(record, name)
    reasoning, marker, _ = answer.rpartition("####")
    if fields.hashes == "never" or (fields.hashes == "where_marked" and not marker):
        return answer.strip(), None
    gold = extract_answer(answer, mode="gsm8k") if marker else None
    if gold is None:
        raise ValueError(f"{record.where}: nothing after '####' in the field {name!r}")
    return gold, reasoning


def _boxed(record: Record, name: str, solution: str | None) -> str:
    gold = None if solution is None else extract_answer(solution, mode="boxed")
    if gold is None:
        raise ValueError(f"{record.where}: no answer in a box in the field {name!r}")
    return gold


def _several(record: Record, name: str, values: list[object]) -> str | tuple[str, ...]:
    try:
        golds = gold_text(values)
    except ValueError as error:
        what = "neither text nor a number nor a list of these"
        raise ValueError(f"{record.where}: the field {name!r} is {what}: {values!r:.80}") from error
    if not all(gold.strip() for gold in golds):
        raise ValueError(f"{record.where}: the field {name!r} has an empty answer in it: {values!r:.80}")
    golds = [_unicode(record, name, gold.strip()) for gold in golds]
    return golds[0] if len(golds) == 1 else tuple(golds)


def _solution(record: Record, name: str) -> str | None:
    """The worked solution; of several the first, and None for a row that has none."""
    value = record.optional(name)
    if isinstance(value, list):
        value = value[0] if value else None
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{record.where}: the field {name!r} is {type(value).__name__}, expected text")
    return _unicode(record, name, value) if value and value.strip() else None


def _text(record: Record, name: str) -> str:
    value = record.field(name)
    value = number_text(value) or value
    if not isinstance(value, str):
        raise ValueError(f"{record.where}: the field {name!r} is {type(value).__name__}, expected text")
    if not value.strip():
        raise ValueError(f"{record.where}: the field {name!r} is empty")
    return _unicode(record, name, value)


def _unicode(record: Record, name: str, text: str) -> str:
    """The text; JSON can hold half of a surrogate pair (`\\ud800`), which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"{text[error.start]!r} (character {error.start + 1}), half of a surrogate pair"
        raise ValueError(f"{record.where}: the field {name!r} holds {what}, expected Unicode text") from error
    return text
