"""Gradients of hidden states, weight, bias and adapter, added up chunk by chunk.

Names: T tokens of one chunk, N tokens in all, D hidden size, V vocabulary, K the adapter's rank.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..logits.vocabulary_parallel import VocabularySlice, sum_over_ranks_
from .linear_head import LinearHead
from .linear_products import add_to_weight, back_to_hidden
from .low_rank import LowRank


@dataclass(frozen=True, slots=True)
class Needs:
    """Which inputs want a gradient."""

    hidden: bool
    weight: bool
    bias: bool
    down: bool
    up: bool

    @property
    def any(self) -> bool:
        """Whether one of them does."""
        return self.hidden or self.weight or self.bias or self.down or self.up


def handed_over_dtype(dtype: torch.dtype) -> torch.dtype:
    """Of the gradient of an input: its own, but fp32 for fp16, until the loss scale has multiplied it."""
    return torch.float32 if dtype == torch.float16 else dtype


@dataclass(slots=True)
class GradientSums:
    """None where no gradient is wanted. What many chunks add to is fp32 (or fp64); what is written once is not."""

    hidden_ND: Tensor | None
    weight_VD: Tensor | None
    bias_V: Tensor | None
    down_KD: Tensor | None
    up_VK: Tensor | None
    _weight_is_unset: bool = True  # the first product overwrites it: that many zeros take time to write and to read

    @classmethod
    def of(cls, head: LinearHead, needs: Needs, chunks: int, *, sums_over_ranks: bool = False) -> "GradientSums":
        """Nothing added yet; `chunks` will be."""
        hidden_TD, weight_VD, device = head.hidden_TD, head.weight_VD, head.weight_VD.device
        wide = head.compute_dtype
        of_hidden = wide if sums_over_ranks else handed_over_dtype(hidden_TD.dtype)
        of_weight = wide if chunks > 1 else handed_over_dtype(weight_VD.dtype)
        return cls(
            torch.zeros(hidden_TD.shape, dtype=of_hidden, device=device) if needs.hidden else None,
            torch.empty(weight_VD.shape, dtype=of_weight, device=device) if needs.weight else None,
            torch.zeros(weight_VD.shape[0], dtype=wide, device=device) if needs.bias else None,
            head.down_KD.new_zeros(head.down_KD.shape) if needs.down and head.down_KD is not None else None,
            head.up_VK.new_zeros(head.up_VK.shape) if needs.up and head.up_VK is not None else None,
        )

    def add(self, head: LinearHead, rows_T: Tensor, hidden_TD: Tensor, grad_logits_TV: Tensor) -> None:
        """Add the gradients of these logit gradients. No row may come twice."""
        grad_hidden_TD, low_rank = None, LowRank.of(head, hidden_TD)
        if self.hidden_ND is not None:
            dtype = self.hidden_ND.dtype if low_rank is None else head.compute_dtype
            grad_hidden_TD = back_to_hidden(grad_logits_TV, head.weight_VD, dtype, like=hidden_TD)
        if low_rank is not None:
            low_rank.collect(grad_logits_TV, self.up_VK)
            low_rank.hand_on(hidden_TD, grad_hidden_TD, self.down_KD)
        if self.hidden_ND is not None and grad_hidden_TD is not None:
            self.hidden_ND[rows_T] = grad_hidden_TD.to(self.hidden_ND.dtype)
        if self.weight_VD is not None:
            add_to_weight(self.weight_VD, grad_logits_TV, hidden_TD, overwrite=self._weight_is_unset)
            self._weight_is_unset = False
        if self.bias_V is not None:
            self.bias_V += grad_logits_TV.sum(0, dtype=self.bias_V.dtype)

    def weight_is_set(self) -> None:
        """Every row of the weight's gradient was written, by whom it belonged to."""
        self._weight_is_unset = False

    def sum_over_ranks(self, part: VocabularySlice | None) -> None:
        """Where each rank has a slice of the vocabulary: of what all of them added to."""
        if part is not None:
            for tensor in (self.hidden_ND, self.down_KD):
                if tensor is not None:
                    sum_over_ranks_(tensor, part)

    def handed_over(self, head: LinearHead) -> tuple[Tensor | None, ...]:
        """In the dtypes they are handed over in, and no longer kept here."""
        if self.weight_VD is not None and self._weight_is_unset:
            self.weight_VD.zero_()
        found = self.hidden_ND, self.weight_VD, self.bias_V, self.down_KD, self.up_VK
        self.hidden_ND = self.weight_VD = self.bias_V = self.down_KD = self.up_VK = None
        return tuple(
            None if grad is None or like is None else grad.to(handed_over_dtype(like.dtype))
            for grad, like in zip(found, head.inputs, strict=True)
        )
