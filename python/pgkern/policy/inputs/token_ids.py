"""The sampled tokens, checked against the vocabulary."""

import torch
from torch import Tensor

from .look_at_values import look_at_values
from .savable import savable


def checked_token_ids(token_ids: Tensor, vocabulary: int, scored_T: Tensor | None = None) -> Tensor:
    """The ids as int64 `[T]`, 0 where they are not scored.

    Raises:
        ValueError: not integers; where values are looked at, a scored id outside the vocabulary. Elsewhere such a row
            comes out as NaN instead and nothing is read out of bounds.
    """
    if token_ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"token_ids must be int64 or int32, got {token_ids.dtype}")
    token_ids_T = savable(token_ids.reshape(-1).to(torch.int64).contiguous())
    if scored_T is not None:
        token_ids_T = token_ids_T.where(scored_T, 0)
    if look_at_values(token_ids.device):
        outside_T = (token_ids_T < 0) | (token_ids_T >= vocabulary)
        if scored_T is not None:
            outside_T &= scored_T
        if bool(outside_T.any()):
            where = int(outside_T.nonzero()[0, 0])
            raise ValueError(
                f"token id {int(token_ids_T[where])} (at token {where}) is outside the vocabulary of {vocabulary}: "
                f"expected 0 to {vocabulary - 1}"
            )
    return token_ids_T
