"""The baseline that is a running mean of earlier batches' rewards."""

import torch
from torch import Tensor

from ..real_vector import real_vector
from ..require_number import require_number
from .constant import constant


def running_mean(rewards: Tensor, mean: float | None) -> Tensor:
    """`rewards - mean`, with the mean from BEFORE this batch (None: before the first, as good as 0).

    So it is independent of the batch's own actions and leaves the gradient's expectation as it is. `updated_mean` makes
    the next batch's. Arguments, result and errors as with `constant`.
    """
    return constant(rewards, 0.0 if mean is None else mean)


def updated_mean(mean: float | None, rewards: Tensor, decay: float) -> float | None:
    """`decay * mean + (1 - decay) * rewards.mean()`, the mean for the next batch; after the first, its own mean.

    Args:
        mean: the mean before this batch; None before the first.
        rewards: `[N]`, finite. Without any the mean stays what it was.
        decay: how much of the old mean is kept, from 0 to 1.
    Raises:
        ValueError: rewards that are no such tensor; a mean or a decay out of its range.
    """
    rewards_N = real_vector("rewards", rewards, "N")
    require_number("decay", decay, 0.0, 1.0)
    if mean is not None:
        require_number("mean", mean)
    if not rewards_N.numel():
        return mean
    batch = float(rewards_N.to(torch.float64).mean())
    return batch if mean is None else decay * mean + (1 - decay) * batch
