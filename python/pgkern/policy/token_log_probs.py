"""Log-probabilities of tokens from logits that exist already.

Names: B padded rows of L tokens, N tokens in all, T tokens of one block, V vocabulary.
"""

from collections.abc import Iterator
from typing import Any, Literal, overload

import torch
from torch import Tensor

from ..require_instance import require_instance
from .backend import use_triton
from .first_derivative_only import first_derivative_only
from .linear_head import check_temperature, checked_token_ids
from .row_exponentials import exponentiate_rows_

# Logits are converted and visited a block of rows at a time: this many numbers.
_BLOCK_NUMBERS = 1 << 20


@overload
def token_log_probs(
    logits: Tensor, token_ids: Tensor, *, temperature: float = 1.0, return_entropy: Literal[False] = False
) -> Tensor: ...
@overload
def token_log_probs(
    logits: Tensor, token_ids: Tensor, *, temperature: float = 1.0, return_entropy: Literal[True]
) -> tuple[Tensor, Tensor]: ...
def token_log_probs(
    logits: Tensor, token_ids: Tensor, *, temperature: float = 1.0, return_entropy: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Equal to

        log_p = (logits / temperature).log_softmax(-1)
        log_p.gather(-1, token_ids[..., None])[..., 0], and with return_entropy -(log_p.exp() * log_p).sum(-1)

    without another array of the logits' size forward, and with one (the gradient) backward.

    Args:
        logits: `[..., V]`, floating point; -inf marks a token that cannot be sampled.
        token_ids: logits' leading shape, int64 or int32.
        temperature: what the logits are divided by, a number above 0.
    Returns:
        fp32 (fp64 from fp64) in the leading shape, in nats; both results are differentiable, once.
    Raises:
        ValueError: shapes, dtypes or values that do not fit, with the numbers. A token id outside the vocabulary is
            one on the CPU; on a GPU, which is not waited for, it makes that token's result NaN.
    Source: the primer's eq. 3.
    """
    require_instance("logits", logits, Tensor)
    require_instance("token_ids", token_ids, Tensor)
    if logits.dim() == 0 or not logits.is_floating_point():
        raise ValueError(f"logits must be floating point of shape [..., V], got {logits.dtype} {list(logits.shape)}")
    if token_ids.shape != logits.shape[:-1]:
        raise ValueError(f"token_ids has shape {list(token_ids.shape)}, expected logits' {list(logits.shape[:-1])}")
    check_temperature(temperature)
    token_ids_N = checked_token_ids(token_ids, logits.shape[-1])
    log_probs_N, entropy_N = _TokenLogProbs.apply(  # type: ignore[no-untyped-call]
        logits.flatten(0, -2) if logits.dim() > 1 else logits[None], token_ids_N, float(temperature), return_entropy
    )
    log_probs: Tensor = log_probs_N.reshape(token_ids.shape)
    return (log_probs, entropy_N.reshape(token_ids.shape)) if return_entropy else log_probs


class _TokenLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits_NV: Tensor, token_ids_N: Tensor, temperature: float, with_entropy: bool
    ) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(logits_NV.dtype, torch.float32)
        ctx.temperature, ctx.row_numbers = temperature, None
        ctx.set_materialize_grads(False)
        if use_triton(logits_NV, dtype):
            from pgkern.kernels.token_log_probs_forward import token_log_probs_forward

            logits_NV = logits_NV if logits_NV.stride(1) == 1 else logits_NV.contiguous()
            log_probs_N, entropy_N, *ctx.row_numbers = token_log_probs_forward(logits_NV, token_ids_N, temperature)
            ctx.save_for_backward(logits_NV, token_ids_N, entropy_N)
            if not with_entropy:
                ctx.mark_non_differentiable(entropy_N)
            return log_probs_N, entropy_N
        log_probs_N = torch.empty(logits_NV.shape[0], dtype=dtype, device=logits_NV.device)
        entropy_N = torch.empty_like(log_probs_N) if with_entropy else log_probs_N.new_empty(0)
        for rows in _blocks(logits_NV):
            block_TV = logits_NV[rows].to(dtype, copy=True)
            found = exponentiate_rows_(block_TV, token_ids_N[rows], temperature, with_entropy=with_entropy)
            log_probs_N[rows] = found.log_probs_T
            if found.entropy_T is not None:
                entropy_N[rows] = found.entropy_T
        ctx.save_for_backward(logits_NV, token_ids_N, entropy_N)
        if not with_entropy:
            ctx.mark_non_differentiable(entropy_N)
        return log_probs_N, entropy_N

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_log_probs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor | None, ...]:
        logits_NV, token_ids_N, entropy_N = ctx.saved_tensors
        if grad_log_probs_N is None:
            if grad_entropy_N is None:
                return None, None, None, None
            grad_log_probs_N = torch.zeros_like(grad_entropy_N)
        grad_logits_NV = torch.empty_like(logits_NV)
        if ctx.row_numbers is not None:
            from pgkern.kernels.token_log_probs_backward import token_log_probs_backward

            largest_N, log_sums_N = ctx.row_numbers
            c_N = grad_log_probs_N.contiguous()
            h_N = None if grad_entropy_N is None else grad_entropy_N.contiguous()
            token_log_probs_backward(
                logits_NV,
                token_ids_N,
                entropy_N,
                largest_N,
                log_sums_N,
                c_N,
                h_N,
                ctx.temperature,
                out=grad_logits_NV,
            )
            return grad_logits_NV, None, None, None
        for rows in _blocks(logits_NV):
            block_TV = logits_NV[rows].to(grad_log_probs_N.dtype, copy=True)
            ids_T, c_T = token_ids_N[rows], grad_log_probs_N[rows]
            h_T = None if grad_entropy_N is None else grad_entropy_N[rows]
            found = exponentiate_rows_(
                block_TV,
                ids_T,
                ctx.temperature,
                with_entropy=h_T is not None,
                coefficients_T=c_T,
                entropy_coefficients_T=h_T,
            )
            row_scales_T, token_scales_T = found.gradient_scales(c_T, h_T, ctx.temperature)
            block_TV.mul_(row_scales_T[:, None]).scatter_(1, ids_T[:, None], token_scales_T[:, None])
            grad_logits_NV[rows] = block_TV
        return grad_logits_NV, None, None, None


def _blocks(logits_NV: Tensor) -> Iterator[slice]:
    rows = max(1, _BLOCK_NUMBERS // max(1, logits_NV.shape[1]))
    for start in range(0, logits_NV.shape[0], rows):
        yield slice(start, start + rows)
