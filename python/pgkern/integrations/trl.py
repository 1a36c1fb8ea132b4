"""Rewards as TRL calls them: `reward(prompts, completions, **columns) -> list`.

TRL itself is not needed to make one: this is the signature that `GRPOTrainer` and `RLOOTrainer` document.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..rewards import RewardLike, batched
from .messages import Completion, text_of

__all__ = ["reward_function"]


def reward_function(
    reward: RewardLike,
    *,
    gold_column: str = "answer",
    columns: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401
) -> Callable[..., list[float | None]]:
    """Make a reward function for `GRPOTrainer(reward_funcs=…)`.

        GRPOTrainer(reward_funcs=reward_function("gsm8k"), …)
        GRPOTrainer(reward_funcs=reward_function("countdown", gold_column="target", columns={"numbers": "nums"}), …)

    Of a chat the text of the last assistant message is judged. A sample whose gold is None is left to the other reward
    functions: its reward is None. The share of each verdict, or of each failure under a time limit, is logged beside
    the reward.

    Args:
        reward: a name in `pgkern.rewards`, a function of a completion and its gold, or a `TimeLimited`.
        gold_column: the data set's column of golds.
        columns: what else the reward takes for each sample, from its parameter's name to the data set's column.
        options: what else it takes, the same for all samples.

    Raises `ValueError` for a name that is no reward; the function, when the data set has no such column.
    """
    judge = batched(reward, **options)
    wanted = {} if columns is None else dict(columns)
    name = judge.__name__

    def judged(prompts: Sequence[Any], completions: Sequence[Completion], **given: Any) -> list[float | None]:  # noqa: ANN401
        missing = [column for column in (gold_column, *wanted.values()) if column not in given]
        if missing:
            known = [key for key, value in given.items() if isinstance(value, list)]
            raise ValueError(f"the data set has no column {missing[0]!r} for {name}; it has {', '.join(known)}")
        golds = given[gold_column]
        rows = [row for row, gold in enumerate(golds) if gold is not None]
        texts = [text_of(completions[row]) for row in rows]
        others = {key: [given[column][row] for row in rows] for key, column in wanted.items()}
        judgement = judge(texts, [golds[row] for row in rows], **others)
        if "log_metric" in given:
            for outcome, count in Counter(judgement.outcomes).items():
                given["log_metric"](f"rewards/{name}/{outcome}", count / len(rows))
        values: list[float | None] = [None] * len(golds)
        for row, value in zip(rows, judgement.rewards, strict=True):
            values[row] = value
        return values

    judged.__name__ = name  # what TRL logs it under
    return judged
