"""Rollouts by prompt: a prompt's either in a row (`group_size`) or anywhere (`group_ids`).

Names: N rollouts, G rollouts in a group (of one prompt), P prompts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..real_vector import real_vector
from ..require_instance import require_instance


@dataclass(frozen=True, slots=True)
class Groups:
    """Rewards above their group's smallest, with every rollout's group and that group's size."""

    rewards_N: Tensor
    group_N: Tensor
    size_N: Tensor
    count: int

    def sum(self, values_N: Tensor) -> Tensor:
        """Every rollout's sum over its group."""
        return values_N.new_zeros(self.count).index_add_(0, self.group_N, values_N)[self.group_N]


def grouped(rewards: Tensor, group_size: int | None, group_ids: Tensor | None) -> Groups:
    """The groups of `rewards`, for functions that ignore a shift of a whole group's rewards.

    Taking off the smallest makes equal rewards exactly 0, and so their advantages.

    Raises:
        ValueError: rewards or ids that are no tensor or do not fit, both or neither of the groupings, a count that
            does not divide, rewards that are not finite.
    """
    rewards_N = real_vector("rewards", rewards, "N")
    count = rewards_N.shape[0]
    if (group_size is None) == (group_ids is None):
        raise ValueError(f"give either group_size or group_ids, got group_size={group_size}, group_ids={group_ids}")
    if group_size is not None:
        if isinstance(group_size, bool) or not isinstance(group_size, int) or group_size < 1:
            raise ValueError(f"group_size must be an integer of at least 1, got {group_size!r}")
        if count % group_size:
            raise ValueError(f"{count} rewards cannot be divided into groups of {group_size}")
        group_N = torch.arange(count, device=rewards_N.device) // group_size
        num_groups = count // group_size
    else:
        group_N, num_groups = _numbered(group_ids, rewards_N)
    smallest_P = rewards_N.new_zeros(num_groups).scatter_reduce_(0, group_N, rewards_N, "amin", include_self=False)
    size_P = rewards_N.new_zeros(num_groups).index_add_(0, group_N, torch.ones_like(rewards_N))
    return Groups(rewards_N - smallest_P[group_N], group_N, size_P[group_N], num_groups)


def _numbered(group_ids: object, rewards_N: Tensor) -> tuple[Tensor, int]:
    """Every rollout's group, counted from 0, and how many there are."""
    require_instance("group_ids", group_ids, Tensor)
    assert isinstance(group_ids, Tensor)
    if group_ids.shape != rewards_N.shape:
        raise ValueError(f"group_ids has shape {list(group_ids.shape)}, expected {list(rewards_N.shape)}")
    if group_ids.device != rewards_N.device:
        raise ValueError(f"group_ids is on {group_ids.device}, rewards are on {rewards_N.device}")
    if group_ids.is_floating_point() or group_ids.is_complex() or group_ids.dtype == torch.bool:
        raise ValueError(f"group_ids must be integers, got {group_ids.dtype}")
    ids, group_N = torch.unique(group_ids.to(torch.int64), return_inverse=True)
    return group_N, ids.numel()
