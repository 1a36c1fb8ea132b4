"""Log-probabilities of tokens from hidden states and the head's weight, a chunk of logits at a time.

Names: N tokens, D hidden size, V vocabulary, B padded rows of L tokens.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from torch import Tensor

from .first_derivative_only import first_derivative_only
from .linear.gathered_weight import gathered
from .linear.linear_chunks import checked_chunk_tokens
from .linear.linear_head import INPUTS, LinearHead, linear_head, vocabulary_part
from .linear.linear_operators import (
    gradient_of_rows,
    linear_log_prob_gradients,
    linear_statistics_op,
    statistics_of_rows,
)
from .linear.lora import Lora
from .logits.vocabulary_parallel import VocabularySlice

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


@overload
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    lora: Lora | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: Literal[False] = False,
    chunk_tokens: int | None = None,
    logits_dtype: torch.dtype | None = None,
    process_group: "ProcessGroup | None" = None,
) -> Tensor: ...
@overload
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    lora: Lora | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: Literal[True],
    chunk_tokens: int | None = None,
    logits_dtype: torch.dtype | None = None,
    process_group: "ProcessGroup | None" = None,
) -> tuple[Tensor, Tensor]: ...
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    lora: Lora | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: bool = False,
    chunk_tokens: int | None = None,
    logits_dtype: torch.dtype | None = None,
    process_group: "ProcessGroup | None" = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Equal to

        logits = hidden @ weight.T + scaling * (hidden @ lora_A.T) @ lora_B.T + bias
        logits = softcap * (logits / softcap).tanh()
        log_p = (logits / temperature).log_softmax(-1)
        log_p.gather(-1, token_ids[..., None])[..., 0], and with return_entropy -(log_p.exp() * log_p).sum(-1)

    without holding the logits of all tokens: 1 product of 2 * N * D * V operations forward, 3 backward (the logits are
    computed again), 2 with a frozen hidden or weight. For old and reference log-probabilities call it under
    `torch.no_grad()`. Logits and sums are fp32 also from bf16 inputs (fp64 from fp64).

    Args:
        hidden: `[N, D]` (packed) or `[B, L, D]` (padded), already aligned: `hidden[t]` predicts `token_ids[t]`.
        weight: `[V, D]`.
        token_ids: hidden's leading shape, int64 or int32.
        bias: `[V]`.
        temperature: what the logits are divided by, above 0: a number, or a tensor of one per token.
        softcap: bounds the logits before the division.
        lora, chunk_tokens, logits_dtype, process_group: as in `linear_policy_loss`.
    Returns:
        fp32 (fp64 from fp64) in hidden's leading shape, in nats; both results are differentiable, once.
    Raises:
        ValueError: shapes, dtypes or values that do not fit, with the numbers. A token id outside the vocabulary is
            one on the CPU; on a GPU, where values are not looked at, it makes that token's result NaN.
    Source: the primer's eq. 3.
    """
    chunk_tokens = checked_chunk_tokens(chunk_tokens)
    weight, bias = gathered(weight, process_group), gathered(bias, process_group)
    part = None if process_group is None else vocabulary_part(weight, token_ids, process_group)
    head = linear_head(hidden, weight, token_ids, bias, temperature, softcap, None, part, logits_dtype, lora)
    log_probs_N, entropy_N = differentiable_log_probs(
        head, None, with_entropy=return_entropy, chunk_tokens=chunk_tokens, part=part
    )
    log_probs = log_probs_N.reshape(token_ids.shape)
    return (log_probs, entropy_N.reshape(token_ids.shape)) if return_entropy else log_probs


def differentiable_log_probs(
    head: LinearHead,
    scored_N: Tensor | None,
    *,
    with_entropy: bool,
    chunk_tokens: int | None,
    part: VocabularySlice | None,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies `[N]`, 0 in rows that are not scored; the entropies may be anything unless asked
    for."""
    arguments = (*head.tensors, scored_N, with_entropy, chunk_tokens)
    if torch.compiler.is_compiling() and part is None:
        log_probs_N, entropy_N, *_ = linear_statistics_op(*arguments)
    else:
        log_probs_N, entropy_N = _LinearLogProbs.apply(part, *arguments)  # type: ignore[no-untyped-call]
    return log_probs_N, entropy_N


class _LinearLogProbs(torch.autograd.Function):
    """What the operator does, and of a vocabulary that lies on several ranks: operators take no process group."""

    @staticmethod
    def forward(ctx: Any, part: VocabularySlice | None, *arguments: Any) -> tuple[Tensor, Tensor]:
        *of_head, scored_N, with_entropy, ctx.chunk_tokens = arguments
        *tensors, ctx.softcap, ctx.exact = of_head
        found = statistics_of_rows(*arguments, part=part)
        ctx.save_for_backward(*tensors, scored_N, *found)
        ctx.part = part
        ctx.set_materialize_grads(False)
        if not with_entropy:
            ctx.mark_non_differentiable(found[1])
        return found[0], found[1]

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_log_probs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[1 : 1 + INPUTS]
        gradient = partial(gradient_of_rows, part=ctx.part)
        gradients = linear_log_prob_gradients(ctx, wanted, grad_log_probs_N, grad_entropy_N, gradient)
        return None, *gradients, *(None,) * (len(ctx.needs_input_grad) - 1 - INPUTS)
