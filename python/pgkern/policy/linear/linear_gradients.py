"""Gradients of hidden states, weight and bias, added up chunk by chunk.

Names: T tokens of one chunk, N tokens in all, D hidden size, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .linear_head import LinearHead
from .linear_products import add_to_weight, back_to_hidden


@dataclass(frozen=True, slots=True)
class Needs:
    """Which inputs want a gradient."""

    hidden: bool
    weight: bool
    bias: bool

    @property
    def any(self) -> bool:
        """Whether one of them does."""
        return self.hidden or self.weight or self.bias


@dataclass(slots=True)
class LinearGradients:
    """Sums in fp32 (or fp64), None where no gradient is wanted."""

    hidden_ND: Tensor | None
    weight_VD: Tensor | None
    bias_V: Tensor | None
    weight_is_unset: bool = True  # the first product overwrites it: that many zeros take time to write and to read

    @classmethod
    def zeros(cls, head: LinearHead, needs: Needs) -> "LinearGradients":
        """Nothing added yet."""

        def zeros_like(tensor: Tensor | None) -> Tensor:
            assert tensor is not None
            return torch.zeros(tensor.shape, dtype=head.compute_dtype, device=tensor.device)

        return cls(
            zeros_like(head.hidden_TD) if needs.hidden else None,
            torch.empty(head.weight_VD.shape, dtype=head.compute_dtype, device=head.weight_VD.device)
            if needs.weight
            else None,
            zeros_like(head.bias_V) if needs.bias else None,
        )

    def add_exponentials(
        self,
        head: LinearHead,
        rows_T: Tensor,
        hidden_TD: Tensor,
        exponentials_TV: Tensor,
        row_scales_T: Tensor,
        token_scales_T: Tensor,
    ) -> None:
        """Add the gradients of logit gradients `row_scales * exponentials`, but `token_scales` in the token's column.

        The scales are applied to the D-sized side of each product and the token's column is added by itself, so the
        V-sized rows need neither a division by their sum nor a subtraction that cancels where p is close to 1.
        Overwrites the token's column of `exponentials`.
        """
        ids_T = head.token_ids_T[rows_T]
        exponentials_TV.scatter_(1, ids_T[:, None], 0.0)
        if self.hidden_ND is not None:
            grad_TD = back_to_hidden(exponentials_TV, head.weight_VD, head.compute_dtype).mul_(row_scales_T[:, None])
            grad_TD.addcmul_(head.weight_VD[ids_T].to(head.compute_dtype), token_scales_T[:, None])
            self.hidden_ND[rows_T] = grad_TD
        if self.weight_VD is not None:
            hidden_TD = hidden_TD.to(head.compute_dtype)
            self._add_to_weight(exponentials_TV, hidden_TD * row_scales_T[:, None])
            self.weight_VD.index_add_(0, ids_T, hidden_TD * token_scales_T[:, None])
        if self.bias_V is not None:
            self.bias_V.addmv_(exponentials_TV.t(), row_scales_T)
            self.bias_V.index_add_(0, ids_T, token_scales_T)

    def add_rows(self, head: LinearHead, rows_T: Tensor, hidden_TD: Tensor, grad_logits_TV: Tensor) -> None:
        """Add the gradients of these logit gradients."""
        if self.hidden_ND is not None:
            self.hidden_ND[rows_T] = back_to_hidden(grad_logits_TV, head.weight_VD, head.compute_dtype)
        if self.weight_VD is not None:
            self._add_to_weight(grad_logits_TV, hidden_TD)
        if self.bias_V is not None:
            self.bias_V.add_(grad_logits_TV.sum(0, dtype=self.bias_V.dtype))

    def _add_to_weight(self, grad_logits_TV: Tensor, hidden_TD: Tensor) -> None:
        assert self.weight_VD is not None
        add_to_weight(self.weight_VD, grad_logits_TV, hidden_TD, overwrite=self.weight_is_unset)
        self.weight_is_unset = False

    def scaled_(self, scale: Tensor, head: LinearHead) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Multiply in place (on the device: nothing waits) and hand over in the inputs' dtypes."""

        if self.weight_VD is not None and self.weight_is_unset:
            self.weight_VD.zero_()

        def hand_over(grad: Tensor | None, like: Tensor | None) -> Tensor | None:
            if grad is None:
                return None
            assert like is not None
            return grad.mul_(scale).to(like.dtype)

        return (
            hand_over(self.hidden_ND, head.hidden_TD),
            hand_over(self.weight_VD, head.weight_VD),
            hand_over(self.bias_V, head.bias_V),
        )


@dataclass(frozen=True, slots=True)
class LinearPass:
    """What one pass found; 0 in rows that were left out."""

    log_probs_N: Tensor
    entropy_N: Tensor | None
    coefficients_N: Tensor | None
    gradients: LinearGradients | None
