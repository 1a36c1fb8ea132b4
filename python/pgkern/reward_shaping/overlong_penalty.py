"""Less reward the nearer a response comes to its token budget."""

import torch
from torch import Tensor

from ..real_vector import real_vector
from ..require_number import require_number


def overlong_penalty(lengths: Tensor, max_tokens: int, buffer: int, penalty: float = 1.0) -> Tensor:
    """`-penalty * ((lengths - (max_tokens - buffer)) / buffer).clamp(0, 1)` (DAPO, arXiv 2503.14476, eq. 13).

    To be added to the rewards: 0 up to `max_tokens - buffer` tokens, then a straight line to `-penalty` at
    `max_tokens` and beyond.

    Args:
        lengths: `[N]` integers of at least 0, the responses' tokens.
        max_tokens: the budget of a response.
        buffer: how many of its last tokens cost something, from 1 to `max_tokens`.
        penalty: at least 0.
    Returns:
        `[N]`, fp32.
    Raises:
        ValueError: lengths that are no such tensor, numbers out of their range.
    """
    lengths_N = real_vector("lengths", lengths, "N")
    if lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.numel() and int(lengths.min()) < 0:
        raise ValueError(f"lengths must be at least 0, got {int(lengths.min())}")
    require_number("max_tokens", max_tokens, 1)
    require_number("buffer", buffer, 1, max_tokens)
    require_number("penalty", penalty, 0.0)
    return -penalty * ((lengths_N - (max_tokens - buffer)) / buffer).clamp(0, 1)
