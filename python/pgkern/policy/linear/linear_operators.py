"""The operators from hidden states and the head's weight: what compiled code sees, and no more.

Names: N rows, D hidden size, V vocabulary, K rank of an adapter.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..first_derivative_only import first_derivative_only
from ..objective import PolicyObjective
from ..taken import taken
from ..terms.policy_terms import PolicyTerms
from ..terms.sequences import Sequences
from .gradient_sums import GradientSums, Needs, handed_over_dtype
from .linear_gradient import linear_gradient
from .linear_head import INPUTS, LinearHead
from .linear_losses import linear_losses
from .linear_statistics import Statistics, linear_statistics
from .visited_rows import scored_rows

_HEAD = (
    "Tensor hidden, Tensor weight, Tensor? bias, Tensor? down, Tensor? up, "
    "Tensor token_ids, Tensor temperature, float? softcap, bool exact"
)
_TERMS = (
    "Tensor advantages, Tensor weights, Tensor? old_log_probs, Tensor? ref_log_probs, Tensor? rollout_log_probs, "
    "Tensor sequence_index, Tensor mask, SymInt num_sequences, str objective"
)
_NEEDS = "bool of_hidden, bool of_weight, bool of_bias, bool of_down, bool of_up"
_GRADIENTS = ", ".join(["Tensor"] * INPUTS)
_HEAD_ARGUMENTS = INPUTS + 4


@torch.library.custom_op(
    "pgkern::linear_losses",
    mutates_args=(),
    schema=f"({_HEAD}, {_TERMS}, bool with_quiet, int? chunk_tokens, {_NEEDS})"
    f" -> (Tensor, Tensor, Tensor, Tensor, {_GRADIENTS})",
)
def linear_losses_op(*arguments: Any) -> tuple[Tensor, ...]:
    """The loss, entropy bonus included; log-probabilities, entropies and coefficients `[N]`; and the loss's gradients
    of the head's inputs (empty where not wanted). See `linear_losses`."""
    return losses_and_gradients(*arguments, part=None)


def losses_and_gradients(*arguments: Any, part: Any) -> tuple[Tensor, ...]:
    """The same, of a slice of the vocabulary where there is one."""
    *of_loss, with_quiet, chunk_tokens = arguments[:-INPUTS]
    head, terms = LinearHead(*of_loss[:_HEAD_ARGUMENTS]), _terms(*of_loss[_HEAD_ARGUMENTS:])
    with torch.no_grad(), torch.autocast(head.hidden_TD.device.type, enabled=False):
        found = linear_losses(
            head,
            terms,
            Needs(*arguments[-INPUTS:]),
            chunk_tokens=chunk_tokens,
            with_quiet=with_quiet,
            part=part,
        )
        losses_N = terms.with_entropy_bonus(terms.losses(found.log_probs_N), found.entropy_N)
        gradients = _or_empty(found.gradients, head)
        return losses_N.sum(), found.log_probs_N, found.entropy_N, found.coefficients_N, *gradients


@linear_losses_op.register_fake
def _(*arguments: Any) -> tuple[Tensor, ...]:
    head = LinearHead(*arguments[:_HEAD_ARGUMENTS])
    *rows, _ = _of_rows(head)
    return rows[0].new_empty(()), *rows, *_like(head, *arguments[-INPUTS:])


def _save_gradients(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.dtypes = [None if tensor is None else tensor.dtype for tensor in inputs[:INPUTS]]
    ctx.wanted = inputs[-INPUTS:]
    ctx.save_for_backward(*output[-INPUTS:])
    ctx.mark_non_differentiable(*output[1:])


@first_derivative_only
def _scale_gradients(ctx: Any, grad_loss: Tensor, *_unused: Tensor | None) -> tuple[Tensor | None, ...]:
    gradients = [
        (gradient * grad_loss).to(dtype) if wanted else None
        for gradient, dtype, wanted in zip(ctx.saved_tensors, ctx.dtypes, ctx.wanted, strict=True)
    ]
    return *gradients, *(None,) * (len(ctx.needs_input_grad) - INPUTS)


linear_losses_op.register_autograd(_scale_gradients, setup_context=_save_gradients)


@torch.library.custom_op(
    "pgkern::linear_statistics",
    mutates_args=(),
    schema=f"({_HEAD}, Tensor? scored, bool with_entropy, int? chunk_tokens) -> (Tensor, Tensor, Tensor, Tensor)",
)
def linear_statistics_op(*arguments: Any) -> tuple[Tensor, ...]:
    """Of all rows, or of those `scored` (bool) and 0 in the others, which cost nothing; see `linear_statistics`."""
    return statistics_of_rows(*arguments, part=None)


def statistics_of_rows(*arguments: Any, part: Any) -> tuple[Tensor, ...]:
    """The same, of a slice of the vocabulary where there is one."""
    *of_head, scored_N, with_entropy, chunk_tokens = arguments
    head, rows_R = scored_rows(LinearHead(*of_head), scored_N)
    with torch.no_grad(), torch.autocast(head.hidden_TD.device.type, enabled=False):
        found = linear_statistics(head, rows_R, with_entropy=with_entropy, chunk_tokens=chunk_tokens, part=part)
        return tuple(values.new_zeros(head.token_ids_T.shape).index_copy(0, rows_R, values) for values in found)


@linear_statistics_op.register_fake
def _(*arguments: Any) -> tuple[Tensor, ...]:
    return _of_rows(LinearHead(*arguments[:_HEAD_ARGUMENTS]))


@torch.library.custom_op(
    "pgkern::linear_gradient",
    mutates_args=(),
    schema=f"({_HEAD}, Tensor? scored, Tensor log_probs, Tensor entropy, Tensor largest, Tensor log_sums, "
    f"Tensor coefficients, Tensor? entropy_coefficients, int? chunk_tokens, {_NEEDS}) -> ({_GRADIENTS})",
)
def linear_gradient_op(*arguments: Any) -> tuple[Tensor, ...]:
    """Gradients of the head's inputs (empty where not wanted) of `sum(coefficients * log_probs +
    entropy_coefficients * entropy)`; see `linear_gradient`."""
    return gradient_of_rows(*arguments, part=None)


def gradient_of_rows(*arguments: Any, part: Any) -> tuple[Tensor, ...]:
    """The same, of a slice of the vocabulary where there is one."""
    scored_N, *numbers, chunk_tokens = arguments[_HEAD_ARGUMENTS:-INPUTS]
    head, rows_R = scored_rows(LinearHead(*arguments[:_HEAD_ARGUMENTS]), scored_N)
    *statistics_N, c_N, h_N = numbers
    needs = Needs(*arguments[-INPUTS:])
    with torch.no_grad(), torch.autocast(head.hidden_TD.device.type, enabled=False):
        sums = linear_gradient(
            head,
            rows_R,
            Statistics(*statistics_N).at(rows_R),
            c_N[rows_R],
            taken(h_N, rows_R),
            needs,
            chunk_tokens=chunk_tokens,
            part=part,
        )
        return _or_empty(sums, head)


@linear_gradient_op.register_fake
def _(*arguments: Any) -> tuple[Tensor, ...]:
    return _like(LinearHead(*arguments[:_HEAD_ARGUMENTS]), *arguments[-INPUTS:])


def _save_statistics(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *of_head, ctx.softcap, ctx.exact, scored, with_entropy, ctx.chunk_tokens = inputs
    ctx.save_for_backward(*of_head, scored, *output)
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[2:], *(() if with_entropy else (output[1],)))


@first_derivative_only
def _gradient(
    ctx: Any, grad_log_probs: Tensor | None, grad_entropy: Tensor | None, *_unused: Tensor | None
) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[:INPUTS]
    gradients = linear_log_prob_gradients(ctx, wanted, grad_log_probs, grad_entropy, linear_gradient_op)
    return *gradients, *(None,) * (len(ctx.needs_input_grad) - INPUTS)


def linear_log_prob_gradients(
    ctx: Any,
    wanted: Sequence[bool],
    grad_log_probs: Tensor | None,
    grad_entropy: Tensor | None,
    gradient: Callable[..., tuple[Tensor, ...]],
) -> tuple[Tensor | None, ...]:
    """The backward of log-probabilities and entropies, for whoever saved what it needs: of the head's inputs."""
    *inputs, token_ids, temperature, scored, log_probs, entropy, largest, log_sums = ctx.saved_tensors
    if grad_log_probs is None:
        if grad_entropy is None:
            return (None,) * INPUTS
        grad_log_probs = torch.zeros_like(grad_entropy)
    found = gradient(
        *(*inputs, token_ids, temperature, ctx.softcap, ctx.exact, scored, log_probs, entropy, largest, log_sums),
        *(grad_log_probs, grad_entropy, ctx.chunk_tokens, *wanted),
    )
    return tuple(
        grad.to(tensor.dtype) if wants else None for grad, tensor, wants in zip(found, inputs, wanted, strict=True)
    )


linear_statistics_op.register_autograd(_gradient, setup_context=_save_statistics)


def _terms(*of_terms: Any) -> PolicyTerms:
    advantages, weights, old, ref, rollout, sequence_index, mask, num_sequences, objective = of_terms
    sequences = Sequences(sequence_index, mask, num_sequences)
    return PolicyTerms(advantages, weights, old, ref, rollout, sequences, PolicyObjective.from_key(objective))


def _or_empty(sums: GradientSums, head: LinearHead) -> tuple[Tensor, ...]:
    return tuple(head.weight_VD.new_empty(0) if gradient is None else gradient for gradient in sums.handed_over(head))


def _of_rows(head: LinearHead) -> tuple[Tensor, ...]:
    device = head.weight_VD.device
    return tuple(torch.empty(head.token_ids_T.shape, dtype=head.compute_dtype, device=device) for _ in range(4))


def _like(head: LinearHead, *wanted: bool) -> tuple[Tensor, ...]:
    found = []
    for tensor, wants in zip(head.inputs, wanted, strict=True):
        if tensor is None or not wants:
            found.append(head.weight_VD.new_empty(0))
        else:
            found.append(torch.empty(tensor.shape, dtype=handed_over_dtype(tensor.dtype), device=tensor.device))
    return tuple(found)
