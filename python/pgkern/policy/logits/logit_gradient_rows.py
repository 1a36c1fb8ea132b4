"""From coefficients of log-probabilities and entropies to the gradient of rows of logits: one read, one write.

Names: N rows, T rows of one block, A rows with a coefficient, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..backend import use_triton
from ..taken import taken, taken_temperature
from .logit_rows import gradient_rows, row_blocks, row_views, straight
from .room import Room
from .row_exponentials import RowStatistics


@dataclass(frozen=True, slots=True)
class GradientRows:
    """What the gradient of every row depends on, beside its logits; see the operator `logit_gradient`."""

    token_ids_N: Tensor
    temperature_N: Tensor
    softcap: float | None
    vocab_size: int
    log_probs_N: Tensor
    entropy_N: Tensor
    largest_N: Tensor
    log_sums_N: Tensor
    coefficients_N: Tensor
    entropy_coefficients_N: Tensor | None

    def write(self, logits: Tensor, out: Tensor) -> None:
        """Write the gradient into `out`: the logits, or a contiguous tensor of their shape."""
        # A token that is none of the vocabulary has a log-probability of NaN: its row says so, if it is wanted at all.
        outside_N = self.log_probs_N.isnan() & (self.coefficients_N != 0)
        coefficients_N = self.coefficients_N.masked_fill(outside_N, torch.nan)
        if use_triton(logits, self.log_probs_N.dtype):
            self._by_triton(logits, out, coefficients_N)
        else:
            self._by_torch(logits, out, coefficients_N)

    def _by_torch(self, logits: Tensor, out: Tensor, coefficients_N: Tensor) -> None:
        active_N = coefficients_N != 0
        if self.entropy_coefficients_N is not None:
            active_N |= self.entropy_coefficients_N != 0
        room = Room(self.log_probs_N.dtype)
        for rows, block_TV in row_blocks(logits):
            out_TV = gradient_rows(out, logits, rows, block_TV)
            active_A = active_N[rows].nonzero()[:, 0]
            if active_A.shape[0] == block_TV.shape[0]:
                work_TV = room.copy_of(block_TV[:, : self.vocab_size])
                out_TV[:, : self.vocab_size] = self._gradient_of_(work_TV, rows, coefficients_N)
            else:
                work_AV = room.copy_of(block_TV[active_A, : self.vocab_size])
                out_TV.zero_()
                found_AV = self._gradient_of_(work_AV, active_A + rows.start, coefficients_N)
                out_TV[active_A, : self.vocab_size] = found_AV.to(out.dtype)
            out_TV[:, self.vocab_size :] = 0

    def _gradient_of_(self, logits_AV: Tensor, rows_A: Tensor | slice, coefficients_N: Tensor) -> Tensor:
        """Overwrites the rows by their gradient."""
        ids_A, entropy_A = self.token_ids_N[rows_A], self.entropy_N[rows_A]
        c_A, h_A = coefficients_N[rows_A], taken(self.entropy_coefficients_N, rows_A)
        temperature_A = taken_temperature(self.temperature_N, rows_A)
        slopes_AV = None
        if self.softcap is not None:
            logits_AV.div_(self.softcap).tanh_()
            slopes_AV = 1 - logits_AV.square()
            logits_AV.mul_(self.softcap)
        log_p_AV = logits_AV.sub_(self.largest_N[rows_A, None]).div_(temperature_A[:, None])
        log_p_AV.sub_(self.log_sums_N[rows_A, None])
        statistics = RowStatistics(
            self.log_probs_N[rows_A],
            entropy_A,
            self.largest_N[rows_A],
            c_A.new_ones(1).expand(c_A.shape[0]),  # these rows are normalised
            None,
            temperature_A,
        )
        row_scales_A, token_scales_A = statistics.gradient_scales(c_A, h_A)
        if h_A is None:
            rows_AV = log_p_AV.exp_()
        else:
            p_AV = log_p_AV.exp()
            # A logit of -inf has probability 0 and no gradient, but 0 * -inf is NaN.
            log_p_AV.masked_fill_(p_AV == 0, 0.0)
            rows_AV = log_p_AV.add_(entropy_A[:, None]).mul_(h_A[:, None]).add_(c_A[:, None]).mul_(p_AV)
        rows_AV.mul_(row_scales_A[:, None])
        mine_A = ((ids_A >= 0) & (ids_A < self.vocab_size)).nonzero()[:, 0]
        rows_AV[mine_A, ids_A[mine_A]] = token_scales_A[mine_A]
        return rows_AV if slopes_AV is None else rows_AV.mul_(slopes_AV)

    def _by_triton(self, logits: Tensor, out: Tensor, coefficients_N: Tensor) -> None:
        from ...kernels.token_log_probs_backward import token_log_probs_backward

        h_N = None if self.entropy_coefficients_N is None else self.entropy_coefficients_N.contiguous()
        for rows, view_NV in row_views(logits):
            out_NV = gradient_rows(out, logits, rows, view_NV)
            logits_NV, written_NV = straight(view_NV), straight(out_NV)
            token_log_probs_backward(
                logits_NV,
                self.token_ids_N[rows],
                self.entropy_N[rows],
                self.largest_N[rows],
                self.log_sums_N[rows],
                coefficients_N[rows],
                taken(h_N, rows),
                taken_temperature(self.temperature_N, rows),
                self.softcap,
                out=written_NV,
                vocabulary=self.vocab_size,
            )
            if written_NV is not out_NV:
                out_NV.copy_(written_NV)
