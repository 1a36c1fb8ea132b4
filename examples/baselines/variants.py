"""What is compared: each variant's settings, besides those that all share (task.toml)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One way to turn verified rewards into an update."""

    name: str
    """Of its run folders."""
    title: str
    """As the picture and the table say it."""
    settings: tuple[str, ...]
    """As `pgkern train --set` takes them."""


def _baseline(name: str, *more: str) -> tuple[str, ...]:
    return (f"advantages.baseline={name}", *more)


def _updates(count: int, objective: str) -> tuple[str, ...]:
    return (f"optimizer.updates_per_step={count}", f"objective.name={objective}", "advantages.baseline=group_mean")


VARIANTS = (
    Variant("none", "no baseline", _baseline("none")),
    Variant("constant", "constant 0.5", _baseline("constant", "advantages.constant=0.5")),
    Variant("running-mean", "running mean", _baseline("running_mean")),
    Variant("batch-mean", "batch mean", _baseline("batch_mean")),
    Variant("group-mean", "group mean", _baseline("group_mean")),
    Variant("group-mean-std", "group mean and std", _baseline("group_mean", "advantages.normalize_std=true")),
    Variant("leave-one-out", "leave-one-out", _baseline("leave_one_out")),
    Variant("value", "learned value", _baseline("value")),
    Variant("off-policy-2", "2 updates, eq. 27", _updates(2, "reinforce_off_policy")),
    Variant("off-policy-4", "4 updates, eq. 27", _updates(4, "reinforce_off_policy")),
    Variant("clipped-2", "2 updates, clipped", _updates(2, "ppo")),
    Variant("clipped-4", "4 updates, clipped", _updates(4, "ppo")),
)
"""On-policy, one update a step (eq. 25), but for the last four, which go on from group mean on the same rollouts."""
