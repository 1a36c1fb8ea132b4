"""Rows for several ranks that step together."""

from .. import _native
from .lengths import Lengths


def pack_balanced(
    lengths: Lengths, max_tokens: int, num_ranks: int, *, attention_crossover: int | None = None
) -> list[list[list[int]]]:
    """Divide sequences among ranks with equal work, and each rank's into rows of at most `max_tokens` tokens.

    Every rank has the same number of rows, so that ranks which step together (gradient accumulation under data
    parallelism) neither wait nor hang. Nothing is dropped or repeated when a batch does not divide:

    1. `balance` gives each rank its sequences, with its guarantee;
    2. each rank's are packed; the rank that needs the most rows says how many all have, R;
    3. each rank's are spread over R rows of equal work where that fits the budget; where it does not, its packed rows
       are halved, the heaviest first, until they are R.

    A row is empty only where its rank has fewer sequences than R: such a rank takes part in the step without tokens.

    Returns the rows of each rank, as lists of indices; rows come heaviest first, so that the i-th rows of all ranks are
    alike.

    Raises `ValueError` for what `pack_sequences` and `balance` refuse.
    """
    return _native.pack_balanced(lengths, max_tokens, num_ranks, attention_crossover)
