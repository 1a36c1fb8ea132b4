"""How many tokens' logits are alive at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

# One chunk of logits. CPU: measured, see docs; more is not faster, less makes the products thin.
# GPU: fp32 sums of the weight's gradient are read and written once a chunk, so chunks are as large as memory lets them.
_CHUNK_BYTES = {"cpu": 160 << 20, "cuda": 2 << 30}


def chunk_length(
    tokens: int, vocabulary: int, dtype: torch.dtype, device: torch.device, chunk_tokens: int | None
) -> int:
    """Tokens per chunk: all chunks are about as long, and none is longer than `chunk_tokens` or the memory budget.

    Raises:
        ValueError: `chunk_tokens` is not an integer of at least 1.
    """
    if chunk_tokens is None:
        budget = _CHUNK_BYTES.get(device.type, _CHUNK_BYTES["cuda"])
        chunk_tokens = max(1, budget // max(1, vocabulary * dtype.itemsize))
    elif isinstance(chunk_tokens, bool) or not isinstance(chunk_tokens, int) or chunk_tokens < 1:
        raise ValueError(f"chunk_tokens must be an integer of at least 1, got {chunk_tokens!r}")
    chunks = max(1, -(-tokens // chunk_tokens))
    return max(1, -(-tokens // chunks))


def row_chunks(rows_T: Tensor, length: int) -> Iterator[Tensor]:
    """The row numbers, a chunk at a time."""
    yield from rows_T.split(length) if rows_T.numel() else ()
