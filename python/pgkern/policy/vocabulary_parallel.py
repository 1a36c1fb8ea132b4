"""Logits whose columns lie on several ranks, a slice on each: three all-reduces of numbers per token, none of logits.

Names: N tokens, V columns of this rank's slice.
"""

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from .first_derivative_only import first_derivative_only
from .logit_gradient import logit_gradient_in_place_op, logit_gradient_op
from .logit_statistics import logit_statistics_op, temperatures_of

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup  # a torch without it can still import this file


def slice_sizes(columns: int, device: torch.device, process_group: "ProcessGroup") -> Tensor:
    """How many columns every rank holds, in the order of the ranks."""
    sizes = torch.empty(dist.get_world_size(process_group), dtype=torch.int64, device=device)
    dist.all_gather_into_tensor(sizes, torch.tensor([columns], device=device), group=process_group)
    return sizes


def parallel_vocabulary(columns: int, device: torch.device, process_group: "ProcessGroup") -> int:
    """Columns of all ranks together, where values are looked at (on a GPU nothing waits for it): the CPU's check."""
    return int(slice_sizes(columns, device, process_group).sum()) if device.type == "cpu" else columns


def parallel_log_probs(
    logits: Tensor,
    token_ids_N: Tensor,
    temperature_N: Tensor,
    softcap: float | None,
    vocab_size: int,
    with_entropy: bool,
    *,
    in_place: bool,
    process_group: "ProcessGroup",
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies, the same on every rank; backward gives each rank its slice's gradient."""
    sizes = slice_sizes(vocab_size, logits.device, process_group)
    start = sizes.cumsum(0)[dist.get_rank(process_group)] - vocab_size
    log_probs_N, entropy_N = _ParallelLogProbs.apply(  # type: ignore[no-untyped-call]
        logits, token_ids_N - start, temperature_N, softcap, vocab_size, with_entropy, in_place, process_group
    )
    return log_probs_N, entropy_N


class _ParallelLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        local_ids_N: Tensor,
        temperature_N: Tensor,
        softcap: float | None,
        vocab_size: int,
        with_entropy: bool,
        in_place: bool,
        process_group: "ProcessGroup",
    ) -> tuple[Tensor, Tensor]:
        found = _all_slices(logits, local_ids_N, temperature_N, softcap, vocab_size, process_group)
        ctx.save_for_backward(logits, local_ids_N, temperature_N, *found)
        ctx.softcap, ctx.vocab_size, ctx.in_place = softcap, vocab_size, in_place
        ctx.set_materialize_grads(False)
        if not with_entropy:
            ctx.mark_non_differentiable(found[1])
        return found[0], found[1]

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_log_probs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor | None, ...]:
        logits, local_ids_N, temperature_N, log_probs_N, *statistics = ctx.saved_tensors
        if grad_log_probs_N is None:
            if grad_entropy_N is None:
                return (None,) * 8
            grad_log_probs_N = torch.zeros_like(log_probs_N)
        arguments = (
            logits,
            local_ids_N,
            temperature_N,
            ctx.softcap,
            ctx.vocab_size,
            log_probs_N,
            *statistics,
            grad_log_probs_N.where(~log_probs_N.isnan(), torch.nan),
            grad_entropy_N,
        )
        if not ctx.in_place:
            return logit_gradient_op(*arguments), *(None,) * 7
        logit_gradient_in_place_op(*arguments)
        return logits, *(None,) * 7


def _all_slices(
    logits: Tensor,
    local_ids_N: Tensor,
    temperature_N: Tensor,
    softcap: float | None,
    vocab_size: int,
    process_group: "ProcessGroup",
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `logit_statistics` says of all slices together."""
    local = logit_statistics_op(logits, local_ids_N, temperature_N, softcap, vocab_size, True)
    local_log_probs_N, local_entropy_N, local_largest_N, local_log_sums_N = local
    largest_N = local_largest_N.clone()
    dist.all_reduce(largest_N, dist.ReduceOp.MAX, process_group)
    # sum(exp(shifted)) and sum(exp(shifted) * shifted), shifted by the largest logit of all slices
    moved_N = (local_largest_N - largest_N) / temperatures_of(temperature_N, slice(None))
    log_sums_N = moved_N + local_log_sums_N
    none_N = (local_log_sums_N == -torch.inf) | (local_largest_N == -torch.inf)  # all of this slice's logits are -inf
    mean_shifted_N = (local_log_sums_N - local_entropy_N + moved_N).masked_fill(none_N, 0)
    totals_N = log_sums_N.exp().masked_fill(none_N, 0)
    mine_N = (local_ids_N >= 0) & (local_ids_N < vocab_size)
    shifted_target_N = torch.where(mine_N & ~none_N, local_log_probs_N + log_sums_N, 0)
    impossible_N = mine_N & none_N  # the token's own logit is -inf
    sums_4N = torch.stack(
        [
            totals_N,
            totals_N * mean_shifted_N,
            shifted_target_N.masked_fill(impossible_N, -torch.inf),
            mine_N.to(totals_N.dtype),
        ]
    )
    dist.all_reduce(sums_4N, dist.ReduceOp.SUM, process_group)
    totals_N, weighted_N, targets_N, holders_N = sums_4N
    log_sums_N = totals_N.log()
    log_probs_N = (targets_N - log_sums_N).where(holders_N == 1, torch.nan)
    return log_probs_N, log_sums_N - weighted_N / totals_N, largest_N, log_sums_N
