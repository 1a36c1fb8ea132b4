"""Advantages from rewards: how much better a rollout did than a baseline (the primer's eq. 22-25).

A baseline that does not depend on the rollout's own action leaves the gradient's expectation unchanged and lowers its
variance. Rewards are `[N]`, the rollouts of a prompt either in a row (`group_size`) or anywhere (`group_ids`).
Names: N rollouts, G rollouts in a group (of one prompt), P prompts.
"""

import torch
from torch import Tensor

from .require_instance import require_instance


def group_mean(
    rewards: Tensor,
    group_size: int | None = None,
    *,
    group_ids: Tensor | None = None,
    normalize_std: bool = False,
    eps: float = 1e-6,
) -> Tensor:
    """`rewards_PG - rewards_PG.mean(1)`; with `normalize_std` divided by `rewards_PG.std(1) + eps`.

    GRPO (arXiv 2402.03300) normalises; Dr. GRPO (arXiv 2503.20783) does not, since the division weighs a prompt by how
    hard it is. The standard deviation is the unbiased one (divided by G - 1, as torch.std); in a group of one it is 0,
    and so is the advantage.

    Args:
        rewards: `[N]`, finite.
        group_size: G, when the rollouts of a prompt stand in a row; N must be a multiple of it.
        group_ids: `[N]` integers instead, when groups differ in size or are mixed.
    Returns:
        `[N]`, floating point.
    Raises:
        ValueError: rewards or ids that are no tensor, both or neither of the groupings, a count that does not divide,
            rewards that are not finite.
    """
    rewards_N, group_N, size_N, num_groups = _grouped(rewards, group_size, group_ids)
    centred_N = rewards_N - _group_sum(rewards_N, group_N, num_groups) / size_N
    if not normalize_std:
        return centred_N
    variance_N = _group_sum(centred_N.square(), group_N, num_groups) / (size_N - 1).clamp(min=1)
    return centred_N / (variance_N.sqrt() + eps)


def leave_one_out(rewards: Tensor, group_size: int | None = None, *, group_ids: Tensor | None = None) -> Tensor:
    """`rewards - (rewards_PG.sum(1) - rewards) / (G - 1)`: the baseline is the mean of the group's others.

    RLOO (arXiv 2402.14740). Equal to `group_mean` times G / (G - 1). Arguments, result and errors as there, and:

    Raises:
        ValueError: a group of one, which has no others.
    """
    rewards_N, group_N, size_N, num_groups = _grouped(rewards, group_size, group_ids)
    if bool((size_N < 2).any()):
        raise ValueError("leave_one_out needs at least 2 rollouts in every group, got a group of 1")
    return rewards_N - (_group_sum(rewards_N, group_N, num_groups) - rewards_N) / (size_N - 1)


def batch_mean(rewards: Tensor, *, normalize_std: bool = False, eps: float = 1e-6) -> Tensor:
    """`rewards - rewards.mean()`; with `normalize_std` divided by `rewards.std() + eps`: one group of all rollouts."""
    require_instance("rewards", rewards, Tensor)
    return group_mean(
        rewards, group_ids=torch.zeros_like(rewards, dtype=torch.int64), normalize_std=normalize_std, eps=eps
    )


def _group_sum(values_N: Tensor, group_N: Tensor, num_groups: int) -> Tensor:
    """Every rollout's sum over its group."""
    return values_N.new_zeros(num_groups).index_add_(0, group_N, values_N)[group_N]


def _grouped(rewards: Tensor, group_size: int | None, group_ids: Tensor | None) -> tuple[Tensor, Tensor, Tensor, int]:
    """The rewards above their group's smallest, every rollout's group, that group's size, and the number of groups."""
    require_instance("rewards", rewards, Tensor)
    if group_ids is not None:
        require_instance("group_ids", group_ids, Tensor)
    if rewards.dim() != 1:
        raise ValueError(f"rewards must have shape [N], got {list(rewards.shape)}")
    if rewards.is_complex():
        raise ValueError(f"rewards must be real, got {rewards.dtype}")
    rewards_N = rewards.detach()
    if not rewards_N.is_floating_point():
        rewards_N = rewards_N.to(torch.float32)
    if not bool(rewards_N.isfinite().all()):
        where = int((~rewards_N.isfinite()).nonzero()[0, 0])
        raise ValueError(f"rewards must be finite, got {rewards_N[where].item()} at index {where}")
    if (group_size is None) == (group_ids is None):
        raise ValueError(f"give either group_size or group_ids, got group_size={group_size}, group_ids={group_ids}")
    if group_size is not None:
        if isinstance(group_size, bool) or not isinstance(group_size, int) or group_size < 1:
            raise ValueError(f"group_size must be an integer of at least 1, got {group_size!r}")
        if rewards.numel() % group_size:
            raise ValueError(f"{rewards.numel()} rewards cannot be divided into groups of {group_size}")
        group_N = torch.arange(rewards.numel(), device=rewards.device) // group_size
        num_groups = rewards.numel() // group_size
    else:
        assert group_ids is not None
        if group_ids.shape != rewards.shape:
            raise ValueError(f"group_ids has shape {list(group_ids.shape)}, expected {list(rewards.shape)}")
        if group_ids.is_floating_point() or group_ids.is_complex() or group_ids.dtype == torch.bool:
            raise ValueError(f"group_ids must be integers, got {group_ids.dtype}")
        ids, group_N = torch.unique(group_ids, return_inverse=True)
        num_groups = ids.numel()
    # Every function here ignores a shift of a group's rewards. Taking off the smallest makes equal rewards exactly 0.
    smallest_P = rewards_N.new_zeros(num_groups).scatter_reduce_(0, group_N, rewards_N, "amin", include_self=False)
    sizes_P = rewards_N.new_zeros(num_groups).index_add_(0, group_N, torch.ones_like(rewards_N))
    return rewards_N - smallest_P[group_N], group_N, sizes_P[group_N], num_groups
