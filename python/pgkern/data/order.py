"""Which problems a step sees: a function of (seed, step), so that resuming neither repeats nor skips any."""

from functools import lru_cache

import numpy as np


def batch_indices(step: int, *, batch_size: int, num_problems: int, seed: int) -> list[int]:
    """The problems of a step (counted from 0): epoch after epoch, each a permutation of its own.

    Every problem is seen exactly once an epoch, also where the batch size does not divide their number.
    """
    first = step * batch_size
    return [_permuted(position, num_problems, seed) for position in range(first, first + batch_size)]


def _permuted(position: int, num_problems: int, seed: int) -> int:
    epoch, place = divmod(position, num_problems)
    return int(_permutation(num_problems, seed, epoch)[place])


@lru_cache(maxsize=2)  # a batch touches at most two epochs, unless the data set is smaller than a batch
def _permutation(num_problems: int, seed: int, epoch: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.random.default_rng([seed, epoch]).permutation(num_problems)
