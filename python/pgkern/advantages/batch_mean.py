"""The baseline that is the mean reward of all rollouts."""

import torch
from torch import Tensor

from ..require_instance import require_instance
from .group_mean import group_mean


def batch_mean(rewards: Tensor, *, normalize_std: bool = False, eps: float = 1e-6) -> Tensor:
    """`rewards - rewards.mean()`; with `normalize_std` divided by `rewards.std() + eps`: one group of all rollouts."""
    require_instance("rewards", rewards, Tensor)
    one_group_N = torch.zeros_like(rewards, dtype=torch.int64)
    return group_mean(rewards, group_ids=one_group_N, normalize_std=normalize_std, eps=eps)
