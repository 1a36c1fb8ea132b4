"""Which problems are held out: no question stands on both sides, however it is spelled there."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from .problem import Problem

__all__ = ["HeldOut", "Repeats", "hold_out", "same_question"]


@dataclass(frozen=True)
class Repeats:
    """What stands more than once in a file.

    Attributes:
        repeated: how many problems there were once more, with the same question, gold and columns.
        contradicting: questions that stand there several times otherwise.
    """

    repeated: int
    contradicting: list[str]


@dataclass(frozen=True)
class HeldOut:
    """Problems to train on and held-out ones, both in the order of their files, and what was left out.

    Attributes:
        train: problems to train on.
        validation: held-out problems, each question once.
        train_repeats: what stands more than once in the training file; a question's problems are all on one side.
        validation_repeats: the same of the validation file, where there is one.
        shared: how many problems of the training file are not trained on because the validation file has the question.
    """

    train: list[Problem]
    validation: list[Problem]
    train_repeats: Repeats
    validation_repeats: Repeats | None
    shared: int


def same_question(question: str) -> str:
    """Equal for questions that differ in white space, in case or in how Unicode composes their letters, alone."""
    return " ".join(unicodedata.normalize("NFC", question).casefold().split())


def hold_out(problems: Sequence[Problem], count: int, *, seed: int, validation: Sequence[Problem] = ()) -> HeldOut:
    """Hold `count` questions out: of `validation` where there is one, else of `problems`.

    Held out are the questions with the smallest hash of seed and text: the choice depends on neither the order of the
    rows nor on the rest of them much, so a row more in the file moves at most one other to the other side. Every
    problem of a `validation` given goes out of the training side, whether it is among the `count` or not.

    Raises `ValueError` when `problems` has too few questions to hold any out, or when none is left to train on.
    """
    train, train_repeats = _once(problems)
    held, validation_repeats = _once(validation) if validation else (train, None)
    questions = {same_question(problem.question) for problem in held}
    if not validation and len(questions) <= count:
        raise ValueError(f"{len(questions)} different questions are too few to hold {count} out")
    chosen = set(sorted(questions, key=lambda question: _rank(seed, question))[:count])
    left_out = questions if validation else chosen
    kept = [problem for problem in train if same_question(problem.question) not in left_out]
    if not kept:
        raise ValueError("every question is a held-out one; there is none left to train on")
    return HeldOut(
        kept,
        _first_of_each(held, chosen),
        train_repeats,
        validation_repeats,
        len(train) - len(kept) if validation else 0,
    )


def _once(problems: Sequence[Problem]) -> tuple[list[Problem], Repeats]:
    """The first of those that have everything but the solution in common, and what stands there more than once."""
    first: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        columns = repr(sorted(problem.columns.items()))
        first.setdefault((same_question(problem.question), problem.gold, columns), problem)
    kept = list(first.values())
    return kept, Repeats(len(problems) - len(kept), _contradicting(kept))


def _first_of_each(problems: Sequence[Problem], questions: set[str]) -> list[Problem]:
    left = set(questions)
    chosen = []
    for problem in problems:
        question = same_question(problem.question)
        if question in left:
            left.remove(question)
            chosen.append(problem)
    return chosen


def _contradicting(problems: Sequence[Problem]) -> list[str]:
    seen: dict[str, int] = {}
    for problem in problems:
        question = same_question(problem.question)
        seen[question] = seen.get(question, 0) + 1
    return [question for question, times in seen.items() if times > 1]


def _rank(seed: int, question: str) -> bytes:
    return hashlib.blake2b(f"{seed}/{question}".encode(errors="surrogatepass")).digest()
