"""Equal shares of work."""

from .. import _native
from .lengths import Lengths


def balance(
    lengths: Lengths, num_parts: int, *, attention_crossover: int | None = None, equal_size: bool = False
) -> list[list[int]]:
    """Divide sequences into `num_parts` parts of nearly equal work.

    The work of n tokens is n, or n + n² / `attention_crossover`: the length, in tokens, at which attention costs as
    much as all the rest (`pgkern.attention_crossover` computes it; for a 1.5 B model about 36,000). Sums are exact.

    By largest differencing (Karmarkar & Karp 1982), above 1,024 parts by giving the heaviest sequence to the lightest
    part, and then by swaps of two sequences until parts are within 0.01 % of their mean or no swap helps.

    Guaranteed: parts differ by at most the work of the heaviest sequence, so they are within 1 % of each other
    wherever that is at most 1 % of a part; a sequence heavier than a part's share makes one part heavier, and no
    division could change that. Usual: with log-normal lengths and 50 sequences a part, the busiest part works less than
    0.01 % more than its share. `pgkern.imbalance` says how much it is.

    Args:
        lengths: tokens of each sequence, at least 1.
        num_parts: at least 1.
        attention_crossover: in tokens, at least 1; None where only tokens count.
        equal_size: whether all parts have the same number of sequences, or one fewer where it does not divide. Both
            of the above hold as well.

    Returns the indices of each part, heaviest part first. Every index occurs once; the indices of a part ascend; a part
    is empty only when there are fewer sequences than parts; the same numbers give the same parts everywhere.

    Raises `ValueError` for a length or a crossover below 1, lengths that sum to 2^63 or more, and for `num_parts` below
    1 or above both 2^20 and the number of sequences.
    """
    return _native.balance(lengths, num_parts, attention_crossover, equal_size)
