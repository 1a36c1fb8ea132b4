"""Rewards as verl calls them: `compute_score(data_source, solution_str, ground_truth, extra_info=None)`.

verl itself is not needed. It loads the function by the path of its file, so the imports here name the package.

    custom_reward_function.path=…/pgkern/integrations/verl.py
    custom_reward_function.name=compute_score
    +custom_reward_function.reward_kwargs.reward=boxed
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pgkern.rewards import Reward, TimeLimited, boxed, countdown, gsm8k, reward_named

__all__ = ["REWARD_OF_DATA_SOURCE", "compute_score", "scorer"]

SampleReward: TypeAlias = str | Callable[..., Reward | float] | TimeLimited


def _countdown(completion: str, ground_truth: Mapping[str, Any]) -> Reward:
    """The ground truth is the target and the numbers, as in TinyZero's data."""
    return countdown(completion, ground_truth["target"], ground_truth["numbers"])


REWARD_OF_DATA_SOURCE: Mapping[str, SampleReward] = {
    "openai/gsm8k": gsm8k,
    "lighteval/MATH": boxed,
    "DigitalLearningGmbH/MATH-lighteval": boxed,
    "HuggingFaceH4/MATH-500": boxed,
    "countdown": _countdown,
}
"""What judges the completions of each data source unless told otherwise."""


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,  # noqa: ANN401
    extra_info: Mapping[str, Any] | None = None,
    *,
    reward: SampleReward | None = None,
    columns: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """The reward under `"score"`, and what verl shall log with it.

    `"acc"` is 1 for a right answer, `"format"` 1 where the form was kept, and `"verdict"` the code of `pgkern.Verdict`;
    for a function that returns a number, `"score"` and `"acc"` alone, both that number.

    Args:
        data_source: looked up in `REWARD_OF_DATA_SOURCE`, unless `reward` is given.
        solution_str: the completion.
        ground_truth: its gold.
        extra_info: where `columns` are taken from.
        reward: a name in `pgkern.rewards` or a function of a completion and its gold.
        columns: what else the reward takes, from its parameter's name to the key in `extra_info`.

    Raises `ValueError` for a data source without a reward, for a name that is none, and for a key that is not there.
    """
    if reward is None:
        if data_source not in REWARD_OF_DATA_SOURCE:
            sources = ", ".join(REWARD_OF_DATA_SOURCE)
            raise ValueError(f"no reward for data source {data_source!r} (there is one for {sources}): give reward=")
        reward = REWARD_OF_DATA_SOURCE[data_source]
    judge = reward_named(reward) if isinstance(reward, str) else reward
    known = {} if extra_info is None else extra_info
    for key in (columns or {}).values():
        if key not in known:
            raise ValueError(f"extra_info has no {key!r}; it has {', '.join(known) or 'nothing'}")
    judged = judge(solution_str, ground_truth, **{name: known[key] for name, key in (columns or {}).items()})
    if not isinstance(judged, Reward):
        return {"score": float(judged), "acc": float(judged)}
    return {
        "score": judged.reward,
        "acc": judged.answer_reward,
        "format": judged.format_reward,
        "verdict": float(judged.verdict),
    }


def scorer(rewards: Mapping[str, SampleReward]) -> Callable[..., dict[str, float]]:
    """A `compute_score` with rewards of one's own for some data sources; for the others it is `compute_score`.

    compute_score = scorer({"my/choices": "multiple_choice", "my/code": TimeLimited("code.py:score", seconds=5)})
    """

    def score(
        data_source: str,
        solution_str: str,
        ground_truth: Any,  # noqa: ANN401
        extra_info: Mapping[str, Any] | None = None,
    ) -> dict[str, float]:
        return compute_score(data_source, solution_str, ground_truth, extra_info, reward=rewards.get(data_source))

    return score
