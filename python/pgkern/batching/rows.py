"""Rows of a token budget."""

import numpy as np

from .. import _native
from .lengths import Lengths
from .ragged import Ragged


def pack_sequences(lengths: Lengths, max_tokens: int) -> list[list[int]]:
    """Divide sequences into rows of at most `max_tokens` tokens: best fit decreasing, in O(n log n).

    The longest sequence comes first, each goes into the fullest row that still holds it, and among equally full rows
    into the one that has been so for longest. Returns the indices of each row. Every index occurs once; rows come in
    the order they were opened; the indices of a row ascend; the same lengths give the same rows everywhere.

    Raises `ValueError` for a length below 1 or above `max_tokens` (with its index and both numbers).
    """
    return _native.pack_sequences(lengths, max_tokens)


def pack_sequences_flat(lengths: Lengths, max_tokens: int) -> Ragged[np.int64]:
    """`pack_sequences` without a Python number per sequence: row r is `rows[r]`, an int64 array of indices.

    For millions of sequences: the list of lists takes longer than the packing. Raises what `pack_sequences` raises.
    """
    return Ragged(*_native.pack_sequences_flat(lengths, max_tokens))
