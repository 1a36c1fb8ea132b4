"""Which sequence every token belongs to, from padded rows or from ids. Nothing here waits for a GPU.

Names: B padded rows of L tokens, T tokens in all, S sequences.
"""

import torch
from torch import Tensor

from ..terms.sequences import Sequences
from .look_at_values import look_at_values

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def padded_sequences(token_shape: torch.Size, mask_T: Tensor, advantages_S: Tensor | None) -> Sequences:
    """Each of B rows is a sequence; tokens without a second dimension are one.

    Raises:
        ValueError: `advantages_S`, where given, does not have one entry per sequence.
    """
    count = token_shape[0] if len(token_shape) == 2 else 1
    if advantages_S is not None and (advantages_S.dim() != 1 or advantages_S.shape[0] != count):
        raise ValueError(
            f"advantages has shape {list(advantages_S.shape)}, expected [{count}] (one per sequence) "
            f"or the tokens' shape {list(token_shape)}"
            + ("; packed sequences need sequence_ids to be told apart" if len(token_shape) == 1 else "")
        )
    index_BL = torch.arange(count, device=mask_T.device)[:, None].expand(count, token_shape[-1])
    return Sequences(index_BL.reshape(-1), mask_T, max(count, 1))


def packed_sequences(sequence_ids: Tensor, mask_T: Tensor, advantages_S: Tensor | None) -> Sequences:
    """Sequences by id; ids of masked tokens may be anything.

    With `advantages_S` the ids index it. Else they are any integers and are numbered anew from 0, at most one per
    token.

    Raises:
        ValueError: ids that are no integers; where values are looked at, an id that `advantages_S` has no entry for.
    """
    if sequence_ids.dtype not in INTEGERS:
        raise ValueError(f"sequence_ids must be integers, got {sequence_ids.dtype}")
    ids_T = sequence_ids.reshape(-1).to(torch.int64)
    if advantages_S is None:
        return Sequences(_numbered(ids_T, mask_T), mask_T, max(ids_T.shape[0], 1))
    if advantages_S.dim() != 1:
        raise ValueError(
            f"advantages has shape {list(advantages_S.shape)}, expected [S] (one per sequence id) "
            f"or the tokens' shape {list(sequence_ids.shape)}"
        )
    count = advantages_S.shape[0]
    ids_T = ids_T.where(mask_T, 0)
    if look_at_values(ids_T.device) and bool(mask_T.any()):
        low, high = int(ids_T.min()), int(ids_T.max())
        if low < 0:
            raise ValueError(f"sequence_ids must be at least 0 where the mask is 1, got {low}")
        if high >= count:
            raise ValueError(f"sequence_ids go up to {high}, but advantages has {count} sequences (ids 0 to S - 1)")
    return Sequences(ids_T, mask_T, max(count, 1))


def _numbered(ids_T: Tensor, mask_T: Tensor) -> Tensor:
    """The ids' ranks, by sorting: a table of ids would need their largest, for which a GPU would have to be waited."""
    if ids_T.shape[0] == 0:
        return ids_T
    # Masked tokens share an id that some sequence may have too: they add nothing to it.
    ids_T = ids_T.where(mask_T, 0)
    sorted_T, order_T = ids_T.sort()
    new_T = torch.cat([sorted_T.new_zeros(1), (sorted_T[1:] != sorted_T[:-1]).to(torch.int64)])
    return torch.empty_like(ids_T).index_copy(0, order_T, new_T.cumsum(0))
