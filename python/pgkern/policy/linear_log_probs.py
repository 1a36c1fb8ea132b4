"""Log-probabilities of tokens from hidden states and the head's weight, a chunk of logits at a time.

Names: N tokens, D hidden size, V vocabulary, B padded rows of L tokens.
"""

from typing import Any, Literal, overload

import torch
from torch import Tensor

from .first_derivative_only import first_derivative_only
from .linear.linear_gradients import Needs
from .linear.linear_head import LinearHead, linear_head
from .linear.linear_pass import gradient_pass, log_probs_pass


@overload
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: Literal[False] = False,
) -> Tensor: ...
@overload
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: Literal[True],
) -> tuple[Tensor, Tensor]: ...
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    *,
    bias: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Equal to

        logits = hidden @ weight.T + bias               (with a softcap, softcap * (logits / softcap).tanh())
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
    Returns:
        fp32 (fp64 from fp64) in hidden's leading shape, in nats; both results are differentiable, once.
    Raises:
        ValueError: shapes, dtypes or values that do not fit, with the numbers. A token id outside the vocabulary is
            one on the CPU; on a GPU, which is not waited for, it makes that token's result NaN.
    Source: the primer's eq. 3.
    """
    head = linear_head(hidden, weight, token_ids, bias, temperature, softcap)
    log_probs_N, entropy_N = differentiable_log_probs(head, None, with_entropy=return_entropy)
    log_probs = log_probs_N.reshape(token_ids.shape)
    return (log_probs, entropy_N.reshape(token_ids.shape)) if return_entropy else log_probs


def differentiable_log_probs(
    head: LinearHead, chunk_tokens: int | None, *, with_entropy: bool = True
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies `[N]`; the entropies are empty unless asked for."""
    results: tuple[Tensor, Tensor] = _LinearTokenLogProbs.apply(  # type: ignore[no-untyped-call]
        head.hidden_TD,
        head.weight_VD,
        head.bias_V,
        head.token_ids_T,
        head.temperature_T,
        head.softcap,
        with_entropy,
        chunk_tokens,
    )
    return results


class _LinearTokenLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        token_ids_N: Tensor,
        temperature_N: Tensor,
        softcap: float | None,
        with_entropy: bool,
        chunk_tokens: int | None,
    ) -> tuple[Tensor, Tensor]:
        head = LinearHead(hidden_ND, weight_VD, bias_V, token_ids_N, temperature_N, softcap)
        found = log_probs_pass(head, _all_rows(head), with_entropy=with_entropy, chunk_tokens=chunk_tokens)
        ctx.save_for_backward(hidden_ND, weight_VD, bias_V, token_ids_N, temperature_N)
        ctx.softcap, ctx.chunk_tokens = softcap, chunk_tokens
        ctx.set_materialize_grads(False)
        if found.entropy_N is None:
            no_entropy = found.log_probs_N.new_empty(0)
            ctx.mark_non_differentiable(no_entropy)
            return found.log_probs_N, no_entropy
        return found.log_probs_N, found.entropy_N

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_log_probs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden_ND, weight_VD, bias_V, token_ids_N, temperature_N = ctx.saved_tensors
        head = LinearHead(hidden_ND, weight_VD, bias_V, token_ids_N, temperature_N, ctx.softcap)
        needs = Needs(*ctx.needs_input_grad[:3])
        if grad_log_probs_N is None:
            if grad_entropy_N is None:
                return (None,) * 8
            grad_log_probs_N = torch.zeros_like(grad_entropy_N)
        gradients = gradient_pass(
            head, _all_rows(head), grad_log_probs_N, grad_entropy_N, needs, chunk_tokens=ctx.chunk_tokens
        )
        return *gradients.scaled_(grad_log_probs_N.new_ones(()), head), *(None,) * 5


def _all_rows(head: LinearHead) -> Tensor:
    return torch.arange(head.hidden_TD.shape[0], device=head.hidden_TD.device)
