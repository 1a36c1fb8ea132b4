"""The baseline that is the mean reward of a prompt's rollouts."""

from torch import Tensor

from ..require_number import require_number
from .groups import grouped


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
    and so is the advantage. The mean holds the rollout's own reward, so the gradient's expectation is (G - 1) / G of
    eq. 22's; with `normalize_std` it is no multiple of it.

    Args:
        rewards: `[N]`, finite.
        group_size: G, when the rollouts of a prompt stand in a row; N must be a multiple of it.
        group_ids: `[N]` integers instead, when groups differ in size or are mixed.
    Returns:
        `[N]`, floating point, fp32 at least.
    Raises:
        ValueError: rewards or ids that are no tensor, both or neither of the groupings, a count that does not divide,
            rewards that are not finite.
    """
    require_number("eps", eps, 0.0)
    groups = grouped(rewards, group_size, group_ids)
    centred_N = groups.rewards_N - groups.sum(groups.rewards_N) / groups.size_N
    if not normalize_std:
        return centred_N
    variance_N = groups.sum(centred_N.square()) / (groups.size_N - 1).clamp(min=1)
    return centred_N / (variance_N.sqrt() + eps)
