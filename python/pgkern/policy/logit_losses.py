"""The operators from logits to the loss of every token and its gradient over the logits, in one visit to every row.

For objectives that do not couple the tokens of a sequence. Names: N rows, T rows of one block, A rows that are kept,
V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from .backend import use_triton
from .first_derivative_only import first_derivative_only
from .logit_rows import row_blocks, row_views
from .logit_statistics import temperatures_of
from .objective import PolicyObjective
from .policy_terms import PolicyTerms
from .row_exponentials import exponentiate_rows_

Results = tuple[Tensor, Tensor, Tensor, Tensor]


@torch.library.custom_op("pgkern::logit_losses", mutates_args=())
def logit_losses_op(
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    advantages: Tensor,
    weights: Tensor,
    old_log_probs: Tensor | None,
    ref_log_probs: Tensor | None,
    rollout_log_probs: Tensor | None,
    objective: str,
    with_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Losses (entropy bonus included), log-probabilities, entropies and coefficients of every token `[N]`, and the
    gradient of the losses' sum over the logits (empty unless `with_gradient`).

    Rows of weight 0 are not read and are 0 in every result. A kept token id outside the vocabulary makes its row NaN.
    """
    gradient = torch.empty(logits.shape if with_gradient else (0,), dtype=logits.dtype, device=logits.device)
    terms = PolicyTerms(
        advantages,
        weights,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        None,
        PolicyObjective.from_key(objective),
    )
    out = gradient if with_gradient else None
    return *_visit(logits, out, token_ids, temperature, softcap, vocab_size, terms), gradient


@logit_losses_op.register_fake
def _(
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    advantages: Tensor,
    *rest: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    with_gradient = rest[-1]
    results = [torch.empty_like(advantages) for _ in range(4)]
    gradient = torch.empty(logits.shape if with_gradient else (0,), dtype=logits.dtype, device=logits.device)
    return results[0], results[1], results[2], results[3], gradient


@torch.library.custom_op("pgkern::logit_losses_", mutates_args=("logits",))
def logit_losses_in_place_op(
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    advantages: Tensor,
    weights: Tensor,
    old_log_probs: Tensor | None,
    ref_log_probs: Tensor | None,
    rollout_log_probs: Tensor | None,
    objective: str,
) -> Results:
    """The same, with the gradient over the logits."""
    terms = PolicyTerms(
        advantages,
        weights,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        None,
        PolicyObjective.from_key(objective),
    )
    return _visit(logits, logits, token_ids, temperature, softcap, vocab_size, terms)


@logit_losses_in_place_op.register_fake
def _(
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    advantages: Tensor,
    *_rest: Any,
) -> Results:
    results = [torch.empty_like(advantages) for _ in range(4)]
    return results[0], results[1], results[2], results[3]


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(output[-1])
    ctx.mark_non_differentiable(*output[1:])


@first_derivative_only
def _backward(ctx: Any, grad_losses: Tensor, *_unused: Tensor | None) -> tuple[Tensor | None, ...]:
    (gradient,) = ctx.saved_tensors
    scales = grad_losses.reshape(*gradient.shape[:-1], 1)
    return (gradient * scales).to(gradient.dtype), *(None,) * 11


logit_losses_op.register_autograd(_backward, setup_context=_save)


def _visit(
    logits: Tensor,
    out: Tensor | None,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    terms: PolicyTerms,
) -> Results:
    dtype = terms.advantages_N.dtype
    results = [torch.empty_like(terms.advantages_N) for _ in range(4)]
    if use_triton(logits, dtype):
        _by_triton(results, logits, out, token_ids, temperature, softcap, vocab_size, terms)
    else:
        _by_torch(results, logits, out, token_ids, temperature, softcap, vocab_size, terms)
    return results[0], results[1], results[2], results[3]


def _by_torch(
    results: list[Tensor],
    logits: Tensor,
    out: Tensor | None,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    terms: PolicyTerms,
) -> None:
    for result in results:
        result.zero_()
    losses_N, log_probs_N, entropy_N, coefficients_N = results
    entropy_coefficients_N = terms.entropy_coefficients()
    for rows, block_TV in row_blocks(logits):
        kept_A = (terms.weights_N[rows] != 0).nonzero()[:, 0]
        rows_A = kept_A + rows.start
        terms_A = terms.at(rows_A)
        ids_A = token_ids[rows_A]
        inside_A = (ids_A >= 0) & (ids_A < vocab_size)
        ids_A = ids_A.where(inside_A, 0)
        h_A = None if entropy_coefficients_N is None else entropy_coefficients_N[rows_A]
        whole = kept_A.shape[0] == block_TV.shape[0]
        work_AV = (block_TV if whole else block_TV[kept_A])[:, :vocab_size].to(losses_N.dtype, copy=True)
        found = exponentiate_rows_(
            work_AV,
            ids_A,
            temperatures_of(temperature, rows_A),
            softcap,
            with_entropy=True,
            with_gradient=out is not None,
            coefficients=terms_A.coefficients_at,
            entropy_coefficients_T=h_A,
        )
        assert found.entropy_T is not None
        log_probs_A = found.log_probs_T.where(inside_A, torch.nan)
        losses_A = terms_A.losses(log_probs_A)
        c_A = terms_A.coefficients(log_probs_A).where(inside_A, torch.nan)
        losses_N[rows_A] = losses_A if h_A is None else losses_A + h_A * found.entropy_T
        log_probs_N[rows_A], entropy_N[rows_A], coefficients_N[rows_A] = log_probs_A, found.entropy_T, c_A
        if out is None:
            continue
        out_TV = block_TV if out is logits else out.view(-1, out.shape[-1])[rows]  # a fresh gradient is contiguous
        row_scales_A, token_scales_A = found.gradient_scales(c_A, h_A)
        row_scales_A = row_scales_A.where(inside_A, torch.nan)
        work_AV.mul_(row_scales_A[:, None]).scatter_(1, ids_A[:, None], token_scales_A[:, None])
        if whole:
            out_TV[:, :vocab_size] = work_AV
        else:
            out_TV.zero_()
            out_TV[kept_A, :vocab_size] = work_AV.to(out.dtype)
        out_TV[:, vocab_size:] = 0


def _by_triton(
    results: list[Tensor],
    logits: Tensor,
    out: Tensor | None,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    terms: PolicyTerms,
) -> None:
    from ..kernels.policy_loss_rows import policy_loss_rows
    from .triton_objective import triton_objective

    objective = triton_objective(terms.objective)
    for first, view_NV in row_views(logits):
        rows = slice(first, first + view_NV.shape[0])
        here = terms.at(rows)
        straight_NV = view_NV if view_NV.stride(1) == 1 else view_NV.contiguous()
        out_NV = None if out is None else view_NV if out is logits else out.view(-1, out.shape[-1])[rows]
        written_NV = straight_NV if out is logits else out_NV
        found = policy_loss_rows(
            straight_NV,
            token_ids[rows],
            here.advantages_N,
            here.weights_N,
            here.old_log_probs_N,
            here.ref_log_probs_N,
            here.rollout_log_probs_N,
            objective,
            temperatures_of(temperature, rows),
            softcap,
            out=written_NV,
            vocabulary=vocab_size,
        )
        if out_NV is not None and written_NV is not None and written_NV.data_ptr() != out_NV.data_ptr():
            out_NV.copy_(written_NV)
        for result, values in zip(results, found, strict=True):
            result[rows] = values
