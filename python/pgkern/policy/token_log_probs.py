"""Log-probabilities of tokens from logits that exist already.

Names: B padded rows of L tokens, N tokens in all, V vocabulary.
"""

from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from torch import Tensor

from ..require_instance import require_instance
from .first_derivative_only import first_derivative_only
from .inputs.temperature import check_softcap, temperatures
from .inputs.token_ids import checked_token_ids
from .logits.logit_gradient import ONCE, logit_gradient_in_place_op
from .logits.logit_statistics import logit_statistics_op
from .logits.vocabulary_parallel import VocabularySlice, parallel_log_probs, vocabulary_slice

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


@overload
def token_log_probs(
    logits: Tensor,
    token_ids: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: Literal[False] = False,
    inplace_backward: bool = False,
    vocab_size: int | None = None,
    process_group: "ProcessGroup | None" = None,
) -> Tensor: ...
@overload
def token_log_probs(
    logits: Tensor,
    token_ids: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: Literal[True],
    inplace_backward: bool = False,
    vocab_size: int | None = None,
    process_group: "ProcessGroup | None" = None,
) -> tuple[Tensor, Tensor]: ...
def token_log_probs(
    logits: Tensor,
    token_ids: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    softcap: float | None = None,
    return_entropy: bool = False,
    inplace_backward: bool = False,
    vocab_size: int | None = None,
    process_group: "ProcessGroup | None" = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Equal to

        capped = softcap * (logits / softcap).tanh()    (without a softcap the logits)
        log_p = (capped / temperature).log_softmax(-1)
        log_p.gather(-1, token_ids[..., None])[..., 0], and with return_entropy -(log_p.exp() * log_p).sum(-1)

    without another array of the logits' size forward, and with one (the gradient) backward, or none in place.

    Args:
        logits: `[..., V]`, floating point, with any strides; -inf marks a token that cannot be sampled.
        token_ids: logits' leading shape, int64 or int32.
        temperature: what the logits are divided by, above 0: a number, or a tensor of one per token. It gets no
            gradient.
        softcap: bounds the logits before the division (as in Gemma).
        inplace_backward: write the gradient over the logits. Their values are gone after `backward`, which then works
            once; torch refuses it where another function has saved them.
        vocab_size: columns from here on are padding: they have probability 0, are not read, and get gradient 0.
        process_group: every rank holds a slice of the vocabulary, one after the other in the order of the group's
            ranks, of any sizes. `token_ids` are ids of the whole vocabulary; they and all other arguments are the same
            on every rank, and so are the results. Each rank gets its slice's gradient. `vocab_size` then counts this
            rank's columns. Every rank has to call, and a call that one of them refuses alone leaves the others waiting;
            backward needs no other rank.
    Returns:
        fp32 (fp64 from fp64) in the leading shape, in nats; both results are differentiable, once.
    Raises:
        ValueError: shapes, dtypes or values that do not fit, with the numbers. A token id outside the vocabulary is
            one on the CPU; on a GPU, which is not waited for, and in compiled code it makes that token's result NaN.
            Also on the CPU, numbers of rows that differ between the ranks of `process_group`.
    fp64 takes plain torch on a GPU too, which waits for the device.

    Source: the primer's eq. 3.
    """
    check_logits(logits, token_ids, inplace_backward)
    columns = checked_vocab_size(vocab_size, logits.shape[-1])
    temperature_N = temperatures(
        temperature, token_ids.shape, logits.device, torch.promote_types(logits.dtype, torch.float32)
    )
    part = vocabulary_slice(columns, token_ids.numel(), logits.device, process_group)
    token_ids_N = checked_token_ids(token_ids, columns if part is None else part.vocabulary)
    log_probs_N, entropy_N = differentiable_log_probs(
        logits,
        token_ids_N,
        temperature_N,
        check_softcap(softcap),
        columns,
        with_entropy=return_entropy,
        in_place=inplace_backward,
        part=part,
    )
    log_probs: Tensor = log_probs_N.reshape(token_ids.shape)
    return (log_probs, entropy_N.reshape(token_ids.shape)) if return_entropy else log_probs


def check_logits(logits: Tensor, token_ids: Tensor, in_place: bool) -> None:
    """Refuse what is not `[..., V]` logits with an id for each row, and in place what shares memory with itself."""
    require_instance("logits", logits, Tensor)
    require_instance("token_ids", token_ids, Tensor)
    if logits.dim() == 0 or not logits.is_floating_point():
        raise ValueError(f"logits must be floating point of shape [..., V], got {logits.dtype} {list(logits.shape)}")
    if token_ids.shape != logits.shape[:-1]:
        raise ValueError(f"token_ids has shape {list(token_ids.shape)}, expected logits' {list(logits.shape[:-1])}")
    if token_ids.device != logits.device:
        raise ValueError(f"token_ids is on {token_ids.device}, logits on {logits.device}")
    if in_place and any(size > 1 and stride == 0 for size, stride in zip(logits.shape, logits.stride(), strict=True)):
        raise ValueError(
            f"inplace_backward would write several gradients to one place: logits of shape {list(logits.shape)} and "
            f"strides {list(logits.stride())} are expanded"
        )


def checked_vocab_size(vocab_size: int | None, columns: int) -> int:
    """How many columns are no padding."""
    if vocab_size is None:
        return columns
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int) or not 0 <= vocab_size <= columns:
        raise ValueError(f"vocab_size must be an integer from 0 to the logits' {columns} columns, got {vocab_size!r}")
    return vocab_size


def differentiable_log_probs(
    logits: Tensor,
    token_ids_N: Tensor,
    temperature_N: Tensor,
    softcap: float | None,
    vocab_size: int,
    *,
    with_entropy: bool,
    in_place: bool,
    part: VocabularySlice | None,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies `[N]`; the entropies may be anything unless asked for."""
    if part is not None:
        return parallel_log_probs(
            logits, token_ids_N, temperature_N, softcap, part, with_entropy=with_entropy, in_place=in_place
        )
    arguments = (logits, token_ids_N, temperature_N, softcap, vocab_size, with_entropy)
    if in_place and not torch.compiler.is_compiling():  # a compiler reuses memory as it sees fit
        log_probs_N, entropy_N = _InPlaceLogProbs.apply(*arguments)  # type: ignore[no-untyped-call]
    else:
        log_probs_N, entropy_N, _, _ = logit_statistics_op(*arguments)
    return log_probs_N, entropy_N


class _InPlaceLogProbs(torch.autograd.Function):
    """The operator, with a backward that overwrites the logits."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        token_ids_N: Tensor,
        temperature_N: Tensor,
        softcap: float | None,
        vocab_size: int,
        with_entropy: bool,
    ) -> tuple[Tensor, Tensor]:
        found = logit_statistics_op(logits, token_ids_N, temperature_N, softcap, vocab_size, with_entropy)
        log_probs_N, entropy_N, *_ = found
        ctx.save_for_backward(logits, token_ids_N, temperature_N, *found)
        ctx.softcap, ctx.vocab_size = softcap, vocab_size
        ctx.happened = False
        ctx.set_materialize_grads(False)
        if not with_entropy:
            ctx.mark_non_differentiable(entropy_N)
        return log_probs_N, entropy_N

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_log_probs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor | None, ...]:
        if ctx.happened:
            raise RuntimeError(ONCE)
        logits, token_ids_N, temperature_N, log_probs_N, *statistics = ctx.saved_tensors
        if grad_log_probs_N is None:
            if grad_entropy_N is None:
                return (None,) * 6
            grad_log_probs_N = torch.zeros_like(log_probs_N)
        ctx.happened = True
        logit_gradient_in_place_op(
            logits,
            token_ids_N,
            temperature_N,
            ctx.softcap,
            ctx.vocab_size,
            log_probs_N,
            *statistics,
            grad_log_probs_N,
            grad_entropy_N,
        )
        return logits, *(None,) * 5
