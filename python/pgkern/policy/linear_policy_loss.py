"""The policy loss from hidden states and the head's weight, without ever holding the logits of all tokens.

Names: N tokens, D hidden size, V vocabulary, B padded rows of L tokens, r rank of an adapter.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..require_instance import require_instance
from .first_derivative_only import first_derivative_only
from .inputs.policy_batch import policy_batch
from .inputs.token_weights import Count, token_weights
from .linear.gathered_weight import gathered
from .linear.linear_chunks import checked_chunk_tokens
from .linear.linear_head import INPUTS, compute_dtype, linear_head, vocabulary_part
from .linear.linear_operators import linear_losses_op, losses_and_gradients
from .linear.lora import Lora
from .linear_log_probs import differentiable_log_probs
from .logits.vocabulary_parallel import VocabularySlice
from .objective import GRPO, PolicyObjective
from .policy_loss import PolicyLoss
from .policy_metrics import policy_metrics
from .terms.token_losses import token_losses

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


def linear_policy_loss(
    hidden: Tensor,
    weight: Tensor,
    token_ids: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    old_log_probs: Tensor | None = None,
    ref_log_probs: Tensor | None = None,
    rollout_log_probs: Tensor | None = None,
    sequence_ids: Tensor | None = None,
    objective: PolicyObjective = GRPO,
    num_tokens: Count | None = None,
    num_sequences: Count | None = None,
    bias: Tensor | None = None,
    lora: Lora | None = None,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    chunk_tokens: int | None = None,
    logits_dtype: torch.dtype | None = None,
    return_metrics: bool = True,
    process_group: "ProcessGroup | None" = None,
) -> PolicyLoss:
    """Equal to

        logits = hidden @ weight.T + scaling * (hidden @ lora_A.T) @ lora_B.T + bias
        log_probs, entropy = token_log_probs(logits, token_ids, temperature=temperature, return_entropy=True)
        policy_loss(log_probs, advantages, mask, entropy=entropy, old_log_probs=old_log_probs, ...)

    but a chunk of tokens at a time, with the gradients of all of these found in the same pass as the loss:
    3 products of 2 * N * D * V operations in all, 2 with a frozen hidden or weight, 1 without gradients. Masked tokens
    cost nothing; tokens without a gradient (clipped, or of advantage 0 without KL and bonus) cost one product instead
    of three. It is 4, with the logits computed twice, where a token's coefficient is known too late: with reduction
    "none", and where the objective looks at whole sequences of which one is longer than a chunk; and of bf16 on a CPU,
    beyond one chunk. Logits and sums are fp32 also from bf16 inputs (fp64 from fp64), but see `logits_dtype`.

    Args:
        hidden: `[N, D]` (packed) or `[B, L, D]` (padded), already aligned: `hidden[t]` predicts `token_ids[t]`.
        weight: `[V, D]`. Of another dtype than hidden it is multiplied in fp32, which is slow on a GPU: under autocast
            pass `weight.to(hidden.dtype)`.
        token_ids: hidden's leading shape, int64 or int32.
        bias: `[V]`.
        lora: an adapter of the head, `(lora_A [r, D], lora_B [V, r], scaling)`, of any floating dtype; neither
            `lora_B @ lora_A` nor, of a frozen weight, a gradient of its size is formed. `lm_head_arguments` takes it,
            weight and bias from a model. (The weight alone of a head with an adapter is a policy without the adapter.)
        temperature, softcap: as in `token_log_probs`.
        chunk_tokens: how many tokens' logits are alive at a time; by default as many as fit 2 GiB, on a CPU 112 MiB.
        logits_dtype: fp32 (fp64 of fp64), or None, which is the same but on a CPU that multiplies bf16: there the
            logits of more than one chunk of tokens are rounded to bf16, each one's distance to about its row's largest,
            and the token's own not at all (in fp32 the loss would be slower there than plain torch).
        return_metrics: False for none; tokens that are known to have no gradient then cost nothing.
        process_group: of ranks that have a slice of the vocabulary each: `weight`, `bias` and `lora_B` are this rank's
            rows, in the ranks' order. All else is the same on every rank (token ids are of the whole vocabulary), also
            which inputs want a gradient; so are the loss, the metrics and hidden's gradient. `backward` meets the
            other ranks with reduction "none", for that gradient, and where it is the second through the same graph.
        advantages, mask, old_log_probs, ref_log_probs, rollout_log_probs, sequence_ids, objective, num_tokens,
            num_sequences: as in `policy_loss`, with hidden's leading shape for the tokens' shape (packed, `advantages`
            of shape `[N]` is one per token).

    Masked positions may hold anything, also a token id such as -100 or NaN in `hidden`. The metrics are those of
    `policy_loss`, with "entropy". On a GPU the host waits for the numbers of the rows that are visited, and where
    tokens may be clipped again for every chunk; while a CUDA graph is captured nothing waits, and no row is left out.

    A weight, bias or adapter that is a DTensor (FSDP2, tensor parallelism) is gathered once a call, and its gradient is
    averaged over the ranks, as FSDP2 and DDP do with all others: with `num_tokens` (or `num_sequences`) of all ranks
    together divided by their number, the average is exactly the gradient of the whole batch.

    Raises:
        ValueError: what `policy_loss` refuses, and types, shapes, dtypes or values that do not fit, with the numbers.
            A token id outside the vocabulary at an unmasked position is one on the CPU; on a GPU, where values are not
            looked at, it makes the loss NaN.
    Source: the primer's eq. 26 and 27; PPO arXiv 1707.06347; GRPO arXiv 2402.03300.
    """
    require_instance("hidden", hidden, Tensor)
    require_instance("weight", weight, Tensor)
    if hidden.dim() not in (2, 3):
        raise ValueError(f"hidden must have shape [T, D] (packed) or [B, L, D] (padded), got {list(hidden.shape)}")
    chunk_tokens = checked_chunk_tokens(chunk_tokens)
    weight, bias = gathered(weight, process_group), gathered(bias, process_group)
    batch = policy_batch(
        hidden.shape[:-1],
        hidden.device,
        advantages,
        mask,
        objective,
        old_log_probs,
        ref_log_probs,
        rollout_log_probs,
        sequence_ids,
        compute_dtype(hidden, weight),
    )
    part = None if process_group is None else vocabulary_part(weight, token_ids, process_group)
    head = linear_head(hidden, weight, token_ids, bias, temperature, softcap, batch.mask_T, part, logits_dtype, lora)
    terms = batch.terms(token_weights(batch, objective, num_tokens, num_sequences), objective)
    of_rows = terms.for_rows()
    if objective.reduction == "none":
        # Every token's gradient is multiplied by a number of its own, which comes later.
        log_probs_N, entropy_N = differentiable_log_probs(
            head, batch.mask_T, with_entropy=True, chunk_tokens=chunk_tokens, part=part
        )
        losses_N, coefficients_N = token_losses(log_probs_N, entropy_N, of_rows)
        loss = losses_N.reshape(hidden.shape[:-1])
    else:
        loss, log_probs_N, entropy_N, coefficients_N = _loss(
            part, *head.tensors, *of_rows.tensors, return_metrics, chunk_tokens
        )
    if not return_metrics:
        return PolicyLoss(loss, {})
    return PolicyLoss(loss, policy_metrics(log_probs_N.detach(), batch, terms, coefficients_N, entropy_N.detach()))


def _loss(part: VocabularySlice | None, *arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss, log-probabilities, entropies and coefficients."""
    if torch.compiler.is_compiling() and part is None:
        wanted = [t is not None and t.requires_grad and torch.is_grad_enabled() for t in arguments[:INPUTS]]
        loss, log_probs_N, entropy_N, coefficients_N, *_ = linear_losses_op(*arguments, *wanted)
    else:
        loss, log_probs_N, entropy_N, coefficients_N = _LinearPolicyLoss.apply(  # type: ignore[no-untyped-call]
            part, torch.is_grad_enabled(), *arguments
        )
    return loss, log_probs_N, entropy_N, coefficients_N


class _LinearPolicyLoss(torch.autograd.Function):
    """Gradients are found in forward; backward scales them in place and hands them over without a copy.

    A second backward through the same graph finds them gone and computes them again.
    """

    @staticmethod
    def forward(ctx: Any, part: VocabularySlice | None, with_grad: bool, *arguments: Any) -> tuple[Tensor, ...]:
        ctx.wanted = [with_grad and wanted for wanted in ctx.needs_input_grad[2 : 2 + INPUTS]]
        loss, *rest = losses_and_gradients(*arguments, *ctx.wanted, part=part)
        ctx.part, ctx.gradients = part, rest[3:]
        ctx.plain = [None if isinstance(argument, Tensor) else argument for argument in arguments]
        ctx.save_for_backward(*(argument if isinstance(argument, Tensor) else None for argument in arguments))
        ctx.mark_non_differentiable(*rest[:3])
        return loss, *rest[:3]

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_loss: Tensor, *_unused: Tensor | None) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            arguments = [
                plain if saved is None else saved for plain, saved in zip(ctx.plain, ctx.saved_tensors, strict=True)
            ]
            gradients = losses_and_gradients(*arguments, *ctx.wanted, part=ctx.part)[4:]
        inputs = ctx.saved_tensors[:INPUTS]
        scaled = (
            gradient.mul_(grad_loss).to(tensor.dtype) if wanted else None
            for gradient, tensor, wanted in zip(gradients, inputs, ctx.wanted, strict=True)
        )
        return None, None, *scaled, *(None,) * (len(ctx.plain) - INPUTS)
