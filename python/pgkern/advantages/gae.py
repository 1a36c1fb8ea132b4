"""The baseline that is a learned value function V(s): generalised advantage estimation."""

import torch
from torch import Tensor

from ..real_vector import real_vector
from ..require_number import require_number
from ..returns import discounted
from ..sequence_runs import sequence_runs


def gae(
    rewards_T: Tensor,
    values_T: Tensor,
    sequence_ids: Tensor | None = None,
    *,
    discount: float,
    gae_lambda: float,
    bootstrap_S: Tensor | None = None,
) -> Tensor:
    """Σ_{k≥t} (γλ)^(k-t) δ_k with the one-step errors δ_t = r_t + γ V(s_{t+1}) - V(s_t) (arXiv 1506.02438, eq. 16).

    λ = 1 is the discounted reward to go less V(s_t) (eq. 22 with b = V), unbiased whatever V is; λ = 0 is δ_t, which
    has less variance and is unbiased only where V is the policy's own. What V is to learn is `gae(...) + values_T`.

    Args:
        rewards_T: `[T]`, finite.
        values_T: `[T]`, V(s_t) of the prefix that token t was sampled after, finite.
        sequence_ids: `[T]` integers, equal for the tokens of an episode, which must stand next to one another.
        discount: γ, from 0 to 1.
        gae_lambda: λ, from 0 to 1.
        bootstrap_S: `[S]`, V after an episode's last token, in the order the episodes stand in; 0 where it ended. For
            an episode that was cut off and would have gone on. None: 0 for all of them.
    Returns:
        `[T]`, in the wider dtype of rewards and values, fp32 at least. Detached.
    Raises:
        ValueError: types, shapes or numbers that do not fit; an id that comes again after another one.
    """
    rewards_T = real_vector("rewards_T", rewards_T, "T")
    values_T = real_vector("values_T", values_T, "T", like=rewards_T)
    require_number("discount", discount, 0.0, 1.0)
    require_number("gae_lambda", gae_lambda, 0.0, 1.0)
    runs = sequence_runs(sequence_ids, rewards_T)
    next_T = torch.cat([values_T[1:], values_T[:1]])
    if bootstrap_S is None:
        next_T[runs.last_S] = 0.0
    else:
        next_T[runs.last_S] = real_vector("bootstrap_S", bootstrap_S, "S", like=values_T[runs.last_S]).to(next_T.dtype)
    errors_T = rewards_T + discount * next_T - values_T
    return discounted(errors_T, discount * gae_lambda, sequence_ids, reward_to_go=True)
