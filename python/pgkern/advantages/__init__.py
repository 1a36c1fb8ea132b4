"""Advantages from rewards: how much better a rollout did than a baseline (the primer's eq. 22-25).

A baseline that does not depend on the rollout's own action leaves the gradient's expectation unchanged and lowers its
variance; `docs/primer.md` says which of these do not depend on it. One function a baseline; none is a constant of 0.
Names: N rollouts, G rollouts in a group (of one prompt), P prompts, T tokens, S sequences.
"""

from .batch_mean import batch_mean
from .constant import constant
from .gae import gae
from .group_mean import group_mean
from .leave_one_out import leave_one_out
from .running_mean import running_mean, updated_mean

__all__ = ["batch_mean", "constant", "gae", "group_mean", "leave_one_out", "running_mean", "updated_mean"]
