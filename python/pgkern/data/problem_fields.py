"""Which field of a row is what of a problem, for each kind of file."""

from dataclasses import dataclass, replace
from typing import Literal

from .record import Record

__all__ = ["FILE_KINDS", "FileKind", "ProblemFields"]

FileKind = Literal["file", "gsm8k", "math"]


@dataclass(frozen=True)
class ProblemFields:
    """The names of a row's fields; where there are several, the first that the file's first row has.

    A dotted name leads into objects and lists (`messages.0.content`).

    Attributes:
        question: text.
        answer: text, a number, or a list of accepted answers. It may be missing where there is a solution with a box.
        solution: the worked solution, which may be missing.
        columns: kept for the rewards that ask for them.
        hashes: the answer is a worked solution that ends in `#### 42` always, or only where it has that mark.
    """

    question: tuple[str, ...] = ("question",)
    answer: tuple[str, ...] = ("answer",)
    solution: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    hashes: Literal["always", "where_marked", "never"] = "where_marked"

    def named(
        self, *, question: str | None, answer: str | None, solution: str | None, columns: tuple[str, ...]
    ) -> "ProblemFields":
        """These fields, but for the names that are given."""
        return replace(
            self,
            question=self.question if question is None else (question,),
            answer=self.answer if answer is None else (answer,),
            solution=self.solution if solution is None else (solution,),
            columns=columns,
        )

    def in_file(self, first: Record) -> "ProblemFields":
        """Each with the one name that the file's first row has.

        Raises `ValueError` with the fields that there are when it has no question, or neither answer nor solution.
        """
        solution = _present(first, self.solution)
        return replace(
            self,
            question=_required(first, self.question),
            answer=_present(first, self.answer) if solution else _required(first, self.answer),
            solution=solution,
        )

    def names(self) -> list[str]:
        """All of them."""
        return [*self.question, *self.answer, *self.solution, *self.columns]


FILE_KINDS: dict[FileKind, ProblemFields] = {
    "file": ProblemFields(),
    "gsm8k": ProblemFields(hashes="always"),
    "math": ProblemFields(("problem", "question"), ("answer", "gold"), ("solution",), hashes="never"),
}
"""As GSM8K (https://github.com/openai/grade-school-math) and MATH (https://github.com/hendrycks/math) are published."""


def _present(first: Record, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        try:
            first.field(name)
        except ValueError:
            continue
        return (name,)
    return ()


def _required(first: Record, names: tuple[str, ...]) -> tuple[str, ...]:
    if found := _present(first, names):
        return found
    known = ", ".join(map(repr, first.values)) or "none"
    raise ValueError(f"{first.where}: no field {' or '.join(map(repr, names))}; it has {known}")
