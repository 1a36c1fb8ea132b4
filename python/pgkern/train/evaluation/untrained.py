"""Which problems a run has not trained on."""

from __future__ import annotations

from collections.abc import Iterable

from ...data.held_out import same_question
from ...data.problem import Problem
from ..config import TrainConfig
from ..tasks import load_problems, load_task


def trained_questions(config: TrainConfig) -> set[str]:
    """What the run trains on, as `same_question` spells it. Raises what `load_task` raises."""
    return {same_question(problem.question) for problem in load_task(config.data, config.run.seed).train}


def split_by_training(problems: Iterable[Problem], trained: set[str]) -> tuple[list[Problem], list[Problem]]:
    """Those that were not trained on, and those that were."""
    parts: tuple[list[Problem], list[Problem]] = ([], [])
    for problem in problems:
        parts[same_question(problem.question) in trained].append(problem)
    return parts


def generated_untrained(config: TrainConfig, count: int, trained: set[str]) -> list[Problem]:
    """`count` generated problems. Raises `ValueError` where there are not that many beside those trained on."""
    fresh: list[Problem] = []
    for asked in (count, count + len(trained)):  # which are then enough
        if len(fresh) < count:
            fresh, _ = split_by_training(load_problems(config.data, config.run.seed, count=asked), trained)
    return fresh[:count]
