"""The chance that at least one of k answers is right, from n of which c are."""

from math import comb

__all__ = ["pass_at_k"]


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """`1 - C(n - c, k) / C(n, k)`, unbiased for every k up to n (Chen et al. 2021, arXiv 2107.03374, eq. 1).

    It is the share of the k-element subsets of the n samples that have a right one in them.

    >>> pass_at_k(4, 1, 1), pass_at_k(4, 1, 2)
    (0.25, 0.5)

    Raises `ValueError` unless `0 <= num_right <= num_samples` and `1 <= k <= num_samples`.
    """
    if not 0 <= num_right <= num_samples:
        raise ValueError(f"num_right is {num_right}, expected 0 to num_samples ({num_samples})")
    if not 1 <= k <= num_samples:
        raise ValueError(f"k is {k}, expected 1 to num_samples ({num_samples})")
    return 1.0 - comb(num_samples - num_right, k) / comb(num_samples, k)
