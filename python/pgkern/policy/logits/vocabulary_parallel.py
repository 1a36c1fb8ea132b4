"""Logits whose columns lie on several ranks, a slice on each: two exchanges of a few numbers per token, none of logits.

Names: N tokens, W ranks.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from ...require_instance import require_instance
from ..first_derivative_only import first_derivative_only
from ..inputs.look_at_values import look_at_values
from .logit_gradient import ONCE, logit_gradient_in_place_op, logit_gradient_op
from .logit_statistics import logit_statistics_op
from .vocabulary_slices import merged_statistics

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup  # a torch without it can still import this file


@dataclass(frozen=True, slots=True)
class VocabularySlice:
    """Which ids of the whole vocabulary this rank's columns are."""

    process_group: "ProcessGroup"
    columns: int
    ends_W: Tensor  # the first id after every rank's columns, on the logits' device

    @property
    def first(self) -> Tensor:
        """The id of this rank's first column."""
        return self.ends_W[dist.get_rank(self.process_group)] - self.columns

    @property
    def widest(self) -> int:
        """Columns of the rank that has most. On a GPU the host waits."""
        return int(self.ends_W.diff(prepend=self.ends_W.new_zeros(1)).max())

    @property
    def vocabulary(self) -> int:
        """Columns of all ranks, where values are looked at; elsewhere (a GPU is not waited for) this rank's."""
        return int(self.ends_W[-1]) if look_at_values(self.ends_W.device) else self.columns


def vocabulary_slice(
    columns: int, tokens: int, device: torch.device, process_group: "ProcessGroup | None"
) -> VocabularySlice | None:
    """This rank's slice, told by the sizes of all of them; None where there is no process group.

    Raises:
        ValueError: no process group that this rank is in; where values are looked at, another number of tokens
            than on another rank, on all ranks alike.
    """
    if process_group is None:
        return None
    require_instance("process_group", process_group, dist.ProcessGroup)
    # Filled rather than copied: the host would wait for a copy to a GPU.
    mine_2 = torch.full((2,), columns, dtype=torch.int64, device=device)
    mine_2[1].fill_(tokens)
    columns_W, tokens_W = _gathered(mine_2, process_group).unbind(1)
    if look_at_values(device) and bool((tokens_W != tokens).any()):
        raise ValueError(f"there must be as many rows on every rank, got {tokens_W.tolist()} in the ranks' order")
    return VocabularySlice(process_group, columns, columns_W.cumsum(0))


def parallel_log_probs(
    logits: Tensor,
    token_ids_N: Tensor,
    temperature_N: Tensor,
    softcap: float | None,
    part: VocabularySlice,
    with_entropy: bool,
    *,
    in_place: bool,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies, the same on every rank; backward gives each rank its slice's gradient."""
    log_probs_N, entropy_N = _ParallelLogProbs.apply(  # type: ignore[no-untyped-call]
        logits, token_ids_N, temperature_N, softcap, part, with_entropy, in_place
    )
    return log_probs_N, entropy_N


class _ParallelLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        token_ids_N: Tensor,
        temperature_N: Tensor,
        softcap: float | None,
        part: VocabularySlice,
        with_entropy: bool,
        in_place: bool,
    ) -> tuple[Tensor, Tensor]:
        local_ids_N = token_ids_N - part.first
        local = logit_statistics_op(logits, local_ids_N, temperature_N, softcap, part.columns, with_entropy)
        found = of_all_slices(torch.stack(local), token_ids_N, temperature_N, part)
        ctx.save_for_backward(logits, local_ids_N, temperature_N, *found)
        ctx.softcap, ctx.columns, ctx.in_place, ctx.happened = softcap, part.columns, in_place, False
        ctx.set_materialize_grads(False)
        if not with_entropy:
            ctx.mark_non_differentiable(found[1])
        return found[0], found[1]

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, grad_log_probs_N: Tensor | None, grad_entropy_N: Tensor | None) -> tuple[Tensor | None, ...]:
        if ctx.in_place and ctx.happened:
            raise RuntimeError(ONCE)
        logits, local_ids_N, temperature_N, log_probs_N, *statistics = ctx.saved_tensors
        if grad_log_probs_N is None:
            if grad_entropy_N is None:
                return (None,) * 7
            grad_log_probs_N = torch.zeros_like(log_probs_N)
        arguments = (
            logits,
            local_ids_N,
            temperature_N,
            ctx.softcap,
            ctx.columns,
            log_probs_N,
            *statistics,
            grad_log_probs_N,
            grad_entropy_N,
        )
        if not ctx.in_place:
            return logit_gradient_op(*arguments), *(None,) * 6
        ctx.happened = True
        logit_gradient_in_place_op(*arguments)
        return logits, *(None,) * 6


def of_all_slices(
    statistics_4N: Tensor, token_ids_N: Tensor, temperature_N: Tensor, part: VocabularySlice
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `logit_statistics` would say of the whole rows, from what it says of this rank's slice: one exchange."""
    statistics_W4N = _gathered(statistics_4N, part.process_group)
    return merged_statistics(statistics_W4N, token_ids_N, temperature_N, part.ends_W)


def sum_over_ranks_(tensor: Tensor, part: VocabularySlice) -> None:
    """In place."""
    dist.all_reduce(tensor, group=part.process_group)


def _gathered(mine: Tensor, process_group: "ProcessGroup") -> Tensor:
    """Every rank's, `[W, ...]`."""
    ranks = dist.get_world_size(process_group)
    all_W = mine.new_empty(ranks * mine.shape[0], *mine.shape[1:])  # gloo and NCCL both take them end to end
    gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor  # torch 2.13 warns of the old name
    gather(all_W, mine, group=process_group)
    return all_W.view(ranks, *mine.shape)
