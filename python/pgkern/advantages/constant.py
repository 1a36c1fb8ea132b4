"""The baseline that is one number."""

from torch import Tensor

from ..real_vector import real_vector
from ..require_number import require_number


def constant(rewards: Tensor, baseline: float) -> Tensor:
    """`rewards - baseline` (eq. 22 with b(s) = b); a baseline of 0 is none (eq. 20).

    Args:
        rewards: `[N]`, finite; of rollouts or of tokens.
        baseline: b, finite.
    Returns:
        `[N]`, floating point, fp32 at least.
    Raises:
        ValueError: rewards that are no such tensor, a baseline that is no finite number.
    """
    require_number("baseline", baseline)
    return real_vector("rewards", rewards, "N") - float(baseline)
