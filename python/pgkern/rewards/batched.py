"""A reward of one completion as a reward of a batch, by name or by function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from .boxed import boxed, boxed_many
from .countdown import countdown
from .gsm8k import gsm8k, gsm8k_many
from .json_match import json_match
from .multiple_choice import multiple_choice
from .r1_zero import r1_zero, r1_zero_many
from .reward import Reward
from .text_match import text_match
from .time_limited import LimitedRewards, TimeLimited

RewardLike: TypeAlias = str | Callable[..., Reward | float] | TimeLimited
"""The name of a reward here, a function of a completion and its gold, or one with a time limit."""


@dataclass(frozen=True)
class BatchRewards:
    """What the completions of a batch earned, in their order.

    Attributes:
        rewards: what the policy is trained on.
        outcomes: a word for each, to count: the verdict (`"correct"`, `"no_answer"`), what went wrong under a time
            limit (`"timed_out"`), or `"scored"` where a function returned a number and no `Reward`.
        reasons: in words, why an answer is not right or a function failed; empty where the outcome says it all.
        format_rewards: 1 or 0 for the form; None where a function returned a number, which says nothing of it.
    """

    rewards: list[float]
    outcomes: list[str]
    reasons: list[str]
    format_rewards: list[float | None]


class BatchReward(Protocol):
    """The reward of a batch; a column has one value for each completion and goes by the reward's parameter."""

    __name__: str

    def __call__(self, completions: Sequence[str], golds: Sequence[Any], /, **columns: Sequence[Any]) -> BatchRewards:
        """Raises `ValueError` where the lengths differ."""


_BY_NAME: dict[str, Callable[..., Reward]] = {
    reward.__name__: reward for reward in (r1_zero, boxed, gsm8k, multiple_choice, countdown, json_match, text_match)
}
# These leave the interpreter and use all cores.
_MANY: list[tuple[Callable[..., Reward], Callable[..., list[Reward]]]] = [
    (r1_zero, r1_zero_many),
    (boxed, boxed_many),
    (gsm8k, gsm8k_many),
]


def batched(reward: RewardLike, **options: Any) -> BatchReward:  # noqa: ANN401
    """The reward of a batch: `batched("countdown", at_most_once=True)(completions, targets, numbers=numbers).rewards`.

    Equals `[reward(c, g, **columns_of_it, **options) for c, g in zip(completions, golds)]`; `r1_zero`, `boxed` and
    `gsm8k` use all cores.

    Raises `ValueError` for a name that is no reward.
    """
    one = reward_named(reward) if isinstance(reward, str) else reward
    of_all = next((many for single, many in _MANY if single is one), None)  # whose own == and hash nobody asks

    def many(completions: Sequence[str], golds: Sequence[Any], /, **columns: Sequence[Any]) -> BatchRewards:
        for name, column in {"golds": golds, **columns}.items():
            if len(column) != len(completions):
                raise ValueError(f"{len(completions)} completions but {len(column)} {name}: each needs its own")
        if isinstance(one, TimeLimited):
            same = {name: [value] * len(completions) for name, value in options.items()}
            return _under_a_limit(one.many(completions, golds, **same, **columns))
        if of_all is not None and not columns:
            return _recorded(of_all(completions, golds, **options))
        return _recorded(
            [
                one(completion, gold, **{name: column[row] for name, column in columns.items()}, **options)
                for row, (completion, gold) in enumerate(zip(completions, golds, strict=True))
            ]
        )

    many.__name__ = getattr(one, "__name__", type(one).__name__)
    return many


def reward_named(name: str) -> Callable[..., Reward]:
    """The reward of this name.

    Raises `ValueError` where there is none.
    """
    if name not in _BY_NAME:
        raise ValueError(f"reward is {name!r}: it must be one of {', '.join(_BY_NAME)}, or a function")
    return _BY_NAME[name]


def _recorded(rewards: Sequence[Reward | float]) -> BatchRewards:
    return BatchRewards(
        [reward.reward if isinstance(reward, Reward) else float(reward) for reward in rewards],
        [reward.verdict.name.lower() if isinstance(reward, Reward) else "scored" for reward in rewards],
        [reward.reason if isinstance(reward, Reward) else "" for reward in rewards],
        [reward.format_reward if isinstance(reward, Reward) else None for reward in rewards],
    )


def _under_a_limit(limited: LimitedRewards) -> BatchRewards:
    recorded = _recorded([0.0 if returned is None else returned for returned in limited.returned])
    return BatchRewards(
        limited.rewards,
        [
            outcome if failure is None else failure.name.lower()
            for outcome, failure in zip(recorded.outcomes, limited.failures, strict=True)
        ],
        [reason or said for reason, said in zip(limited.reasons, recorded.reasons, strict=True)],
        recorded.format_rewards,
    )
