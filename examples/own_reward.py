"""Rewards of one's own, for own_reward.toml: functions of a completion, its gold, and the columns they ask for.

They run in processes of their own. What they raise, how long they take and whether they crash costs the sample that
they were asked about, which is counted and not trained on; it never costs the run.
"""

import re

from pgkern.rewards import Reward, r1_zero


def brevity(completion: str, gold: str) -> float:
    """1 for nothing at all, 0 from 120 characters on."""
    return max(0.0, 1.0 - len(completion) / 120)


def digits(completion: str, gold: str) -> float:
    """The share of digits that are right. Raises where there is no number: with weight 0 that costs nothing."""
    answer = re.findall(r"\d+", completion)[-1]
    return sum(ours == its for ours, its in zip(reversed(answer), reversed(gold), strict=False)) / len(gold)


def forgiving(completion: str, gold: str) -> Reward:
    """The built-in reward, with half of it for the form: a `Reward` also says verdict and form."""
    found = r1_zero(completion, gold)
    return Reward(0.5 * found.reward + 0.5 * found.format_reward, found.format_reward, found.reward, found.verdict)
