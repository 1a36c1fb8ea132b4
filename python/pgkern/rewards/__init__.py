"""Rewards of completions: 1 for the right answer in the right form, 0 for anything else.

Each is a function of a completion and its gold, without state; `batched` makes one of a batch of any of them, and
`TimeLimited` runs one that somebody wrote where it can do no harm.
"""

from .batched import BatchReward, BatchRewards, RewardLike, batched, reward_named
from .boxed import boxed, boxed_many
from .countdown import countdown
from .gsm8k import gsm8k, gsm8k_many
from .json_match import json_match
from .multiple_choice import multiple_choice
from .r1_zero import r1_zero, r1_zero_many
from .reward import Reward
from .text_match import text_match
from .time_limited import Failure, LimitedRewards, TimeLimited

__all__ = [
    "BatchReward",
    "BatchRewards",
    "Failure",
    "LimitedRewards",
    "Reward",
    "RewardLike",
    "TimeLimited",
    "batched",
    "boxed",
    "boxed_many",
    "countdown",
    "gsm8k",
    "gsm8k_many",
    "json_match",
    "multiple_choice",
    "r1_zero",
    "r1_zero_many",
    "reward_named",
    "text_match",
]
