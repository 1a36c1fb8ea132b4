"""Logits of any leading shape as rows, without a copy.

Names: N rows in all, V columns.
"""

from collections.abc import Iterator

from torch import Tensor

# The CPU converts and visits logits a block of rows at a time: this many numbers.
_BLOCK_NUMBERS = 1 << 20


def row_views(logits: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Row numbers, and `[rows, V]` views of `[..., V]`: one, or one per leading index where rows do not lie at even
    distances (as in `logits[:, :-1]`)."""
    if logits.numel() == 0:
        return
    try:
        view_NV = logits.view(-1, logits.shape[-1])
    except RuntimeError:  # torch's way to say that a view cannot do it
        rows_each = logits[0].numel() // logits.shape[-1]
        for index in range(logits.shape[0]):
            for rows, inner_NV in row_views(logits[index]):
                yield slice(index * rows_each + rows.start, index * rows_each + rows.stop), inner_NV
        return
    yield slice(0, view_NV.shape[0]), view_NV


def row_blocks(logits: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The same, a block at a time."""
    for rows, view_NV in row_views(logits):
        length = max(1, _BLOCK_NUMBERS // max(1, view_NV.shape[1]))
        for start in range(0, view_NV.shape[0], length):
            block_TV = view_NV[start : start + length]
            yield slice(rows.start + start, rows.start + start + block_TV.shape[0]), block_TV


def gradient_rows(out: Tensor, logits: Tensor, rows: slice, view_TV: Tensor) -> Tensor:
    """Where the gradient of these rows goes: over them, or into a contiguous tensor."""
    return view_TV if out is logits else out.view(-1, out.shape[-1])[rows]


def straight(rows_NV: Tensor) -> Tensor:
    """A row's numbers side by side, as the kernels read them: the same tensor, or a copy."""
    return rows_NV if rows_NV.stride(1) == 1 or rows_NV.shape[1] == 1 else rows_NV.contiguous()
