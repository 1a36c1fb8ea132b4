"""Packed episodes: T tokens in a row, an episode's next to one another and in their order.

Names: T tokens, S sequences (episodes).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .require_instance import require_instance


@dataclass(frozen=True, slots=True)
class SequenceRuns:
    """Where the episodes of packed tokens begin and end, as indices into the tokens."""

    run_T: Tensor  # which episode, counted from 0 in the order they stand in
    first_S: Tensor
    last_S: Tensor

    def first(self) -> Tensor:
        """`[T]`: the first token of every token's episode."""
        return self.first_S[self.run_T]

    def left(self) -> Tensor:
        """`[T]`: how many tokens of its episode come after every token."""
        return self.last_S[self.run_T] - torch.arange(self.run_T.shape[0], device=self.run_T.device)


def sequence_runs(sequence_ids: Tensor | None, tokens_T: Tensor) -> SequenceRuns:
    """The runs of equal ids; without ids all tokens are one episode.

    Args:
        sequence_ids: `[T]` integers, any; equal ones stand next to one another.
        tokens_T: what has one entry per token, for the count and the device.
    Raises:
        ValueError: ids that are no integer tensor of T entries on that device, or an id that comes again after
            another one: two episodes, or one that was torn apart, which its order of tokens would not survive.
    """
    count = tokens_T.shape[0]
    if sequence_ids is None:
        first_T = torch.zeros(count, dtype=torch.bool, device=tokens_T.device)
        first_T[:1] = True
    else:
        require_instance("sequence_ids", sequence_ids, Tensor)
        if sequence_ids.shape != (count,) or sequence_ids.device != tokens_T.device:
            raise ValueError(
                f"sequence_ids has shape {list(sequence_ids.shape)} on {sequence_ids.device}, "
                f"expected [{count}] on {tokens_T.device}"
            )
        if sequence_ids.is_floating_point() or sequence_ids.is_complex() or sequence_ids.dtype == torch.bool:
            raise ValueError(f"sequence_ids must be integers, got {sequence_ids.dtype}")
        ids_T = sequence_ids.to(torch.int64)
        first_T = torch.ones_like(ids_T, dtype=torch.bool)
        first_T[1:] = ids_T[1:] != ids_T[:-1]
        _refuse_torn(ids_T, first_T)
    first_S = first_T.nonzero()[:, 0]
    last_S = torch.cat([first_S[1:], first_S.new_full((min(count, 1),), count)]) - 1
    return SequenceRuns(first_T.cumsum(0) - 1, first_S, last_S)


def _refuse_torn(ids_T: Tensor, first_T: Tensor) -> None:
    """Refuse an id with two runs."""
    ids_S = ids_T[first_T]
    sorted_S, order_S = ids_S.sort(stable=True)
    again = (sorted_S[1:] == sorted_S[:-1]).nonzero()[:, 0]
    if again.numel():
        where = int(first_T.nonzero()[order_S[again + 1].min(), 0])
        raise ValueError(
            f"the tokens of a sequence must stand next to one another, "
            f"but sequence id {int(ids_T[where])} comes again at index {where}"
        )
