"""From rows of logits to the losses of their tokens and the losses' gradient: one visit to every row.

For objectives whose tokens stand alone. Names: N rows, T rows of one block, A rows that are kept, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..backend import use_triton
from ..taken import taken, taken_temperature
from ..terms.policy_terms import PolicyTerms
from .logit_rows import gradient_rows, row_blocks, row_views, straight
from .room import Room
from .row_exponentials import exponentiate_rows_


@dataclass(frozen=True, slots=True)
class LossRows:
    """What the loss of every row depends on, beside its logits; see the operator `logit_losses`."""

    token_ids_N: Tensor
    temperature_N: Tensor
    softcap: float | None
    vocab_size: int
    terms: PolicyTerms

    def visit(self, logits: Tensor, out: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Losses, log-probabilities, entropies and coefficients. The gradient goes into `out`: the logits, a contiguous
        tensor of their shape, or nothing."""
        losses_N, log_probs_N, entropy_N, coefficients_N = (torch.empty_like(self.terms.weights_N) for _ in range(4))
        results = (losses_N, log_probs_N, entropy_N, coefficients_N)
        if self.vocab_size == 0:
            for result in results:
                result.zero_().masked_fill_(self.terms.weights_N != 0, torch.nan)
            if out is not None:
                out.zero_()
        elif use_triton(logits, losses_N.dtype):
            self._by_triton(logits, out, results)
        else:
            self._by_torch(logits, out, results)
        return results

    def _by_torch(self, logits: Tensor, out: Tensor | None, results: tuple[Tensor, ...]) -> None:
        for result in results:
            result.zero_()
        dtype = results[0].dtype
        room, scratch = Room(dtype), Room(dtype)
        for rows, block_TV in row_blocks(logits):
            kept_A = (self.terms.weights_N[rows] != 0).nonzero()[:, 0]
            whole = kept_A.shape[0] == block_TV.shape[0]
            kept_AV = (block_TV if whole else block_TV[kept_A])[:, : self.vocab_size]
            out_TV = None if out is None else gradient_rows(out, logits, rows, block_TV)
            if whole and out_TV is not None and out_TV.dtype == dtype:
                work_AV = out_TV[:, : self.vocab_size]  # the gradient is made where it will stand
                if out is not logits:
                    work_AV.copy_(kept_AV)
            else:
                work_AV = room.copy_of(kept_AV)
            rows_A = rows if whole else kept_A + rows.start
            found_A = self._rows_(work_AV, rows_A, with_gradient=out is not None, scratch=scratch)
            for result, values_A in zip(results, found_A, strict=True):
                result[rows_A] = values_A
            if out_TV is None:
                continue
            if not whole:
                out_TV.zero_()
                out_TV[kept_A, : self.vocab_size] = work_AV.to(out_TV.dtype)
            elif out_TV.dtype != dtype:
                out_TV[:, : self.vocab_size] = work_AV
            out_TV[:, self.vocab_size :] = 0

    def _rows_(
        self, logits_AV: Tensor, rows_A: Tensor | slice, *, with_gradient: bool, scratch: Room
    ) -> tuple[Tensor, ...]:
        """Of these rows; they become their gradient."""
        terms_A = self.terms.at(rows_A)
        ids_A = self.token_ids_N[rows_A]
        inside_A = (ids_A >= 0) & (ids_A < self.vocab_size)
        ids_A = ids_A.where(inside_A, 0)
        h_A = terms_A.entropy_coefficients()
        found = exponentiate_rows_(
            logits_AV,
            ids_A,
            taken_temperature(self.temperature_N, rows_A),
            self.softcap,
            with_entropy=True,
            with_gradient=with_gradient,
            coefficients=terms_A.coefficients_at,
            entropy_coefficients_T=h_A,
            room=scratch,
        )
        assert found.entropy_T is not None
        log_probs_A = found.log_probs_T.where(inside_A, torch.nan)
        losses_A = terms_A.with_entropy_bonus(terms_A.losses(log_probs_A), found.entropy_T)
        c_A = terms_A.coefficients(log_probs_A).where(inside_A, torch.nan)
        if with_gradient:
            row_scales_A, token_scales_A = found.gradient_scales(c_A, h_A)
            row_scales_A = row_scales_A.where(inside_A, torch.nan)
            logits_AV.mul_(row_scales_A[:, None]).scatter_(1, ids_A[:, None], token_scales_A[:, None])
        return losses_A, log_probs_A, found.entropy_T, c_A

    def _by_triton(self, logits: Tensor, out: Tensor | None, results: tuple[Tensor, ...]) -> None:
        from ...kernels.policy_loss_rows import policy_loss_rows
        from ..terms.triton_objective import triton_objective

        objective = triton_objective(self.terms.objective)
        for rows, view_NV in row_views(logits):
            out_NV = None if out is None else gradient_rows(out, logits, rows, view_NV)
            written_NV = None if out_NV is None else straight(out_NV)
            found = policy_loss_rows(
                straight(view_NV),
                self.token_ids_N[rows],
                self.terms.advantages_N[rows],
                self.terms.weights_N[rows],
                taken(self.terms.old_log_probs_N, rows),
                taken(self.terms.ref_log_probs_N, rows),
                taken(self.terms.rollout_log_probs_N, rows),
                objective,
                taken_temperature(self.temperature_N, rows),
                self.softcap,
                out=written_NV,
                vocabulary=self.vocab_size,
            )
            if out_NV is not None and written_NV is not None and written_NV is not out_NV:
                out_NV.copy_(written_NV)
            for result, values in zip(results, found, strict=True):
                result[rows] = values
