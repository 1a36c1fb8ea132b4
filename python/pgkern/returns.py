"""Returns: what an episode earned, at each of its tokens (the primer's eq. 5 and 6).

An episode is one response; its rewards are one number a token, which with verified rewards is 0 but at the last.
Episodes stand packed in one row, each one's tokens next to one another and in order, told apart by `sequence_ids`.
Names: T tokens, S sequences (episodes).
"""

import torch
from torch import Tensor

from .real_vector import real_vector
from .require_number import require_number
from .sequence_runs import SequenceRuns, sequence_runs


def undiscounted(rewards_T: Tensor, sequence_ids: Tensor | None = None, *, reward_to_go: bool = False) -> Tensor:
    """Eq. 5, R(τ) = Σ_t r_t, at every token of the episode: `rewards.sum()` of each sequence.

    With `reward_to_go` the rewards from the token on, Σ_{k≥t} r_k: `rewards.flip(0).cumsum(0).flip(0)` of each
    sequence. An action cannot change what was earned before it, so the gradient's expectation is the same and its
    variance lower. Both are `discounted` with a discount of 1; arguments, result and errors as there.
    """
    return discounted(rewards_T, 1.0, sequence_ids, reward_to_go=reward_to_go)


def discounted(
    rewards_T: Tensor, discount: float, sequence_ids: Tensor | None = None, *, reward_to_go: bool = False
) -> Tensor:
    """Eq. 6, R(τ) = Σ_t γᵗ r_t, at every token of the episode; t counts its tokens from 0, and 0⁰ is 1.

    With `reward_to_go` Σ_{k≥t} γ^(k-t) r_k, as seen from token t. (The gradient of eq. 6 itself weighs token t by
    another γᵗ: `docs/primer.md`.)

    Args:
        rewards_T: `[T]`, finite.
        discount: γ, from 0 to 1.
        sequence_ids: `[T]` integers, any, equal for the tokens of an episode, which must stand next to one another.
            Without them all tokens are one episode.
    Returns:
        `[T]`, in the dtype of the rewards but fp32 at least. Detached.
    Raises:
        ValueError: types, shapes or numbers that do not fit; an id that comes again after another one.
    """
    rewards_T = real_vector("rewards_T", rewards_T, "T")
    require_number("discount", discount, 0.0, 1.0)
    runs = sequence_runs(sequence_ids, rewards_T)
    to_go_T = _discounted_to_go(rewards_T, float(discount), runs)
    return to_go_T if reward_to_go else to_go_T[runs.first()]


def _discounted_to_go(rewards_T: Tensor, discount: float, runs: SequenceRuns) -> Tensor:
    """Σ_{k≥t} γ^(k-t) r_k by doubling: once it covers 2ⁿ tokens from t on, that of t + 2ⁿ makes it 2ⁿ⁺¹.

    log₂ of the longest episode passes over T; no power of γ is ever divided by, so nothing can overflow.
    """
    left_T = runs.left()
    longest = int(left_T.max()) if left_T.numel() else 0
    sums_T, span = rewards_T, 1
    while span <= longest:
        beyond_T = sums_T[span:].where(left_T[:-span] >= span, 0)  # else it is another episode's
        sums_T = torch.cat([sums_T[:-span] + discount**span * beyond_T, sums_T[-span:]])
        span *= 2
    return sums_T
