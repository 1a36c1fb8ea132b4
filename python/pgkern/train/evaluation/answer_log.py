"""The answers of an evaluation in a JSON Lines file, a row a response, written as they come."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from ..sampling.experience import Sample
from .evaluate import is_right

__all__ = ["AnswerLog"]


class AnswerLog:
    """Writes `path`, which must not exist yet unless `overwrite`. Use it in a `with`.

    Raises `ValueError` for a file that exists, `OSError` as opening one does.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        try:
            self._file = path.open("w" if overwrite else "x", encoding="utf-8")
        except FileExistsError:
            raise ValueError(f"{path} exists; choose another --output, or --overwrite it") from None

    def write(self, first_problem: int, samples: Iterable[Sample], *, temperature: float) -> None:
        """Append responses to the problems from number `first_problem` on (counted from 0)."""
        for sample in samples:
            judged = sample.judged
            row = {
                "problem": first_problem + sample.group,
                "temperature": temperature,
                "question": sample.problem.question,
                "gold": sample.problem.gold,
                "response": sample.rollout.response,
                "answer": judged.answer,
                "verdict": judged.outcome,
                "reason": judged.reason,
                "right": is_right(sample),
                "reward": judged.reward,
                "finish_reason": sample.rollout.finish_reason,
            }
            self._file.write(json.dumps(row, ensure_ascii=False).encode(errors="replace").decode() + "\n")
        self._file.flush()

    def __enter__(self) -> "AnswerLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
