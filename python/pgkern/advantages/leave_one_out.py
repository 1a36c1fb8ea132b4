"""The baseline that is the mean reward of a prompt's other rollouts."""

from torch import Tensor

from .groups import grouped


def leave_one_out(rewards: Tensor, group_size: int | None = None, *, group_ids: Tensor | None = None) -> Tensor:
    """`rewards - (rewards_PG.sum(1) - rewards) / (G - 1)`: the baseline is the mean of the group's others.

    RLOO (arXiv 2402.14740). Equal to `group_mean` times G / (G - 1), which leaves the gradient's expectation as it is:
    the others do not depend on the rollout's own actions. Arguments, result and errors as there, and:

    Raises:
        ValueError: a group of one, which has no others.
    """
    groups = grouped(rewards, group_size, group_ids)
    if bool((groups.size_N < 2).any()):
        raise ValueError("leave_one_out needs at least 2 rollouts in every group, got a group of 1")
    return groups.rewards_N - (groups.sum(groups.rewards_N) - groups.rewards_N) / (groups.size_N - 1)
