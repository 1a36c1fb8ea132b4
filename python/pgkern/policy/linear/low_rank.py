"""A low-rank adapter's part of the logits, `hidden @ down.T @ up.T`, and the gradients of what it is made of.

All of it is in the dtype of the logits' sums: the products are thin, and rounding would save nothing.
Names: T rows, D hidden size, V vocabulary, K the adapter's rank.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .linear_head import LinearHead

_SLAB_NUMBERS = 1 << 23  # of hidden states, and of gradients of logits, that are converted at a time
_ALL = slice(None)


@dataclass(frozen=True, slots=True)
class LowRank:
    """Of some rows. What flows back to `low` is collected from all of the vocabulary, then handed on."""

    down_KD: Tensor
    up_VK: Tensor
    low_TK: Tensor
    grad_low_TK: Tensor

    @classmethod
    def of(cls, head: LinearHead, hidden_TD: Tensor) -> "LowRank | None":
        """`low = hidden @ down.T`; None where the head has no adapter."""
        if head.down_KD is None or head.up_VK is None:
            return None
        low_TK = head.up_VK.new_zeros(hidden_TD.shape[0], head.up_VK.shape[1])
        for columns in _slabs(hidden_TD, low_TK.dtype):
            low_TK.addmm_(hidden_TD[:, columns].to(low_TK.dtype), head.down_KD[:, columns].t())
        return cls(head.down_KD, head.up_VK, low_TK, torch.zeros_like(low_TK))

    def factors(self, block: slice = _ALL) -> tuple[Tensor, Tensor]:
        """`low`, and the rows of `up` that belong to this block of the vocabulary."""
        return self.low_TK, self.up_VK[block]

    def collect(self, grad_logits_TV: Tensor, sum_VK: Tensor | None, block: slice = _ALL) -> None:
        """From the gradient of this block's logits; `up`'s part of it is added to the block's rows of `sum`."""
        up_VK, sum_VK = self.up_VK[block], None if sum_VK is None else sum_VK[block]
        for columns in _slabs(grad_logits_TV, up_VK.dtype):
            grad_TV = grad_logits_TV[:, columns].to(up_VK.dtype)
            self.grad_low_TK.addmm_(grad_TV, up_VK[columns])
            if sum_VK is not None:
                sum_VK[columns].addmm_(grad_TV.t(), self.low_TK)

    def hand_on(self, hidden_TD: Tensor, grad_hidden_TD: Tensor | None, sum_KD: Tensor | None) -> None:
        """Add what was collected to the gradient of the hidden states, and `down`'s part of it to `sum`."""
        if grad_hidden_TD is not None:
            grad_hidden_TD.addmm_(self.grad_low_TK, self.down_KD)
        if sum_KD is not None:
            for columns in _slabs(hidden_TD, sum_KD.dtype):
                sum_KD[:, columns].addmm_(self.grad_low_TK.t(), hidden_TD[:, columns].to(sum_KD.dtype))


def _slabs(matrix_TC: Tensor, dtype: torch.dtype) -> Iterator[slice]:
    """Columns: all, unless they have to be converted to `dtype`."""
    rows, columns = matrix_TC.shape
    width = max(1, columns if matrix_TC.dtype == dtype else _SLAB_NUMBERS // max(1, rows))
    for start in range(0, columns, width):
        yield slice(start, start + width)
