"""One reward of a run: found by its name or its file, with what it takes of a problem."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ...data.problem import Problem
from ...rewards import Reward, TimeLimited, batched, reward_named
from ..config import RewardConfig
from .reward_thread import RewardThread, Score

ANSWER_PLACES = {
    "r1_zero": "answer_tag",
    "boxed": "boxed",
    "gsm8k": "gsm8k",
    "countdown": "auto",
    "multiple_choice": "choice",
    "json_match": "whole",
    "text_match": "whole",
}
"""Where each built-in reward looks for the answer, as a mode of `extract_answer`."""

_OWN_COLUMNS = {"countdown": ("numbers",)}


class RunReward:
    """A configured reward, with its thread and, where somebody wrote it, its processes.

    Raises `ValueError` for a name that is no reward, what `TimeLimited` refuses, a file that cannot be loaded, and a
    column that a built-in reward does not take.
    """

    def __init__(self, config: RewardConfig, index: int, taken_names: set[str]) -> None:
        self.config = config
        self.failed_in_a_row = 0
        self._noted, self._noted_judged, self._last_reason = 0, False, ""
        self.mode: str | None = None  # where the answer stands; None: a function that somebody wrote
        self._limited: TimeLimited | None = None
        try:
            if ":" in config.function:
                self._limited = self._of_ones_own()
            else:
                self.mode = ANSWER_PLACES[_built_in(config.function).__name__]
            self.columns = _with_its_own(config)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"rewards[{index}]: {error}") from None
        self._batched = batched(self._limited or config.function)
        self.name = _untaken(self._batched.__name__, taken_names)
        self.thread = RewardThread(self._batched, None if self._limited is None else config.workers)

    def columns_of(self, problem: Problem) -> dict[str, Any]:
        """What the reward takes of a problem by name. Raises `ValueError` where the problem lacks it."""
        columns = problem.columns
        if not columns.keys() >= set(self.columns):
            self.check([problem])
        return {name: columns[name] for name in self.columns}

    def check(self, problems: Sequence[Problem]) -> None:
        """Raise `ValueError` for problems that lack a column, or whose gold or columns a built-in reward refuses."""
        for name in self.columns:
            lacking = [problem for problem in problems if name not in problem.columns]
            if lacking:
                known = ", ".join(sorted(lacking[0].columns)) or "none"
                raise ValueError(
                    f"the reward {self.name} takes the column {name!r}, which {len(lacking)} of {len(problems)} "
                    f"problems lack; the first is {lacking[0].question!r:.80}, with the columns: {known}"
                )
        if self.mode is not None:  # it refuses whatever is none of its golds, whatever the response
            columns = {name: [problem.columns[name] for problem in problems] for name in self.columns}
            try:
                self._batched([""] * len(problems), [problem.gold for problem in problems], **columns)
            except (TypeError, ValueError) as error:
                raise ValueError(f"the reward {self.name} cannot judge these problems: {error}") from error

    def note(self, scores: Sequence[Score]) -> None:
        """Some of what a step or an evaluation got."""
        if scores:
            self._noted += len(scores)
            self._noted_judged |= any(score.value is not None for score in scores)
            self._last_reason = scores[-1].reason

    def end_step(self) -> str | None:
        """Count the steps and evaluations in a row of which nothing was judged; one without responses says nothing.

        Returns what has happened, in words, where these are as many as its `patience`.
        """
        noted, judged = self._noted, self._noted_judged
        self._noted, self._noted_judged = 0, False
        if not noted:
            return None
        self.failed_in_a_row = 0 if judged else self.failed_in_a_row + 1
        if not self.config.weight or self.failed_in_a_row < self.config.patience:
            return None
        return (
            f"the reward {self.name} judged none of {noted} responses, {self.failed_in_a_row} times in a row "
            f"(rewards.patience), so there is nothing to train on; the last: {self._last_reason}"
        )

    def close(self) -> None:
        """End the processes now."""
        self.thread.close()
        if self._limited is not None:
            self._limited.close(now=True)

    def _of_ones_own(self) -> TimeLimited:
        config = self.config
        return TimeLimited(
            config.function, seconds=config.seconds, workers=config.workers, max_memory_mb=config.max_memory_mb
        )


def _built_in(name: str) -> Callable[..., Reward]:
    try:
        return reward_named(name)
    except ValueError as error:
        raise ValueError(f"{error} of one's own as 'path/to/file.py:function'") from None


def _with_its_own(config: RewardConfig) -> tuple[str, ...]:
    """The columns that are asked for, and those that a built-in reward cannot do without."""
    columns = tuple(dict.fromkeys((*_OWN_COLUMNS.get(config.function, ()), *config.columns)))
    if ":" in config.function:
        return columns
    _, _, *others = inspect.signature(reward_named(config.function)).parameters.values()
    takes = [parameter.name for parameter in others if parameter.kind is not parameter.VAR_KEYWORD]
    unknown = [name for name in columns if name not in takes]
    if unknown:
        raise ValueError(
            f"the reward {config.function} takes no column {unknown[0]!r}; it takes {', '.join(takes) or 'none'}"
        )
    return columns


def _untaken(name: str, taken: set[str]) -> str:
    """The name, or where it is taken the first of name_2, name_3, … that is not."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
