"""Logits of any leading shape as rows, without a copy.

Names: N rows in all, V columns.
"""

from collections.abc import Iterator

from torch import Tensor

# The CPU converts and visits logits a block of rows at a time: this many numbers.
_BLOCK_NUMBERS = 1 << 20


def row_views(logits: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The number of the first row, and `[rows, V]` views of `[..., V]`: one, or one per leading index where rows do
    not lie at even distances (as in `logits[:, :-1]`)."""
    columns = logits.shape[-1]
    if logits.numel() == 0:
        return
    try:
        yield 0, logits.view(-1, columns)
        return
    except RuntimeError:  # torch's way to say that a view cannot do it
        rows_each = logits[0].numel() // columns
    for index in range(logits.shape[0]):
        for first, view in row_views(logits[index]):
            yield index * rows_each + first, view


def row_blocks(logits: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Slices of the row numbers, and views of these rows, a block at a time."""
    for first, view in row_views(logits):
        rows = max(1, _BLOCK_NUMBERS // max(1, view.shape[1]))
        for start in range(0, view.shape[0], rows):
            block = view[start : start + rows]
            yield slice(first + start, first + start + block.shape[0]), block
