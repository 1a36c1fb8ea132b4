"""The operator from logits to log-probabilities and entropies: one read of the logits.

Names: N rows, T rows of one block, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from ..backend import use_triton
from ..first_derivative_only import first_derivative_only
from ..taken import taken_temperature
from .logit_gradient import logit_gradient_op
from .logit_rows import row_blocks, row_views, straight
from .room import Room
from .row_exponentials import exponentiate_rows_


def logit_statistics(
    logits: Tensor, token_ids: Tensor, temperature: Tensor, softcap: float | None, vocab_size: int, with_entropy: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the operator does, for passes that no compiler looks into."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    results = [torch.empty(token_ids.shape, dtype=dtype, device=logits.device) for _ in range(4)]
    if vocab_size == 0:
        for result, value in zip(results, (torch.nan, 0.0, -torch.inf, -torch.inf), strict=True):
            result.fill_(value)
    elif use_triton(logits, dtype):
        _by_triton(results, logits, token_ids, temperature, softcap, vocab_size)
    else:
        _by_torch(results, logits, token_ids, temperature, softcap, vocab_size, with_entropy)
    return results[0], results[1], results[2], results[3]


@torch.library.custom_op("pgkern::logit_statistics", mutates_args=())
def logit_statistics_op(
    logits: Tensor, token_ids: Tensor, temperature: Tensor, softcap: float | None, vocab_size: int, with_entropy: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of logits `[..., V]` and token ids `[N]`, all `[N]` in fp32 (fp64 from fp64): log-probabilities, entropies (any
    value unless `with_entropy`), the largest capped logit, and `log(sum(exp((capped - largest) / temperature)))`.

    `temperature` is `[1]` or `[N]`; columns from `vocab_size` on are padding. A token id that is none of the columns
    has log-probability NaN; the other results do not depend on it.
    """
    return logit_statistics(logits, token_ids, temperature, softcap, vocab_size, with_entropy)


@logit_statistics_op.register_fake
def _(logits: Tensor, token_ids: Tensor, *_rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    dtype = torch.promote_types(logits.dtype, torch.float32)
    results = [torch.empty_like(token_ids, dtype=dtype) for _ in range(4)]
    return results[0], results[1], results[2], results[3]


def _by_triton(
    results: list[Tensor],
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
) -> None:
    from ...kernels.token_log_probs_forward import token_log_probs_forward

    for rows, view_NV in row_views(logits):
        found = token_log_probs_forward(
            straight(view_NV), token_ids[rows], taken_temperature(temperature, rows), softcap, vocab_size
        )
        for result, values in zip(results, found, strict=True):
            result[rows] = values


def _by_torch(
    results: list[Tensor],
    logits: Tensor,
    token_ids: Tensor,
    temperature: Tensor,
    softcap: float | None,
    vocab_size: int,
    with_entropy: bool,
) -> None:
    log_probs_N, entropy_N, largest_N, log_sums_N = results
    room, scratch = Room(log_probs_N.dtype), Room(log_probs_N.dtype)
    for rows, block_TV in row_blocks(logits):
        ids_T = token_ids[rows]
        inside_T = (ids_T >= 0) & (ids_T < vocab_size)
        found = exponentiate_rows_(
            room.copy_of(block_TV[:, :vocab_size]),
            ids_T.where(inside_T, 0),
            taken_temperature(temperature, rows),
            softcap,
            with_entropy=with_entropy,
            with_gradient=False,
            room=scratch,
        )
        log_probs_N[rows] = found.log_probs_T.where(inside_T, torch.nan)
        if found.entropy_T is not None:
            entropy_N[rows] = found.entropy_T
        largest_N[rows], log_sums_N[rows] = found.largest_T, found.sums_T.log()


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    logits, token_ids, temperature, ctx.softcap, ctx.vocab_size, with_entropy = inputs
    log_probs, entropy, largest, log_sums = output
    ctx.save_for_backward(logits, token_ids, temperature, log_probs, entropy, largest, log_sums)
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(largest, log_sums, *(() if with_entropy else (entropy,)))


@first_derivative_only
def _backward(
    ctx: Any, grad_log_probs: Tensor | None, grad_entropy: Tensor | None, *_unused: Tensor | None
) -> tuple[Tensor | None, ...]:
    logits, token_ids, temperature, log_probs, *statistics = ctx.saved_tensors
    if grad_log_probs is None:
        if grad_entropy is None:
            return (None,) * 6
        grad_log_probs = torch.zeros_like(log_probs)
    gradient = logit_gradient_op(
        logits,
        token_ids,
        temperature,
        ctx.softcap,
        ctx.vocab_size,
        log_probs,
        *statistics,
        grad_log_probs,
        grad_entropy,
    )
    return gradient, *(None,) * 5


logit_statistics_op.register_autograd(_backward, setup_context=_save)
